"""The report: Markdown tables, and the same figures as JSON."""

import math
import os
import platform
from importlib.metadata import version

import questions

OURS = "H"
NAMES = {
    "A1": "ClickHouse, JSON text",
    "A2": "ClickHouse, 18 columns by hand",
    "B1": "DuckDB, JSON text",
    "B2": "DuckDB, 18 columns by hand",
    "H": "Hedgerow",
}
# Peers whose figures ours are divided by.
RATIOS = ("A1", "A2", "B2")


def page(results, loads, stamp, conditions):
    engines = conditions["engines"]
    parts = [head(stamp, conditions), load_table(loads, stamp["kept"], engines)]
    if OURS in loads:
        parts.append(our_load(loads[OURS], stamp["kept"]))
    lists = [name for name in questions.EVENTS_API if name in results.cells]
    aggregates = [name for name in questions.QUERIES if name in results.cells]
    if lists:
        parts.append("## Lists\n\nHedgerow over HTTP, as JSON; the peers in their own process, as CSV. V is not compared.\n")
        parts.append(time_table(results, lists, engines))
    if aggregates:
        parts.append("## Queries\n\nHedgerow over HTTP, in HogQL; Q6 as an insight. Files of Q13 are not compared.\n")
        parts.append(time_table(results, aggregates, engines))
    if lists:
        parts.append("## Pages: median / 99th percentile, ms\n\n" + spread_table(results, lists, engines))
    parts.append(cost_tables(results, lists + aggregates, engines))
    parts.append(failures(results))
    return "\n".join(part for part in parts if part)


def head(stamp, conditions):
    engines = "\n".join(f"- **{engine}**: {NAMES[engine]}" for engine in conditions["engines"])
    return (
        f"# Hedgerow beside its peers\n\n{stamp['rows']:,} events (rows version {stamp['version']}, seed {stamp['seed']}, "
        f"{stamp['persons']:,} person ids), of which {stamp['kept']:,} are stored because capture drops the others, on {os.cpu_count()} processors with {memory_gib():.0f} GiB, "
        f"{conditions['threads']} threads each. ClickHouse in chdb {version('chdb')}, DuckDB {version('duckdb')}, "
        f"Python {platform.python_version()}. Load of the machine before: {conditions['load_before']:.1f}.\n\n{engines}\n\n"
        f"Answers were compared before anything was timed. Times are medians in ms of up to {conditions['runs']} runs after "
        f"the first ({conditions['runs'] * questions.EVENTS_API_FACTOR} for pages), at least two, engines in turn. Ratios are ours ÷ theirs: below 1 we are faster.\n"
    )


def memory_gib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)


def load_table(loads, rows, engines):
    lines = []
    for engine in engines:
        load = loads.get(engine)
        if load:
            seconds = load.get("s") or load["sending_s"] + load["listing_s"] + load["settling_s"]
            cells = (f"{seconds:.1f}", f"{load['cpu_s'] * 1e6 / rows:.1f}", f"{load['peak_rss_mb']:.0f}")
            name = f"{engine} (earlier run)" if load.get("is_kept") else engine
            lines.append([name, *cells, f"{load['bytes'] / rows:.0f}"])
    heads = ["engine", "load s", "CPU s per million events", "peak RSS MB", "bytes/event"]
    return "## Load\n\n" + table(heads, lines)


def our_load(load, rows):
    sizes = ", ".join(f"{name} {size / rows:.0f}" for name, size in load["sizes"].items())
    lost = "" if load["stored_events"] in (-1, rows) else f" **{load['stored_events']:,.0f} events are stored, not {rows:,}.**"
    return (
        f"Hedgerow took {load['events_per_s']:,.0f} events/s over HTTP ({load['listed_events_per_s']:,.0f} until all were "
        f"listed, then {load['settling_s']:.1f} s until it was idle) and used {load['cpu_s_per_million']:.1f} CPU s per "
        f"million events, with a peak of {load['peak_rss_mb']:.0f} MB; the client used {load['client_cpu_s']:.1f} CPU s. "
        f"{load['refused_requests']:.0f} requests were answered 503 and sent again.{lost} Its bytes/event above are those of "
        f"Parquet; on the disk: {sizes}.\n"
    )


def time_table(results, names, engines):
    divisors = [engine for engine in RATIOS if engine in engines] if OURS in engines else []
    heads = ["", "question", *engines, *(f"H ÷ {engine}" for engine in divisors)]
    lines = []
    ratios = {engine: [] for engine in divisors}
    for name in names:
        cells = []
        for engine in divisors:
            ours, theirs = results.median(name, OURS), results.median(name, engine)
            ratio = ours / theirs if ours and theirs else None
            cells.append("–" if ratio is None else f"{ratio:.2f}")
            if ratio is not None:
                ratios[engine].append(ratio)
        lines.append([name, questions.TITLES[name], *(time_cell(results, name, engine) for engine in engines), *cells])
    if divisors:
        means = (geometric_mean(ratios[engine]) for engine in divisors)
        lines.append(["", "**geometric mean**", *("" for _ in engines), *means])
    return table(heads, lines)


def time_cell(results, name, engine):
    cell = results.cells[name].get(engine, {})
    if cell.get("differs"):
        return "≠"
    median = results.median(name, engine)
    return "–" if median is None else number(median)


def spread_table(results, names, engines):
    def cell(name, engine):
        median, slowest = results.median(name, engine), results.slowest(name, engine)
        return "–" if median is None else f"{number(median)} / {number(slowest)}"

    lines = [[name, questions.TITLES[name], *(cell(name, engine) for engine in engines)] for name in names]
    return table(["", "page", *engines], lines)


def number(value):
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def geometric_mean(ratios):
    return f"**{math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}** ({len(ratios)})" if ratios else "–"


def cost_tables(results, names, engines):
    def first(name, engine):
        cost = results.cells[name].get(engine, {}).get("first")
        return number(cost["ms"]) if cost else "–"

    def cost(name, engine):
        cpu, rss = (results.median(name, engine, figure) for figure in ("cpu_ms", "rss"))
        return "–" if cpu is None else f"{number(cpu)} / {rss:,.0f}"

    def rows_of(cell):
        return [[name, *(cell(name, engine) for engine in engines)] for name in names]

    firsts = table(["", *engines], rows_of(first))
    costs = table(["", *engines], rows_of(cost))
    return f"## First runs, ms\n\n{firsts}\n## CPU ms / peak RSS MB of warm runs\n\n{costs}"


def failures(results):
    lines = []
    for name, cells in results.cells.items():
        for engine, cell in cells.items():
            if "error" in cell:
                lines.append(f"- {name} on {engine}: {cell['error']}")
            elif cell.get("differs"):
                lines.append(f"- {name} on {engine}: another answer than the others ({cell.get('rows')} rows)")
    return "## What failed\n\n" + "\n".join(lines) + "\n" if lines else ""


def table(heads, lines):
    rows = [heads, ["---"] * len(heads), *lines]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)
