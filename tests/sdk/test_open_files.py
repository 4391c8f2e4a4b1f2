"""Sealed events are plain Parquet: other engines read them without us."""

import json
import urllib.request

import duckdb
import pyarrow.parquet

from conftest import TOKEN

EVENTS = 10_000


def send(server, numbers):
    batch = [
        {
            "event": f"e{n % 3}",
            "distinct_id": f"u{n % 100}",
            "timestamp": f"2026-01-0{1 + n % 5}T00:00:{n % 60:02}Z",
            "properties": {"n": n, "text": f"v{n % 7}", f"rare {n % 1000}": n, "mixed": n if n % 2 else str(n)},
        }
        for n in numbers
    ]
    body = json.dumps({"api_key": TOKEN, "batch": batch}).encode()
    request = urllib.request.Request(server.url + "/batch/", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request).read()


def check(files):
    """Counts and sums by PyArrow and by DuckDB, from columns and from what has no column."""
    total = EVENTS * (EVENTS - 1) // 2
    names = [str(file) for file in files]
    tables = [pyarrow.parquet.read_table(name) for name in names]
    assert sum(table.num_rows for table in tables) == EVENTS
    assert sum(value for table in tables for value in table["properties.n"].to_pylist()) == total
    rest = [json.loads(text) for table in tables for text in table["properties_rest"].to_pylist() if text]
    assert sum(value for row in rest for key, value in row.items() if key.startswith("rare")) == total
    count, numbers, events, days = duckdb.sql(
        """SELECT count(*), sum("properties.n"), count(DISTINCT event), count(DISTINCT date_trunc('day', timestamp))
        FROM read_parquet($1, union_by_name = true)""",
        params=[names],
    ).fetchall()[0]
    assert (count, numbers, events, days) == (EVENTS, total, 3, 5)
    texts = duckdb.sql(
        """SELECT "properties.text", count(*) FROM read_parquet($1, union_by_name = true) GROUP BY 1 ORDER BY 1""",
        params=[names],
    ).fetchall()
    assert texts == [(f"v{n}", len(range(n, EVENTS, 7))) for n in range(7)]


def test_other_engines_read_what_was_sealed(server):
    for start in range(0, EVENTS, 500):
        send(server, range(start, start + 500))
    assert server.terminate() == 0, "a clean stop seals what is in memory"
    check(sorted((server.directory / "data" / "segments").rglob("*.parquet")))


def test_other_engines_read_what_was_compacted(busy_server):
    for files, start in enumerate(range(0, EVENTS, 1_000)):
        send(busy_server, range(start, start + 1_000))
        # Ten files at least: more than may lie beside each other.
        busy_server.wait_until(lambda: busy_server.metric("hedgerow_seals_total") > files, 30)
    busy_server.wait_until(lambda: busy_server.metric("hedgerow_compactions_total") > 0, 30)
    assert busy_server.terminate() == 0
    check(sorted((busy_server.directory / "data" / "segments").rglob("*.parquet")))
