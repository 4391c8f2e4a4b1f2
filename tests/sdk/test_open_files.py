"""Sealed events are plain Parquet: other engines read them without us."""

import json
import urllib.request

import duckdb
import pyarrow.parquet

from conftest import TOKEN


def test_other_engines_read_what_was_sealed(server):
    batch = [
        {"event": f"e{n % 3}", "distinct_id": f"u{n}", "timestamp": f"2026-01-0{1 + n % 5}T00:00:00Z", "properties": {"n": n}}
        for n in range(500)
    ]
    body = json.dumps({"api_key": TOKEN, "batch": batch}).encode()
    urllib.request.urlopen(urllib.request.Request(server.url + "/batch/", body, {"Content-Type": "application/json"}))
    assert server.terminate() == 0, "a clean stop seals what is in memory"
    files = sorted((server.directory / "data" / "segments").rglob("*.parquet"))
    assert files
    rows = [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
    assert sorted(json.loads(row["properties"])["n"] for row in rows) == list(range(500))
    assert {row["event"] for row in rows} == {"e0", "e1", "e2"}
    names = [str(file) for file in files]
    count, days = duckdb.sql(
        "SELECT count(*), count(DISTINCT date_trunc('day', timestamp)) FROM read_parquet($1)", params=[names]
    ).fetchall()[0]
    assert (count, days) == (500, 5)
