"""Every call of `compat/functions/golden` that HogQL can spell, as queries: the values of each argument come row by row.

Calls that share their columns share a query, `select f(x0), g(x0, 'é') from (select [1, 2][number + 1] as x0 from numbers(2))`.
"""

import csv
import datetime
import json
import pathlib
import re

FUNCTIONS = pathlib.Path(__file__).resolve().parents[1] / "functions"
CATALOGUE = pathlib.Path(__file__).resolve().parents[2] / "crates/hogql/src/catalogue.tsv"
#: Answers that differ from run to run, or show the clock.
UNSTABLE = {"now", "now64", "today", "yesterday", "rand", "rand32", "rand64", "generateUUIDv4", "generateUUIDv7", "rowNumberInAllBlocks", "randomString"}
CALLS_IN_ONE = 10
UNITS = {"3": 1_000, "6": 1, "9": 1}


class Unspoken(Exception):
    """HogQL has no literal of this type."""


def catalogue():
    """Names and tiers of HogQL by the name of ClickHouse."""
    out = {}
    for line in CATALOGUE.read_text().splitlines()[1:]:
        name, native, *_, kind, tier = (line.split("\t") + [""])[:6]
        out.setdefault(name if native == "-" else native, []).append((name, kind, tier))
    return out


def text(value):
    out = value.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    if re.search(r"[\x01-\x06\x0e-\x1f]", out):
        raise Unspoken(out)
    return f"'{out}'"


def literal(ty, value):
    if match := re.fullmatch(r"(?:Nullable|LowCardinality)\((.*)\)", ty):
        return "NULL" if value is None else literal(match[1], value)
    if value is None:
        return "NULL"
    if ty == "String":
        return text(value)
    if ty == "Bool":
        return "true" if value else "false"
    if re.fullmatch(r"U?Int(8|16|32|64)", ty):
        return str(int(value))
    if ty in ("Float64", "Float32"):
        number = float(value)
        return "NaN" if number != number else "Inf" if number == float("inf") else "-Inf" if number == float("-inf") else repr(number).replace("e+", "e")
    if ty == "UUID":
        return f"toUUID({text(value)})"
    if ty == "Date":
        return f"toDate({text(value)})"
    if match := re.fullmatch(r"DateTime(?:64\((\d), )?\(?'(.*)'\)", ty):
        micros = int(value) * (UNITS[match[1]] if match[1] else 1_000_000) // (1000 if match[1] == "9" else 1)
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)
        return f"toTimeZone(toDateTime('{moment}', 'UTC'), '{match[2]}')"
    if match := re.fullmatch(r"Interval(\w+)", ty):
        return f"toInterval{match[1]}({value})"
    if ty.startswith("Array("):
        return f"[{', '.join(literal(ty[6:-1], item) for item in value)}]"
    if ty.startswith("Tuple("):
        kinds = [part.split(" ")[-1] if re.match(r"\w+ \w", part) else part for part in arguments(ty[6:-1])]
        return f"tuple({', '.join(literal(kind, item) for kind, item in zip(kinds, value))})"
    if ty.startswith("Map(") and value:
        key, item = arguments(ty[4:-1])
        return f"map({', '.join(f'{literal(key, k)}, {literal(item, v)}' for k, v in value)})"
    raise Unspoken(ty)


def arguments(inside):
    out, depth, start = [], 0, 0
    for at, c in enumerate(inside):
        depth += (c == "(") - (c == ")")
        if c == "," and not depth:
            out.append(inside[start:at].strip())
            start = at + 1
    return out + [inside[start:].strip()]


def calls():
    """Pairs of columns and a call over them."""
    names, out = catalogue(), []
    for path in sorted((FUNCTIONS / "golden").glob("*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            known = [name for name, kind, _ in names.get(line["f"], []) if kind == "scalar"]
            if not known or line["f"] in UNSTABLE or "l" in line or "e" in line or "d" in line:
                continue
            name = line["f"] if line["f"] in known else known[0]
            columns, given = [], []
            try:
                for (ty, value), how in zip(line["a"], line["c"]):
                    if how == "k":
                        given.append(literal(ty, value))
                    else:
                        columns.append(f"[{', '.join(literal(ty, one) for one in value)}]")
                        given.append(f"x{len(columns) - 1}")
                        rows = len(value)
            except (Unspoken, OverflowError):
                continue
            out.append(((rows if columns else 1, *columns), f"{name}({', '.join(given)})"))
    return list(dict.fromkeys(out))


def query(columns, chosen):
    rows, *arrays = columns
    selected = ", ".join(f"{call} as c{at}" for at, call in enumerate(chosen))
    if not arrays:
        return f"select {selected}"
    inner = ", ".join(f"{array}[number + 1] as x{at}" for at, array in enumerate(arrays))
    return f"select {selected} from (select number, {inner} from numbers({rows})) order by number limit 10000"


def queries():
    """Each call alone."""
    return [{"class": "function", "query": query(columns, [call]), "zone": "UTC", "columns": columns, "call": call} for columns, call in calls()]


def combined(chosen):
    """The queries of `chosen`, several calls in each."""
    by_columns, out = {}, []
    for one in chosen:
        by_columns.setdefault(one["columns"], []).append(one)
    for columns, made in by_columns.items():
        for at in range(0, len(made), CALLS_IN_ONE):
            calls = made[at:at + CALLS_IN_ONE]
            out.append({"class": "functions", "query": query(columns, [one["call"] for one in calls]), "zone": "UTC", "calls": calls})
    return out


if __name__ == "__main__":
    singles = queries()
    together = combined(singles)
    print(len(singles), "calls,", len(together), "queries,", sum(len(q["query"]) for q in together), "bytes")
    used = {one["call"].split("(")[0] for one in singles}
    print("tier 1 without a call:", sorted(name for entries in catalogue().values() for name, kind, tier in entries if tier == "1" and kind == "scalar" and name not in used))
