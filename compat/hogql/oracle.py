"""Runs the acceptance cases of HogQL on ClickHouse through our ClickHouse text, and compares result types with our static types.

Needs a Python with `chdb`, and `cargo build -p hogql --example oracle`:
    python oracle.py path/to/oracle [--write]
`--write` stores what was seen in `crates/hogql/test_data/acceptance.jsonl`, which `cargo test -p hogql` checks without ClickHouse.
"""

import json, pathlib, subprocess, sys
from chdb import session as chs
from cases import CASES, EVENTS, PERSONS, TYPES

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parents[1] / "crates/hogql/test_data/acceptance.jsonl"
SETTINGS = {"transform_null_in": 1, "use_variant_as_common_type": 0, "join_use_nulls": 0, "enable_positional_arguments": 0, "print_pretty_type_names": 0,
            "output_format_json_quote_64bit_integers": 0, "output_format_json_quote_denormals": 0}
COLUMNS = {
    "events": "uuid UUID, event String, properties String, timestamp DateTime64(6, 'Z'), distinct_id String, elements_chain String, created_at DateTime64(6, 'Z'), person_mode String, "
              + ", ".join(f"`$group_{i}` String" for i in range(5)) + ", person_id UUID, person_properties String",
    "persons": "id UUID, created_at DateTime64(6, 'Z'), properties String, is_identified Bool",
    "person_distinct_ids": "distinct_id String, person_id UUID",
    "groups": "`index` UInt8, `key` String, created_at DateTime64(6, 'Z'), updated_at DateTime64(6, 'Z'), properties String",
    "cohort_people": "person_id UUID, cohort_id Int64", "static_cohort_people": "person_id UUID, cohort_id Int64",
}


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Oracle:
    def __init__(self):
        self.session = chs.Session()
        for name, value in SETTINGS.items():
            self.session.query(f"set {name} = {value}")
        self.zone = None

    def load(self, zone):
        if zone == self.zone:
            return
        self.zone = zone
        self.session.query("drop database if exists d")
        self.session.query("create database d")
        self.session.query("use d")
        for table, columns in COLUMNS.items():
            self.session.query(f"create table {table} ({columns.replace(chr(39) + 'Z' + chr(39), quote(zone))}) engine Memory")
        for n, timestamp, event, distinct, session, group, properties in EVENTS:
            person = PERSONS[distinct]
            document = dict(properties)
            if session:
                document["$session_id"] = session
            uuid = f"0190a000-0000-7000-8000-{n:012d}"
            at = f"toDateTime64({quote(timestamp)}, 6, 'UTC')"
            row = [quote(uuid), quote(event), quote(json.dumps(document, ensure_ascii=False, separators=(",", ":"))), at, quote(distinct), "''", at, "'full'",
                   quote(group), "''", "''", "''", "''", quote(person[0]), quote(person[1])]
            self.session.query(f"insert into events values ({', '.join(row)})")
        for uuid, properties, created, ids in {tuple(map(lambda x: tuple(x) if isinstance(x, list) else x, p)) for p in PERSONS.values()}:
            self.session.query(f"insert into persons values ({quote(uuid)}, toDateTime64({quote(created)}, 6, 'UTC'), {quote(properties)}, true)")
            for distinct in ids:
                self.session.query(f"insert into person_distinct_ids values ({quote(distinct)}, {quote(uuid)})")
        self.session.query("""insert into groups values (0, 'acme', now64(6), now64(6), '{"tier":"gold","seats":10}'), (0, 'beta', now64(6), now64(6), '{"tier":"tin"}')""")
        self.session.query("insert into static_cohort_people values ('00000000-0000-4000-8000-000000000001', 5)")

    def describe(self, sql, parameters):
        for at, value in enumerate(parameters):
            sql = sql.replace(f"{{p{at}:String}}", quote(value))
        out = json.loads(str(self.session.query(f"describe ({sql})", "JSONCompact")))
        return [row[1] for row in out["data"]]

    def run(self, sql, parameters):
        for at, value in enumerate(parameters):
            sql = sql.replace(f"{{p{at}:String}}", quote(value))
        out = json.loads(str(self.session.query(sql, "JSONCompact")))
        return [column["type"] for column in out["meta"]], out["data"]


def close(a, b):
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b))
    if isinstance(a, bool) or isinstance(b, bool):
        return a in (b, int(b) if isinstance(b, bool) else b)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b) <= 1e-9 * max(1, abs(b))
    return a == b


def main():
    binary, write = sys.argv[1], "--write" in sys.argv
    requests = [dict(case) for case in CASES] + [dict(case) for case in TYPES]
    lines = "\n".join(json.dumps({k: v for k, v in r.items() if k not in ("expect", "id")}) for r in requests)
    answers = [json.loads(line) for line in subprocess.run([binary], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()]
    oracle, failed, agreed, typed, golden, refused, kinds = Oracle(), 0, 0, 0, [], [], []
    for request, answer in zip(requests, answers):
        name = request.get("id", "type")
        expect = request.get("expect")
        shown = {"id": name, "request": {k: v for k, v in request.items() if k not in ("expect", "id")}}
        if "error" in answer:
            good = isinstance(expect, dict) and expect["error"] in answer["error"]
            if name == "type":
                # What we refuse for its types, ClickHouse must not have been needed for.
                refused.append((request["query"], answer["error"]))
                continue
            if not good:
                failed += 1
                print("FAIL", name, request["query"][:120], "->", answer["error"])
            golden.append({**shown, "error": answer["error"], "code": answer["code"]})
            continue
        oracle.load(request.get("timezone", "UTC"))
        try:
            if name == "type":
                types, rows = oracle.describe(answer["sql"], answer["parameters"]), None
            else:
                types, rows = oracle.run(answer["sql"], answer["parameters"])
        except Exception as error:
            failed += 1
            print("FAIL", name, request["query"][:160], "\n    ", answer["sql"][:200], "\n    ", str(error)[:200])
            continue
        for (column, ours), theirs in zip(answer["columns"], types):
            typed += 1
            agreed += ours == theirs
            if ours != theirs:
                print("TYPE", name, request["query"][:90], column[:80], "ours", ours, "theirs", theirs)
        if isinstance(expect, dict) and "hogql" in expect:
            if expect["hogql"] not in answer["hogql"]:
                failed += 1
                print("FAIL", name, answer["hogql"])
        elif expect is not None and not close(rows, expect):
            failed += 1
            print("FAIL", name, request["query"][:160], "\n     got ", rows, "\n     want", expect, "\n    ", answer["sql"][:500])
        if name == "type":
            kinds.append([request["query"], types[0]])
            continue
        golden.append({**shown, "columns": answer["columns"], "sql": answer["sql"], "parameters": answer["parameters"], "page": answer["page"]})
    print(f"{len(requests) - failed} of {len(requests)} cases, types {agreed} of {typed}")
    print(len(refused), "calls refused for their types:", sorted({error.split(" of function ")[-1] for _, error in refused})[:200] if "--refused" in sys.argv else "")
    if write:
        (GOLDEN.parent / "calls.tsv").write_text("".join(f"{query}\t{ty}\n" for query, ty in kinds))
        GOLDEN.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in golden))


if __name__ == "__main__":
    main()
