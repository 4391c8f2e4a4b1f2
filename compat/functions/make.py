#!/usr/bin/env python3
"""Asks ClickHouse what its functions answer, for the tests of `crates/functions`.

    python3 -m venv /tmp/chdb && /tmp/chdb/bin/pip install chdb==4.4.0
    /tmp/chdb/bin/python compat/functions/make.py [family…]

Writes `golden/<family>.jsonl`, one call per line:

    {"f": function, "a": [[type, [value of each row]] or [type, value] for a constant], "r": type, "v": [answers]}
    {"f": function, "a": …, "e": error code}
    {"f": function, "l": [type of the body, [body of each row]], "a": [the lists], "r": …, "v": …}   with a lambda

A `d` says why Hedgerow deliberately answers something else. Instants are ticks since the epoch in arguments, and seconds with a
fraction in answers. `cases.py` holds the calls.
"""

import json
import pathlib
import re
import sys

import chdb

import cases

HERE = pathlib.Path(__file__).parent
SETTINGS = """ SETTINGS output_format_json_quote_64bit_integers=1, output_format_json_quote_denormals=1,
 output_format_json_quote_decimals=1, output_format_json_named_tuples_as_objects=0, date_time_output_format='unix_timestamp',
 output_format_json_escape_forward_slashes=0, session_timezone='UTC', use_variant_as_common_type=0"""


def literal(ty, value):
    """`value` as an expression of type `ty`."""
    if value is None:
        return f"CAST(NULL, {quoted(nullable(ty))})"
    inner = re.fullmatch(r"(?:Nullable|LowCardinality)\((.*)\)", ty)
    if inner:
        return f"CAST({literal(inner[1], value)}, {quoted(ty)})"
    if match := re.fullmatch(r"DateTime64\((\d), '(.*)'\)", ty):
        suffix = {"3": "Milli", "6": "Micro", "9": "Nano"}[match[1]]
        return f"fromUnixTimestamp64{suffix}(toInt64({value}), '{match[2]}')"
    if match := re.fullmatch(r"DateTime\('(.*)'\)", ty):
        return f"toDateTime(toUInt32({value}), '{match[1]}')"
    if match := re.fullmatch(r"Interval(\w+)", ty):
        return f"toInterval{match[1]}({value})"
    if ty.startswith("Array("):
        item = ty[6:-1]
        return f"CAST([{', '.join(literal(item, v) for v in value)}], {quoted(ty)})"
    if ty.startswith("Tuple("):
        items = cases.split(ty[6:-1])
        parts = [literal(i.split(" ")[-1] if " " in i and "(" not in i.split(" ")[0] else i, v) for i, v in zip(items, value)]
        return f"CAST(tuple({', '.join(parts)}), {quoted(ty)})"
    if ty.startswith("Map("):
        key, item = cases.split(ty[4:-1])
        parts = [f"{literal(key, k)}, {literal(item, v)}" for k, v in value]
        return f"CAST(map({', '.join(parts)}), {quoted(ty)})" if parts else f"CAST(map(), {quoted(ty)})"
    if ty == "String":
        return quoted(value)
    if ty == "Bool":
        return "true" if value else "false"
    if ty == "UInt8" and isinstance(value, bool):
        value = int(value)
    return f"CAST({quoted(str(value))}, {quoted(ty)})"


def nullable(ty):
    return ty if ty.startswith("Nullable") else f"Nullable({ty})"


def quoted(text):
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def answer(case):
    """The line of one call."""
    line = {"f": case.function}
    arguments, columns, rows = [], [], 1
    for at, argument in enumerate(case.arguments):
        if argument.constant:
            arguments.append(literal(argument.type, argument.values[0]))
        else:
            rows = len(argument.values)
            items = ", ".join(literal(argument.type, value) for value in argument.values)
            columns.append(f"arrayElement(CAST([{items}], {quoted(f'Array({argument.type})')}), toInt64(number) + 1) AS c{at}")
            arguments.append(f"c{at}")
    line["a"] = [[a.type, a.values[0]] if a.constant else [a.type, a.values] for a in case.arguments]
    line["c"] = "".join("k" if a.constant else "c" for a in case.arguments)
    source = f"FROM (SELECT number, {', '.join(columns)} FROM numbers({rows}) ORDER BY number)" if columns else ""
    if case.body:
        names = ", ".join("xyz"[: case.variables])
        mapper = "arrayMap" if not case.function.startswith("map") else None
        call = f"{case.function}(({names}) -> {case.body}, {', '.join(arguments)})"
        if mapper:
            ty, values = ask(f"{mapper}(({names}) -> {case.body}, {', '.join(arguments)})", source)
        else:
            ty, values = ask(f"arrayMap(({names}) -> {case.body}, mapKeys({arguments[0]}), mapValues({arguments[0]}))", source)
        line["l"] = [ty, values]
    else:
        call = f"{case.function}({', '.join(arguments)})"
    try:
        line["r"], line["v"] = ask(call, source)
        if len(line["v"]) != rows:
            raise SystemExit(f"{call}: {len(line['v'])} answers for {rows} rows")
    except RuntimeError as error:
        code = re.search(r"Code: (\d+)", str(error))
        line["e"] = int(code[1]) if code else 0
        if case.fails:
            line["r"] = case.fails
        else:
            print("refused:", call[:200], "|", str(error)[:160].replace("\n", " "))
    if case.differs:
        line["d"] = case.differs
    return line


def ask(call, source):
    # How answers are written down must not show in what toJSONString writes.
    settings = " SETTINGS session_timezone='UTC'" if call.startswith("toJSONString") else SETTINGS
    result = chdb.query(f"SELECT toTypeName(r), r FROM (SELECT {call} AS r {source}) {settings}", "JSONCompactEachRow")
    # Pieces of characters read as U+FFFD, as they do in Hedgerow.
    rows = [json.loads(row) for row in result.bytes().decode(errors="replace").split("\n") if row]
    return rows[0][0], [row[1] for row in rows]


def main():
    golden = HERE / "golden"
    golden.mkdir(exist_ok=True)
    total = 0
    for family, calls in cases.families():
        if sys.argv[1:] and family not in sys.argv[1:]:
            continue
        lines = [json.dumps(answer(case), ensure_ascii=False, separators=(",", ":")) for case in calls]
        (golden / f"{family}.jsonl").write_text("\n".join(lines) + "\n")
        total += len(lines)
        print(family, len(lines))
    print(total, "calls, ClickHouse", str(chdb.query("SELECT version()")).strip())


if __name__ == "__main__":
    main()
