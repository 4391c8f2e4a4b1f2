"""Asks every engine every question: first to compare the answers, then in turn to time them."""

import math
import os
import statistics
import sys

import answers
import questions


def say(line):
    print(f"bench-peers: {line}", file=sys.stderr, flush=True)


class Results:
    """Everything that was measured, by question and engine."""

    def __init__(self):
        # {question: {engine: {"first": cost, "warm": [cost, …], "digest": …, "rows": …, "bytes": …, "error": …}}}
        self.cells = {}

    def cell(self, question, engine):
        return self.cells.setdefault(question, {}).setdefault(engine, {"warm": []})

    def median(self, question, engine, figure="ms"):
        """Of the runs after the first; `None` when there are none, or the answer is wrong."""
        cell = self.cells.get(question, {}).get(engine)
        if not cell or not cell["warm"] or cell.get("differs"):
            return None
        return statistics.median(cost[figure] for cost in cell["warm"])

    def slowest(self, question, engine, share=0.99):
        """The time that so large a share of the warm runs did not exceed."""
        times = sorted(cost["ms"] for cost in self.cells.get(question, {}).get(engine, {"warm": []})["warm"])
        return times[math.ceil(share * len(times)) - 1] if times else None

    def differing(self):
        return [
            (question, engine)
            for question, cells in self.cells.items()
            for engine, cell in cells.items()
            if cell.get("differs")
        ]


def phase(results, engines, names, ids, runs, budget):
    """Compares and times the questions `names` on `engines`, which maps names to whatever can be asked."""
    for question in names:
        for engine, target in engines.items():
            first(results.cell(question, engine), question, target.ask(question), ids)
        compare(question, results.cells[question])
    for question in names:
        times = runs * questions.EVENTS_API_FACTOR if question in questions.EVENTS_API else runs
        time_question(results, engines, question, ids, times, budget)


def first(cell, question, reply, ids):
    """Notes the first answer and what it cost."""
    remove_export(ids)
    if "error" in reply:
        cell["error"] = reply["error"]
        return
    cell["first"] = cost_of(reply)
    cell["digest"] = answers.digest(question, reply)
    if "bytes" in reply:
        cell["bytes"] = reply["bytes"]
    elif "uuids" in reply:
        cell["rows"] = len(reply["uuids"])
    else:
        cell["rows"] = reply["text"].count("\n")
        cell["head"] = answers.normal(reply["text"])[:300]


def compare(question, cells):
    """Marks answers that are not those of the most engines, or of the first of them."""
    if question in questions.NOT_COMPARED:
        return
    digests = [cell["digest"] for cell in cells.values() if "digest" in cell]
    if not digests:
        return
    expected = max(digests, key=digests.count)
    for engine, cell in cells.items():
        if "digest" in cell and cell["digest"] != expected:
            cell["differs"] = True
            say(f"{question}: the answer of {engine} is not that of the others")


def time_question(results, engines, question, ids, runs, budget):
    """Every engine in turn, so that a slower neighbour slows all of them. Slow cells stop after two runs."""
    spent = dict.fromkeys(engines, 0.0)
    for run in range(runs):
        for engine, target in engines.items():
            cell = results.cell(question, engine)
            if "error" in cell or (run >= 2 and spent[engine] > budget):
                continue
            reply = target.ask(question)
            remove_export(ids)
            if "error" in reply:
                cell["error"] = reply["error"]
                continue
            cell["warm"].append(cost_of(reply))
            spent[engine] += reply["ms"] / 1000
    say(f"{question}: " + ", ".join(f"{engine} {shown(results, question, engine)}" for engine in engines))


def shown(results, question, engine):
    cell = results.cell(question, engine)
    if "error" in cell:
        return f"failed ({cell['error'][:80]})"
    median = results.median(question, engine)
    return "differs" if median is None else f"{median:.1f} ms"


def cost_of(reply):
    return {figure: reply[figure] for figure in ("ms", "cpu_ms", "rss")}


def remove_export(ids):
    if os.path.exists(ids["out"]):
        os.remove(ids["out"])
