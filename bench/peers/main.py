"""Hedgerow beside ClickHouse and DuckDB: the same rows, the same questions, the same machine.

`make bench-peers` builds what is needed and runs this; `ARGS` are passed on. Rows are made first, then every engine is
loaded, one after the other, then all of them are asked: Hedgerow as a server over HTTP, the peers in processes of their own.

With --keep, rows and loaded databases stay and are used again by the next run with --keep, if they hold the same rows; a
Hedgerow that was loaded by another binary is loaded again. So measuring a changed Hedgerow alone costs no more than its own
load, and the peers' questions. Without it, everything is made anew and removed at the end but the report.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys

import hedgerow
import measure
import questions
import report
from processes import Child
from rows import Rows

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES = ("A1", "A2", "B1", "B2", report.OURS)
DATA = ("raw", "bodies", "ids.json", "A1", "A2", "B1", "B2", "hedgerow", "hedgerow.stderr", "stamps")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="events (default: %(default)s)")
    parser.add_argument("--persons", type=int, default=300_000, help="person ids to draw from (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--engines", default=",".join(ENGINES), help="which of A1 A2 B1 B2 H (default: %(default)s)")
    parser.add_argument("--only", default=",".join(questions.TITLES), help="which questions (default: all)")
    parser.add_argument("--dir", default="target/bench-peers", help="where data and report go (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep loaded databases, and use those that are there")
    parser.add_argument("--runs", type=int, default=5, help="timed runs after the first (default: %(default)s)")
    parser.add_argument("--budget", type=float, default=20, help="seconds after which a cell stops at two runs")
    parser.add_argument("--threads", type=int, default=2, help="of each peer (default: %(default)s)")
    parser.add_argument("--memory-mb", type=int, default=default_memory_mb(), help="limit of each peer (default: %(default)s)")
    parser.add_argument("--bench", default="target/release/bench")
    parser.add_argument("--hedgerow", default="target/release/hedgerow")
    arguments = parser.parse_args()
    arguments.dir = os.path.abspath(arguments.dir)
    arguments.engines = chosen(parser, arguments.engines, ENGINES)
    arguments.only = chosen(parser, arguments.only, questions.TITLES)
    return arguments


def chosen(parser, text, known):
    """The names in `text`, in the order of `known`."""
    wanted = text.split(",")
    for name in wanted:
        if name not in known:
            parser.error(f"{name!r} is none of {', '.join(known)}")
    return [name for name in known if name in wanted]


def default_memory_mb():
    """All engines are open at once: none of them may take what the others need."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 3 >> 20


class Stamps:
    """Notes beside the data which rows they hold, and what loading them cost."""

    def __init__(self, directory, trusted):
        self.directory = os.path.join(directory, "stamps")
        self.trusted = trusted

    def kept(self, name, stamp):
        """What was noted when `name` was made, if it may be used again."""
        path = os.path.join(self.directory, f"{name}.json")
        if not self.trusted or not os.path.exists(path):
            return None
        with open(path) as file:
            noted = json.load(file)
        return noted["account"] if noted["stamp"] == stamp else None

    def forget(self, name):
        path = os.path.join(self.directory, f"{name}.json")
        if os.path.exists(path):
            os.remove(path)

    def note(self, name, stamp, account):
        os.makedirs(self.directory, exist_ok=True)
        with open(os.path.join(self.directory, f"{name}.json"), "w") as file:
            json.dump({"stamp": stamp, "account": account}, file, indent=1)


def made(stamps, name, stamp, make):
    """What making `name` cost, now or in an earlier run."""
    account = stamps.kept(name, stamp)
    if account is not None:
        return account | {"is_kept": True}
    measure.say(f"making {name}")
    # Whatever is half made when this ends early has no stamp.
    stamps.forget(name)
    account = make()
    stamps.note(name, stamp, account)
    return account


def peer_command(arguments, command, layout):
    limits = ["--threads", str(arguments.threads), "--memory-mb", str(arguments.memory_mb)]
    return [sys.executable, os.path.join(HERE, "peer.py"), command, layout, "--dir", arguments.dir, *limits]


def load_peer(arguments, layout):
    shutil.rmtree(os.path.join(arguments.dir, layout), ignore_errors=True)
    done = subprocess.run(peer_command(arguments, "load", layout), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def load_hedgerow(arguments, rows):
    shutil.rmtree(rows.path("hedgerow"), ignore_errors=True)
    return hedgerow.load(arguments.bench, arguments.hedgerow, rows.path("hedgerow"), rows.path("bodies"))


def load_all(arguments, rows, stamps):
    loads = {}
    for engine in arguments.engines:
        if engine == report.OURS:
            with open(arguments.hedgerow, "rb") as file:
                binary = hashlib.file_digest(file, "sha256").hexdigest()
            stamp = rows.stamp | {"binary": binary}
            loads[engine] = made(stamps, "hedgerow", stamp, lambda: load_hedgerow(arguments, rows))
        else:
            loads[engine] = made(stamps, engine, rows.stamp, lambda layout=engine: load_peer(arguments, layout))
    return loads


def ask_all(arguments, rows):
    ids, results = rows.ids(), measure.Results()
    engines = {}
    try:
        for engine in arguments.engines:
            if engine == report.OURS:
                engines[engine] = ours(arguments, rows, ids)
            else:
                engines[engine] = Child(peer_command(arguments, "serve", engine))
        measure.phase(results, engines, arguments.only, ids, arguments.runs, arguments.budget)
    finally:
        for engine in engines.values():
            engine.close()
    return results


def ours(arguments, rows, ids):
    try:
        return hedgerow.Server(arguments.hedgerow, rows.path("hedgerow"), ids)
    except (RuntimeError, OSError) as error:
        return Absent(error)


class Absent:
    """What is asked in place of an engine that did not start, so that the others are measured all the same."""

    def __init__(self, error):
        self.error = str(error)

    def ask(self, _question):
        return {"error": self.error}

    def close(self):
        pass


def main():
    arguments = parse()
    os.makedirs(arguments.dir, exist_ok=True)
    rows = Rows(arguments.dir, arguments.bench, arguments.rows, arguments.persons, arguments.seed)
    stamps = Stamps(arguments.dir, arguments.keep)
    conditions = {
        "engines": arguments.engines,
        "runs": arguments.runs,
        "threads": arguments.threads,
        "load_before": os.getloadavg()[0],
    }
    counts = {"kept": made(stamps, "rows", rows.stamp, rows.make)["kept"]}
    loads = load_all(arguments, rows, stamps)
    results = ask_all(arguments, rows)
    page = report.page(results, loads, rows.stamp | counts, conditions)
    raw = {"stamp": rows.stamp | counts, "conditions": conditions, "loads": loads, "results": results.cells}
    with open(os.path.join(arguments.dir, "report.md"), "w") as file:
        file.write(page)
    with open(os.path.join(arguments.dir, "report.json"), "w") as file:
        json.dump(raw, file, indent=1)
    print(page)
    if not arguments.keep:
        remove_data(arguments.dir)
    return 1 if results.differing() else 0


def remove_data(directory):
    for name in DATA:
        path = os.path.join(directory, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.remove(path)


if __name__ == "__main__":
    sys.exit(main())
