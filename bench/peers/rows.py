"""The rows every engine gets: made once by `bench generate`, kept as Parquet files and as capture bodies.

Capture drops an `$identify` that asks for no person profile, as PostHog does, so about one event in a hundred is sent and
not stored. The peers do not get these rows either: all engines hold the same ones.
"""

import glob
import json
import os
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# In the order in which they stand in a frame; see bench/src/generate/frames.rs.
TEXTS = ("uuid", "event", "properties", "distinct_id", "elements_chain", "person_id", "person_properties")
TIMES = ("timestamp", "created_at")
ORDER = (
    "uuid", "event", "properties", "timestamp", "team_id", "distinct_id", "elements_chain", "created_at", "person_id",
    "person_properties",
)  # fmt: skip
REPEATED = ["event", "distinct_id", "person_id", "person_properties", "elements_chain"]
ROW_GROUP_ROWS = 100_000
ROWS_PER_FILE = 250_000
FILES_MIN = 4
# Of the rule which rows are kept, see `stored`: with another rule, whatever was loaded before is something else.
RULE_VERSION = 1


class Rows:
    """Which rows, and where they lie."""

    def __init__(self, directory, bench, rows, persons, seed):
        self.directory = directory
        self.bench = bench
        version = subprocess.run([bench, "generate", "--print-version"], check=True, capture_output=True, text=True)
        files = max(FILES_MIN, rows // ROWS_PER_FILE)
        self.extent = {"rows": rows, "persons": persons, "files": files, "seed": seed}
        # Data made from other rows carry another stamp.
        self.stamp = self.extent | {"version": int(version.stdout), "rule": RULE_VERSION}

    def path(self, name):
        return os.path.join(self.directory, name)

    def make(self):
        """Writes all slices, two at a time; returns how many rows are sent and how many of them are kept."""
        for name in ("raw", "bodies"):
            shutil.rmtree(self.path(name), ignore_errors=True)
            os.makedirs(self.path(name))
        with ThreadPoolExecutor(2) as pool:
            kept = sum(pool.map(self.make_slice, range(self.extent["files"])))
        self.choose_ids()
        return {"sent": self.extent["rows"], "kept": kept}

    def make_slice(self, file):
        """Writes one slice; returns the rows that are kept."""
        kept = 0
        command = [self.bench, "generate", "--file", str(file), "--bodies", self.path(f"bodies/bodies_{file:03}")]
        for name, value in self.extent.items():
            command += [f"--{name}", str(value)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=1 << 20) as process:
            schema = pa.schema([(name, column_type(name)) for name in ORDER])
            path = self.path(f"raw/events_{file:03}.parquet")
            with pq.ParquetWriter(
                path, schema, compression="zstd", compression_level=1, use_dictionary=REPEATED
            ) as writer:
                for pair in pairs(stored(batch) for batch in frames(process.stdout)):
                    writer.write_table(pa.Table.from_batches(pair), row_group_size=ROW_GROUP_ROWS)
                    kept += sum(map(len, pair))
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
        return kept

    def choose_ids(self):
        """Picks what the questions look for: one event, one distinct id with a few dozen events, one busy person."""
        files = sorted(glob.glob(self.path("raw/*.parquet")))
        middle = pq.read_table(files[len(files) // 2], columns=["uuid"])
        first = pq.read_table(files[0], columns=["distinct_id", "person_id", "person_properties"])
        ids = {
            "uuid": middle["uuid"][min(12_345, len(middle) // 2)].as_py(),
            "distinct_id": some_visitor(first),
            "out": self.path("export.tmp"),
        }
        identified = first.filter(pc.match_substring(first["person_properties"], '"email"'))
        busiest = by_count(identified, "distinct_id")[0][0]
        row = pc.index(identified["distinct_id"], busiest).as_py()
        ids |= {"person_distinct_id": busiest, "person_id": identified["person_id"][row].as_py()}
        with open(self.path("ids.json"), "w") as file:
            json.dump(ids, file, indent=1)

    def ids(self):
        with open(self.path("ids.json")) as file:
            return json.load(file)


def some_visitor(table):
    """A distinct id with 20 to 40 events in the slice, the most of these; with fewer where nobody has as many."""
    counted = by_count(table, "distinct_id")
    fitting = [pair for pair in counted if 20 <= pair[1] <= 40] or [pair for pair in counted if pair[1] <= 40]
    return fitting[0][0]


def by_count(table, column):
    """Values and how often they occur, most first, then by value."""
    counts = table.group_by(column).aggregate([(column, "count")])
    pairs = zip(counts[column].to_pylist(), counts[f"{column}_count"].to_pylist(), strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def column_type(name):
    if name in TIMES:
        return pa.timestamp("us", "UTC")
    return pa.int64() if name == "team_id" else pa.string()


def frames(stream):
    """Record batches, one for each frame in `stream`."""
    while head := stream.read(4):
        rows = struct.unpack("<I", head)[0]
        columns = {}
        for name in TEXTS:
            length = struct.unpack("<Q", stream.read(8))[0]
            offsets = pa.py_buffer(stream.read(4 * (rows + 1)))
            columns[name] = pa.StringArray.from_buffers(rows, offsets, pa.py_buffer(stream.read(length)))
        for name in TIMES:
            columns[name] = pa.Array.from_buffers(column_type(name), rows, [None, pa.py_buffer(stream.read(8 * rows))])
        columns["team_id"] = pa.array(np.ones(rows, dtype=np.int64))
        yield pa.record_batch([columns[name] for name in ORDER], names=list(ORDER))


def stored(batch):
    """The rows that capture does not drop."""
    without_profile = pc.match_substring(batch["properties"], '"$process_person_profile":false')
    return batch.filter(pc.invert(pc.and_(pc.equal(batch["event"], "$identify"), without_profile)))


def pairs(batches):
    """Two at a time: as many rows as a row group has."""
    pending = []
    for batch in batches:
        pending.append(batch)
        if len(pending) == 2:
            yield pending
            pending = []
    if pending:
        yield pending
