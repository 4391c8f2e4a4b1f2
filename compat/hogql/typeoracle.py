"""Asks ClickHouse for the type of every shape in `shapes.py` and writes `crates/hogql/test_data/types.tsv`.

Run with a Python that has `chdb`. Shapes that ClickHouse refuses are left out: what is tested is that types agree where both have one.
"""

import itertools, pathlib, re
from chdb import session as chs
from shapes import AGGREGATES, CLASSES, PARAMETERS, SCALARS

OUT = pathlib.Path(__file__).resolve().parents[2] / "crates/hogql/test_data/types.tsv"
TOKEN = re.compile(r"'[^']*'|\[[^\]]*\]|\w+\((?:[^()]|\([^()]*\))*\)|\S+")


def options(token):
    """The types or constants that one token of a shape stands for."""
    return CLASSES.get(token, [token])


def expand(shape):
    tokens = TOKEN.findall(shape)
    return itertools.product(*[options(t) for t in tokens])


def main():
    ses = chs.Session()
    q = lambda sql: ses.query(sql, "TSVRaw")
    ses.query("create database d")
    ses.query("set print_pretty_type_names = 0")
    ses.query("set use_variant_as_common_type = 0")
    types = sorted({t for ts in CLASSES.values() for t in ts} | {"Array(Array(UInt8))", "Nullable(UUID)"})
    extra = set()
    for table in (SCALARS, AGGREGATES):
        for shapes in table.values():
            for shape in shapes.split(";"):
                for t in TOKEN.findall(shape):
                    if t not in CLASSES and re.match(r"[A-Z]\w+", t):
                        extra.add(t)
    types = sorted(set(types) | {t for t in extra if not t.endswith("_")})
    column = {t: f"c{i}" for i, t in enumerate(types)}
    ses.query("create table d.t (" + ", ".join(f"{c} {t}" for t, c in column.items()) + ") engine Memory")
    ses.query("insert into d.t select * from generateRandom('" + ", ".join(f"{c} {t}" for t, c in column.items()).replace("'", "\\'") + "') limit 1")
    lines, refused = [], 0
    for kind, table in (("scalar", SCALARS), ("aggregate", AGGREGATES)):
        jobs = []
        for function, shapes in table.items():
            if function.endswith("_"):
                continue
            for shape in shapes.split(";"):
                for args in expand(shape.strip()):
                    if any(a.endswith("_") for a in args):
                        continue
                    jobs.append((function, args))
        jobs = list(dict.fromkeys(jobs))
        for function, args in jobs:
            sql = f"{function}{PARAMETERS.get(function, '')}({', '.join(column.get(a, a) for a in args)})"
            try:
                out = str(ses.query(f"describe (select {sql} as x from d.t)", "TSVRaw")).split("\t")[1]
            except Exception:
                refused += 1
                continue
            lines.append("\t".join([kind, function, "|".join(args), out]))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text("\n".join(lines) + "\n")
    print(len(lines), "types,", refused, "refused")


main()
