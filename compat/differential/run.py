"""Asks a running Hedgerow and ClickHouse the same questions about the same rows, and compares the answers cell by cell.

    python run.py path/to/hedgerow path/to/oracle [--write] [--only class] [--show n] [--seed n]

Needs a Python with `chdb` (see compat/functions/README.md) and `cargo build -p hogql --example oracle`. The rows of `events.jsonl` go to
Hedgerow over HTTP as any SDK sends them, and into tables of ClickHouse as the printed text expects them. `--write` keeps ClickHouse's
answers in `golden.jsonl`, which the test `generated_queries_answer_what_clickhouse_does` asks for without ClickHouse.
"""

import argparse
import concurrent.futures
import datetime
import decimal
import http.client
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import zoneinfo

from chdb import session

import dataset
import functions
import generate
import known

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "golden.jsonl"
KEY, TOKEN = "phx_test", "phc_test"
# The same rows, in both orders.
DATABASES = ("forwards", "backwards")
SETTINGS = {"transform_null_in": 1, "use_variant_as_common_type": 0, "join_use_nulls": 0, "enable_positional_arguments": 0, "print_pretty_type_names": 0,
            "output_format_json_quote_64bit_integers": 0, "output_format_json_quote_decimals": 1, "output_format_json_quote_denormals": 0, "output_format_json_named_tuples_as_objects": 0, "max_threads": 1,
            "optimize_min_equality_disjunction_chain_length": 4294967295, "date_time_output_format": "'unix_timestamp'", "max_execution_time": 20}
TABLES = {
    "events": "uuid UUID, event String, properties String, timestamp DateTime64(6, 'Z'), distinct_id String, elements_chain String, created_at DateTime64(6, 'Z'), person_mode String, "
              + ", ".join(f"`$group_{i}` String" for i in range(5)) + ", person_id UUID, person_properties String",
    "persons": "id UUID, created_at DateTime64(6, 'Z'), properties String, is_identified Bool",
    "raw_persons": "id UUID, created_at DateTime64(6, 'Z'), properties String, is_identified Bool, is_deleted Bool, version Int64",
    "person_distinct_ids": "distinct_id String, person_id UUID",
    "raw_person_distinct_ids": "distinct_id String, person_id UUID, is_deleted Bool, version Int64",
    "groups": "`index` UInt8, `key` String, created_at DateTime64(6, 'Z'), updated_at DateTime64(6, 'Z'), properties String",
    "cohort_people": "person_id UUID, cohort_id Int64", "static_cohort_people": "person_id UUID, cohort_id Int64",
}


