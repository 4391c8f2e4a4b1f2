#!/usr/bin/env python3
"""Records what the reference parser makes of the corpus, in golden.jsonl.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install hogql_parser==1.3.88
    /tmp/reference/bin/python compat/hogql/make.py

The corpus is corpus/*.txt, one text per line: a letter for what it is parsed as (s a statement, e an expression, o a
term of ORDER BY, t a template), a space, the text, with ⏎ for a line break. Texts are added here that combine every
operator with every other and put every keyword in every place.

Each line of the result is {"text", "tree"} or {"text", "refused"}. Fields that are null or false are left out of
trees, but for the value of a constant; positions are not recorded. Nothing in the test suite needs Python.
"""

import json
import sys
import types
from pathlib import Path

HERE = Path(__file__).parent

OPERATORS = [
    "+", "-", "*", "/", "%", "||", "=", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "not ilike", "=~", "!~*",
    "in cohort", "is distinct from", "is not distinct from", "<=>", "??", "and", "or",
]
POSTFIXES = [".b", ".1", "['k']", "[1]", "[1:2]", "?.b", "?.[1]", "?.1", "(x)", "::int", " is null", " is not null", " as c"]
KEYWORDS = (
    "all and anti any array as asc ascending asof between both by case cast cohort collate columns cross cube current "
    "date day desc descending distinct else end except exclude extract false fill filter final finally first fn "
    "following for from full fun group grouping having hour id if ignore ilike in include inf infinity inner interpolate "
    "intersect interval is join key lambda last leading left let like limit local materialized minute month name nan "
    "natural not null nulls offset on or order outer over partition pivot positional preceding prewhere qualify quarter "
    "range recursive replace return right rollup row rows sample second select semi sets settings step substring then "
    "throw ties time timestamp to top totals trailing trim true truncate try try_cast unbounded union unpivot using "
    "values week when where while window with within year zone"
).split()
PLACES = [
    "e {}", "e a.{}", "e {}.a", "e {}(a)", "e a as {}", "e {} -> a", "e (a, {}) -> a", "e ({})", "e [{}, a]", "e {} = 1",
    "e a::{}", "s select a {}", "s select a {} from t", "s select {}, a from t", "s select a, {} from t",
    "s select a from {}", "s select a from t {}", "s select a from t as {}", "s with {} as (select 1) select a",
    "s select a from t order by {} desc", "s select a from t group by {}", "o {}",
]


def generated():
    for first in OPERATORS:
        for second in OPERATORS:
            yield f"e a {first} b {second} c"
        yield f"e not a {first} b"
        yield f"e -a {first} b"
        yield f"e a {first} not b"
        yield f"e a {first} -b"
        yield f"e a {first} b between c and d"
        yield f"e a between b {first} c and d"
        yield f"e a between b and c {first} d"
        yield f"e a {first} b ? c : d"
        yield f"e a ? b {first} c : d"
        yield f"e a ? b : c {first} d"
        yield f"e x -> a {first} b"
        yield f"e (a {first} b) {first} c"
        yield f"e a {first} (b {first} c)"
        yield f"e case when a {first} b then c end"
        yield f"s select a {first} b c from d where a {first} b"
        for postfix in POSTFIXES:
            yield f"e a {first} b{postfix}"
    for first in POSTFIXES:
        for second in POSTFIXES:
            yield f"e a{first}{second}"
            yield f"e f(a){first}{second}"
    for keyword in KEYWORDS:
        for place in PLACES:
            yield place.format(keyword)


def corpus():
    for file in sorted((HERE / "corpus").glob("*.txt")):
        for line in file.read_text().split("\n"):
            if line:
                yield line.replace("⏎", "\n")
    yield from generated()


def reference():
    """The module, with the stub of the package it raises errors from."""
    errors = types.ModuleType("posthog.hogql.errors")
    for name in ("SyntaxError", "NotImplementedError", "ParsingError"):
        setattr(errors, name, type(name, (Exception,), {}))
    sys.modules.update({"posthog": types.ModuleType("posthog"), "posthog.hogql": types.ModuleType("posthog.hogql")})
    sys.modules["posthog.hogql.errors"] = errors
    import hogql_parser

    return {
        "s": hogql_parser.parse_select_json,
        "e": hogql_parser.parse_expr_json,
        "o": hogql_parser.parse_order_expr_json,
        # The caller of the reference puts the opening mark before a template itself.
        "t": lambda text, **options: hogql_parser.parse_full_template_string_json("F'" + text, **options),
    }


def compact(tree):
    if isinstance(tree, list):
        return [compact(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    is_constant = tree.get("node") == "Constant"
    return {
        key: compact(value)
        for key, value in sorted(tree.items())
        if value is not None and (value is not False or (is_constant and key == "value"))
    }


def main():
    parsers = reference()
    lines = []
    for text in dict.fromkeys(corpus()):
        tree = json.loads(parsers[text[0]](text[2:], is_internal=True))
        answer = {"refused": tree["type"]} if tree.get("error") else {"tree": compact(tree)}
        lines.append(json.dumps({"text": text, **answer}, ensure_ascii=False, separators=(",", ":")))
    (HERE / "golden.jsonl").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} texts")


if __name__ == "__main__":
    main()
