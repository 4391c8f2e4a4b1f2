"""One peer in a process of its own: `peer.py load A1 …` fills it, `peer.py serve A1 …` answers questions.

| layout | what |
| --- | --- |
| A1 | ClickHouse, properties as JSON text, read as PostHog prints it |
| A2 | the same with 18 properties as columns of their own, which somebody had to choose |
| B1 | DuckDB, properties as JSON text |
| B2 | the same with these 18 properties as columns |

`load` prints one line of JSON: seconds, processor seconds, peak memory in MiB, bytes on disk.

`serve` prints `READY` when it is open. Then it reads questions by name, one per line, and answers each with one line of JSON
until its input ends: lists with the `uuids` of their rows, the export with its size, everything else with CSV without a head.

    {"ms": 80.1, "cpu_ms": 130.4, "rss": 471, "text": "Chrome,1234\\nSafari,567\\n"}
    {"ms": 3444.9, "cpu_ms": 6310.0, "rss": 512, "bytes": 1200000000}
    {"error": "what went wrong"}

`ms` is wall time, `cpu_ms` processor time of the whole process, `rss` its peak memory in MiB during the question.
"""

import argparse
import glob
import json
import os
import time

import questions
from processes import cpu_seconds, measured, peak_mb

COLUMNS = "uuid, event, properties, timestamp, team_id, distinct_id, elements_chain, created_at, person_id, person_properties"


class ClickHouse:
    """ClickHouse as a library."""

    def __init__(self, layout, directory, threads, memory_mb):
        from chdb import session

        self.layout = layout
        self.threads = threads
        self.session = session.Session(os.path.join(directory, layout))
        self.session.query("CREATE DATABASE IF NOT EXISTS b")
        self.session.query("USE b")
        # The condition cache remembers which rows matched: a second run would not do the work again.
        self.settings = f" SETTINGS max_threads={threads}, use_query_condition_cache=0, max_memory_usage={memory_mb << 20}"

    def load(self, files):
        hot = ""
        if self.layout == "A2":
            value = "replaceRegexpAll(JSONExtractRaw(properties, '{0}'), '^\"|\"$', '')"
            column = ", `mat_{0}` String MATERIALIZED " + value
            hot = "".join(column.format(key) for key in questions.HOT)
        self.session.query("DROP TABLE IF EXISTS events SYNC")
        self.session.query(f"""CREATE TABLE events (uuid UUID, event String, properties String CODEC(ZSTD(3)),
            timestamp DateTime64(6, 'UTC'), team_id Int64, distinct_id String, elements_chain String,
            created_at DateTime64(6, 'UTC'), person_id UUID, person_properties String CODEC(ZSTD(3)){hot})
            ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp)
            ORDER BY (team_id, toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid))""")
        for file in files:
            self.session.query(f"""INSERT INTO events SELECT {COLUMNS} FROM file('{file}', Parquet)
                SETTINGS max_insert_threads={self.threads}, max_threads={self.threads},
                max_insert_block_size=1048576, input_format_parquet_max_block_size=65536""")
        self.session.query("OPTIMIZE TABLE events FINAL")
        parts = "FROM system.parts WHERE database = 'b' AND table = 'events' AND active"
        return int(str(self.session.query(f"SELECT sum(bytes_on_disk) {parts}", "CSV")))

    def questions(self, ids):
        return questions.clickhouse(self.layout, ids)

    def csv(self, query):
        return str(self.session.query(query + self.settings, "CSV"))

    def export(self, query):
        self.session.query(query + self.settings)


class DuckDB:
    """DuckDB, single file."""

    def __init__(self, layout, directory, threads, memory_mb):
        import duckdb

        self.layout = layout
        self.path = os.path.join(directory, layout, "events.duckdb")
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        config = {"threads": threads, "memory_limit": f"{memory_mb}MiB"}
        self.connection = duckdb.connect(self.path, config=config)
        self.connection.execute("SET TimeZone = 'UTC'")

    def load(self, files):
        hot = ""
        if self.layout == "B2":
            for key in questions.HOT:
                text = f"json_extract_string(properties, '$.\"{key}\"')"
                value = f"TRY_CAST({text} AS DOUBLE)" if key in questions.HOT_NUMBERS else text
                hot += f', {value} AS "p_{key}"'
        self.connection.execute("SET preserve_insertion_order = true")
        self.connection.execute(f"""CREATE OR REPLACE TABLE events AS SELECT uuid::UUID uuid, event, properties,
            timestamp::TIMESTAMP timestamp, team_id, distinct_id, elements_chain, created_at::TIMESTAMP created_at,
            person_id::UUID person_id, person_properties{hot} FROM read_parquet({files})""")
        self.connection.execute("CHECKPOINT")
        return os.path.getsize(self.path)

    def questions(self, ids):
        return questions.duckdb(self.layout, ids)

    def csv(self, query):
        rows = self.connection.execute(query).fetchall()
        return "".join(",".join("" if value is None else str(value) for value in row) + "\n" for row in rows)

    def export(self, query):
        self.connection.execute(query)


def load(engine, files):
    start = time.perf_counter()
    stored = engine.load(files)
    seconds = time.perf_counter() - start
    pid = os.getpid()
    print(json.dumps({"s": seconds, "cpu_s": cpu_seconds(pid), "peak_rss_mb": peak_mb(pid), "bytes": stored}))


def serve(engine, ids):
    queries = engine.questions(ids)
    print("READY", flush=True)
    while question := input_line():
        try:
            answer = reply(engine, question, queries[question], ids)
        except Exception as error:  # noqa: BLE001, the benchmark shows whatever it was and goes on
            answer = {"error": str(error)[:400]}
        print(json.dumps(answer), flush=True)


def input_line():
    try:
        return input().strip()
    except EOFError:
        return ""


def reply(engine, question, query, ids):
    if question == "Q13":
        _, cost = measured(os.getpid(), lambda: engine.export(query))
        return cost | {"bytes": os.path.getsize(ids["out"])}
    text, cost = measured(os.getpid(), lambda: engine.csv(query))
    if question in questions.LISTS:
        # The uuid is the first column; lines that do not begin with one belong to a value with a line end.
        fields = (line.split(",", 1)[0].strip('"') for line in text.split("\n"))
        return cost | {"uuids": [field for field in fields if len(field) == 36]}
    return cost | {"text": text}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("load", "serve"))
    parser.add_argument("layout", choices=("A1", "A2", "B1", "B2"))
    parser.add_argument("--dir", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-mb", type=int, default=8192)
    arguments = parser.parse_args()
    kind = ClickHouse if arguments.layout.startswith("A") else DuckDB
    engine = kind(arguments.layout, arguments.dir, arguments.threads, arguments.memory_mb)
    if arguments.command == "load":
        load(engine, sorted(glob.glob(os.path.join(arguments.dir, "raw", "*.parquet"))))
    else:
        with open(os.path.join(arguments.dir, "ids.json")) as file:
            serve(engine, json.load(file))


if __name__ == "__main__":
    main()