class Hedgerow:
    """A server on a directory of its own, with the rows and objects of the suite."""

    def __init__(self, binary):
        self.directory = tempfile.TemporaryDirectory()
        environment = {**os.environ, "HEDGEROW_PROJECT_TOKEN": TOKEN, "HEDGEROW_PERSONAL_API_KEY": KEY, "HEDGEROW_BALLAST_BYTES": "0"}
        arguments = [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.directory.name + "/data", "--clock", dataset.NOW]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment, cwd=self.directory.name)
        self.port = int(re.search(r":(\d+)$", self.process.stdout.readline().strip())[1])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def send(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else None
        connection.request(method, path, data, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def api(self, method, path, body=None):
        status, text = self.send(method, "/api/projects/1/" + path, body)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {text[:400]}")
        return json.loads(text)

    def pages(self, path):
        out, page = [], self.api("GET", path)
        while True:
            out += page["results"]
            if not page.get("next"):
                return out
            page = json.loads(self.send("GET", page["next"].split(f":{self.port}", 1)[1])[1])

    def hogql(self, text, limit=50000):
        return self.api("POST", "query/", {"query": {"kind": "HogQLQuery", "query": f"{text} limit {limit}"}})["results"]

    def fill(self):
        for line in dataset.EVENTS.read_text().splitlines():
            status, text = self.send("POST", "/batch/", '{"api_key":"%s","batch":%s}' % (TOKEN, line))
            assert status == 200, text
        while float(re.search(r"^hedgerow_ingest_lag_records (\S+)", self.send("GET", "/metrics")[1], re.M)[1]) > 0:
            time.sleep(0.05)
        members = [self.api("GET", f"persons/?distinct_id=user-{n}")["results"][0]["uuid"] for n in range(0, 12, 2)]
        self.static = self.api("POST", "cohorts/", {"name": "Regulars", "is_static": True, "_create_static_person_ids": members})
        rule = {"properties": {"type": "AND", "values": [{"type": "AND", "values": [{"key": "plan", "value": "pro", "type": "person", "operator": "exact"}]}]}}
        self.dynamic = self.api("POST", "cohorts/", {"name": "Pros", "filters": rule})
        self.action = self.api("POST", "actions/", {"name": "Bought", "steps": [{"event": "purchase"}]})

    def project(self):
        """What the language knows of the project, for the oracle."""
        types = {}
        for owner, path in [("event", "type=event"), ("person", "type=person"), ("0", "type=group&group_type_index=0"), ("1", "type=group&group_type_index=1")]:
            types[owner] = {d["name"]: d["property_type"] for d in self.pages(f"property_definitions/?{path}&limit=1000") if d["property_type"]}
        groups = [g["group_type"] for g in sorted(self.api("GET", "groups_types/"), key=lambda g: g["group_type_index"])]
        cohorts = [{"id": c["id"], "name": c["name"], "is_static": c["is_static"]} for c in (self.static, self.dynamic)]
        return {"types": types, "groups": groups, "cohorts": cohorts, "actions": [{"id": self.action["id"], "name": "Bought", "event": "purchase"}]}

    def rows(self):
        """Every table as rows for ClickHouse: documents as they were sent, beside what ingestion added."""
        sent = {}
        for line in dataset.EVENTS.read_text().splitlines():
            for event, raw in zip(json.loads(line), split_documents(line)):
                sent[event["uuid"]] = (event, raw)
        stored = self.hogql("select uuid, event, properties, timestamp, distinct_id, elements_chain, created_at, person_mode, $group_0, $group_1, person_id, poe.properties from events")
        assert len(stored) == len(sent), (len(stored), len(sent))
        events = []
        for uuid, name, document, timestamp, distinct_id, chain, created, mode, group_0, group_1, person, person_properties in stored:
            event, raw = sent[uuid]
            assert (event["event"], event["distinct_id"], event["timestamp"]) == (name, distinct_id, timestamp), (event, timestamp)
            kept = json.loads(document)
            added = {key: value for key, value in kept.items() if key not in event["properties"]}
            lost = {key for key, value in event["properties"].items() if key not in kept or kept[key] != value}
            # The chain becomes a column, and what is set first gets company.
            assert lost <= {"$elements_chain", "$set_once", "$set"}, (lost, event, kept)
            added |= {key: kept[key] for key in lost if key in kept}
            raw = {key: dataset.Raw(text) for key, text in raw.items() if key not in lost}
            events.append({"uuid": uuid, "event": name, "properties": dataset.dumps({**raw, **added}), "timestamp": instant(timestamp), "distinct_id": distinct_id, "elements_chain": chain, "created_at": instant(created),
                           "person_mode": mode, "$group_0": group_0, "$group_1": group_1, "person_id": person, "person_properties": person_properties})
        persons = self.pages("persons/?limit=1000")
        listed = [{"id": p["uuid"], "created_at": instant(p["created_at"]), "properties": json.dumps(p["properties"], ensure_ascii=False), "is_identified": p["is_identified"]} for p in persons]
        ids = [{"distinct_id": id, "person_id": p["uuid"]} for p in persons for id in p["distinct_ids"]]
        groups = [{"index": g["group_type_index"], "key": g["group_key"], "created_at": instant(g["created_at"]), "updated_at": instant(g["created_at"]), "properties": json.dumps(g["group_properties"], ensure_ascii=False)}
                  for n in (0, 1) for g in self.pages(f"groups/?group_type_index={n}")]
        members = lambda cohort: [{"person_id": p["uuid"], "cohort_id": cohort["id"]} for p in self.pages(f"cohorts/{cohort['id']}/persons/")]
        return {"events": events, "persons": listed, "raw_persons": [{**p, "is_deleted": False, "version": 0} for p in listed], "person_distinct_ids": ids,
                "raw_person_distinct_ids": [{**i, "is_deleted": False, "version": 0} for i in ids], "groups": groups, "static_cohort_people": members(self.static), "cohort_people": members(self.dynamic)}

    def ask(self, query):
        node = {"kind": "HogQLQuery", "query": query["query"]}
        if "persons" in query:
            node["modifiers"] = {"personsOnEventsMode": query["persons"]}
        status, text = self.send("POST", "/api/projects/1/query/", {"query": node})
        answer = json.loads(text)
        if status != 200:
            return {"status": status, "error": answer.get("detail", text)}
        return {"types": [ty for _, ty in answer["types"]], "rows": answer["results"]}


def split_documents(line):
    """The properties of each event of a batch: name and JSON as written."""
    decoder = json.JSONDecoder()
    out, at = [], 0
    while (at := line.find('"properties":{', at)) >= 0:
        at += len('"properties":')
        document, pairs = {}, at + 1
        while line[pairs] != "}":
            key, end = decoder.raw_decode(line, pairs)
            value, stop = decoder.raw_decode(line, end + 1)
            document[key] = line[end + 1:stop]
            pairs = stop + (line[stop] == ",")
        out.append(document)
        at = pairs
    return out


def instant(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    delta = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    micros = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    return f"{micros // 1_000_000}.{micros % 1_000_000:06}"


class ClickHouse:
    def __init__(self, rows):
        self.session = session.Session()
        self.rows = rows
        self.zone = None
        for name, value in SETTINGS.items():
            self.session.query(f"set {name} = {value}")

    def load(self, zone):
        if zone == self.zone:
            return
        self.zone = zone
        for database in DATABASES:
            for statement in [f"drop database if exists {database}", f"create database {database}", f"use {database}"]:
                self.session.query(statement)
            for table, columns in TABLES.items():
                zoned = columns.replace("'Z'", f"'{zone}'")
                self.session.query(f"create table {table} ({zoned}) engine Memory")
                if self.rows[table]:
                    rows = self.rows[table][::-1] if database == "backwards" else self.rows[table]
                    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
                    self.session.query(f"insert into {table} settings date_time_input_format = 'best_effort' format JSONEachRow {lines}")

    def ask(self, query, sql, parameters):
        """The answer, and whether it is another one when the rows of the tables come in the opposite order: a sum of 2^63, -2^63
        and 1 as floats, say, is 1 or 0."""
        answers = []
        for database in DATABASES:
            self.session.query(f"use {database}")
            answers.append(self.run(sql, parameters))
        one, other = answers
        one["by_order"] = "error" not in one and verdict(query, other, one) is not None
        return one

    def run(self, sql, parameters):
        text = re.sub(r"\{p(\d+):String\}", lambda match: quote(parameters[int(match[1])]), sql)
        try:
            out = json.loads(self.session.query(text, "JSONCompact").bytes().decode(errors="replace"))
        except Exception as error:
            return {"error": str(error)[:600], "sql": text}
        types = [column["type"] for column in out["meta"]]
        readers = [Type(ty) for ty in types]
        return {"types": types, "rows": [[reader.read(value) for reader, value in zip(readers, row)] for row in out["data"]], "sql": text}


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0") + "'"


class Type:
    """A type of ClickHouse, and how Hedgerow writes its values as JSON."""

    def __init__(self, text):
        name, _, rest = text.partition("(")
        inside = split(rest[:-1]) if rest else []
        self.name, self.zone, self.inner, self.scale = name, None, [], None
        if name in ("Nullable", "LowCardinality"):
            inner = Type(inside[0])
            self.name, self.zone, self.inner, self.scale = inner.name, inner.zone, inner.inner, inner.scale
        elif name in ("DateTime", "DateTime64"):
            zone = [part.strip("'") for part in inside if part.startswith("'")]
            self.zone = zoneinfo.ZoneInfo(zone[0] if zone else "UTC")
        elif name == "Decimal":
            self.scale = int(inside[1])
        elif name in ("Array", "Map"):
            self.inner = [Type(part) for part in inside]
        elif name == "Tuple":
            self.inner = [Type(part.split(" ", 1)[1] if re.match(r"[`\w]+ \w", part) else part) for part in inside]

    def read(self, value):
        if value is None:
            return None
        if self.zone:
            whole, _, fraction = str(value).partition(".")
            micros = int((fraction + "000000")[:6] or 0)
            micros = -micros if whole.startswith("-") and micros else micros
            moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=int(whole), microseconds=micros)
            local = moment.astimezone(self.zone)
            text = local.strftime("%Y-%m-%dT%H:%M:%S") + (f".{local.microsecond:06}" if local.microsecond else "")
            offset = local.utcoffset()
            if self.zone.key in ("UTC", "Etc/UTC"):
                return text + "Z"
            minutes = int(offset.total_seconds() // 60)
            return text + f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
        if self.scale is not None:
            return str(decimal.Decimal(value).quantize(decimal.Decimal(1).scaleb(-self.scale)))
        if self.name == "Array":
            return [self.inner[0].read(item) for item in value]
        if self.name == "Tuple":
            return [inner.read(item) for inner, item in zip(self.inner, value)]
        if self.name == "Map":
            return {key: self.inner[1].read(item) for key, item in value.items()}
        return value


def split(text):
    out, depth, start, quoted = [], 0, 0, False
    for at, c in enumerate(text):
        quoted ^= c == "'"
        depth += (c == "(") - (c == ")") if not quoted else 0
        if c == "," and depth == 0 and not quoted:
            out.append(text[start:at].strip())
            start = at + 1
    return out + [text[start:].strip()]


def same(a, b, exact):
    """Whether two values are equal; floats to nine digits."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or not exact and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, exact) for x, y in zip(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[key], exact) for key, value in a.items())
    return a == b


def close(a, b, types):
    """Whether two rows are equal."""
    return len(a) == len(b) == len(types) and all(same(x, y, "Float" not in ty) for x, y, ty in zip(a, b, types))


def verdict(query, ours, theirs):
    """None if both agree, else how they differ."""
    if "error" in theirs:
        return None if "error" in ours else "only ClickHouse refuses"
    if "error" in ours:
        return "only Hedgerow refuses"
    rows, expected = ours["rows"], theirs["rows"]
    if " with ties" in query["query"]:
        # Ties are all there, in whatever order.
        rows, expected = (sorted(side, key=json.dumps) for side in (rows, expected))
    if len(rows) != len(expected) or not all(close(a, b, theirs["types"]) for a, b in zip(rows, expected)):
        return "rows"
    return None if ours["types"] == theirs["types"] else "types"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("hedgerow")
    arguments.add_argument("oracle")
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--only")
    arguments.add_argument("--match")
    arguments.add_argument("--show", type=int, default=25)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    queries = generate.queries(options.seed) + functions.combined(functions.queries())
    if options.only:
        queries = [q for q in queries if q["class"] == options.only]
    if options.match:
        queries = [q for q in queries if options.match in q["query"]]
    suite = Suite(options)
    try:
        asked = suite.ask(queries)
        # Calls of functions share queries; where one differs, each is asked alone, and those that agree together again.
        apart = [one for query, ours, theirs in asked if query["class"] == "functions" and (verdict(query, ours, theirs) or "error" in theirs) for one in query["calls"]]
        alone = suite.ask(apart)
        agreed = [query for query, ours, theirs in alone if not verdict(query, ours, theirs) and "error" not in theirs]
        asked = [one for one in asked if one[0]["class"] != "functions" or not (verdict(*one) or "error" in one[2])]
        asked += [one for one in alone if verdict(*one) or "error" in one[2]] + suite.ask(functions.combined(agreed))
    finally:
        suite.server.stop()
    report(asked, options)


class Suite:
    """Both sides with the same rows."""

    def __init__(self, options):
        self.oracle, self.server = options.oracle, Hedgerow(options.hedgerow)
        self.server.fill()
        self.project, self.clickhouse = self.server.project(), ClickHouse(self.server.rows())

    def ask(self, queries):
        """Queries with the answers of Hedgerow and of ClickHouse."""
        printed = ask_oracle(self.oracle, queries, self.project)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answers = pool.submit(ask_hedgerow, self.server, queries)
            reference = ask_clickhouse(self.clickhouse, queries, printed)
            return list(zip(queries, answers.result(), reference))


def settings_of(query):
    return query["zone"], query.get("week", "sunday")


def ask_oracle(binary, queries, project):
    lines = [json.dumps({"query": q["query"], "timezone": q["zone"], "week": q.get("week", "sunday"), "persons": q.get("persons", ""), "now": dataset.NOW, "project": project, "api_key": True}) for q in queries]
    out = subprocess.run([binary], input="\n".join(lines), capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def ask_hedgerow(server, queries):
    answers = [None] * len(queries)
    for settings in sorted({settings_of(q) for q in queries}):
        zone, week = settings
        server.api("PATCH", "", {"timezone": zone, "week_start_day": 1 if week == "monday" else 0})
        places = [at for at, q in enumerate(queries) if settings_of(q) == settings]
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for at, answer in zip(places, pool.map(lambda at: server.ask(queries[at]), places)):
                answers[at] = answer
    return answers


def ask_clickhouse(clickhouse, queries, printed):
    answers = [None] * len(queries)
    for at in sorted(range(len(queries)), key=lambda at: queries[at]["zone"]):
        clickhouse.load(queries[at]["zone"])
        out = printed[at]
        answers[at] = {"error": out["error"], "sql": ""} if "error" in out else clickhouse.ask(queries[at], out["sql"], out["parameters"])
    return answers


def report(asked, options):
    tally, shown, golden = {}, 0, []
    for query, ours, theirs in asked:
        how = verdict(query, ours, theirs)
        reason = known.reason(query, ours, theirs, how) if how else None
        if theirs.get("by_order"):
            # Neither side promises an order, so there is no answer to compare with.
            tally["depends on the order of rows"] = tally.get("depends on the order of rows", 0) + 1
            continue
        kind = "equal" if how is None and "error" not in theirs else "both refuse" if how is None else f"known: {reason}" if reason else how
        tally[kind] = tally.get(kind, 0) + 1
        if how is None and "error" not in theirs:
            golden.append([*settings_of(query), query.get("persons", ""), query["query"], theirs["types"], theirs["rows"]])
        if kind in ("rows", "types", "only Hedgerow refuses", "only ClickHouse refuses", "both refuse") and shown < options.show:
            shown += 1
            print(f"--- {kind} [{query['class']} {query['zone']}]\n{query['query']}")
            if kind == "both refuse":
                print("  ours  ", ours["error"][:200], "\n  theirs", theirs["error"][:200])
                continue
            for name, answer in (("ours  ", ours), ("theirs", theirs)):
                if "error" in answer:
                    print("  " + name, answer["error"][:300])
            if kind == "types":
                print("  ours  ", ours["types"], "\n  theirs", theirs["types"])
            if kind == "rows":
                if len(ours["rows"]) != len(theirs["rows"]):
                    print(f"  {len(ours['rows'])} rows, ClickHouse {len(theirs['rows'])}")
                for mine, right in zip(ours["rows"], theirs["rows"]):
                    if not close(mine, right, theirs["types"]):
                        print("  ours  ", json.dumps(mine, ensure_ascii=False)[:400], "\n  theirs", json.dumps(right, ensure_ascii=False)[:400])
                        break
                print("  types ", ours["types"])
            if "sql" in theirs and kind != "types":
                print("  sql   ", theirs["sql"][:700])
    for kind, count in sorted(tally.items(), key=lambda pair: -pair[1]):
        print(f"{count:6} {kind}")
    if options.write:
        golden.sort(key=lambda line: line[:3])
        GOLDEN.write_text("".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in golden))
        print(len(golden), "golden,", GOLDEN.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
