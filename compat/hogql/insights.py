"""Runs the acceptance cases of insights on ClickHouse: our queries there, our responses from its rows.

Needs a Python with `chdb`, and `cargo build -p hogql --example oracle`:
    python insights.py path/to/oracle [--write]
`--write` stores requests, statements, rows and responses in `crates/hogql/test_data/insights.jsonl`, which
`cargo test -p hogql` checks without ClickHouse.
"""

import json, pathlib, subprocess, sys
import cases
from oracle import Oracle, close

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "crates/hogql/test_data/insights.jsonl"
RANGE = {"date_from": "2026-01-10", "date_to": "2026-01-13"}
CASES = []
D1 = cases.EVENTS
PEOPLE = {f"u{i}": (f"00000000-0000-4000-8000-0000000000{i:02d}", "{}", "2026-02-01 00:00:00", [f"u{i}"]) for i in range(1, 7)}
D2 = [(n + 1, f"2026-02-01 {time}:00", event, who, "", "", {}) for n, (who, event, time) in enumerate(
    (f"u{i + 1}", *step.split()) for i, steps in enumerate([
        "su 10:00, view 10:10, buy 10:20", "su 10:00, view 11:00", "view 09:00, su 10:00, buy 10:05, view 10:30",
        "su 10:00, other 10:05, view 10:10, buy 10:15", "buy 10:00, view 10:01, su 10:02", "su 10:00, cancel 10:03, view 10:05, buy 10:06"])
    for step in steps.split(", "))]


def case(id, pick, expect, dataset="D1", **query):
    if "Funnels" not in query["kind"]:
        query.setdefault("dateRange", RANGE)
    CASES.append({"id": id, "dataset": dataset, "pick": pick, "expect": expect, "insight": query})


def trends(id, series, expect, pick=("results", "*", "data"), **more):
    case(id, pick, expect, kind="TrendsQuery", series=[{"kind": "EventsNode", **s} for s in series], **more)


VIEW, BUY = {"event": "$pageview"}, {"event": "purchase"}
price = lambda math: {"math": math, "math_property": "price"}
trends("T89 data", [VIEW], [[3, 1, 0, 1]])
trends("T89 count", [VIEW], [5.0], ("results", "*", "count"))
trends("T89 days", [VIEW], [["2026-01-10", "2026-01-11", "2026-01-12", "2026-01-13"]], ("results", "*", "days"))
trends("T89 labels", [VIEW], [["10-Jan-2026", "11-Jan-2026", "12-Jan-2026", "13-Jan-2026"]], ("results", "*", "labels"))
trends("T90 dau", [{"math": "dau"}], [[2, 2, 1, 1]])
trends("T90 weekly_active", [{"math": "weekly_active"}], [[2, 2, 2, 3]])
trends("T91 sum", [{**BUY, **price("sum")}], [[30, 0, 100, 0]])
trends("T91 avg", [price("avg")], [[20.166666666666668, -5, 100, 0]])
trends("T91 p90", [price("p90")], [[28.1, -5, 100, 0]])
BROWSER = {"breakdown": "$browser", "breakdown_type": "event"}
trends("T92 data", [VIEW], [[2, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], breakdownFilter=BROWSER)
trends("T92 values", [VIEW], ["Chrome", "Firefox", "Safari", "$$_posthog_breakdown_null_$$"], ("results", "*", "breakdown_value"), breakdownFilter=BROWSER)
trends("breakdown other", [VIEW], [["Chrome", "$$_posthog_breakdown_null_$$", "$$_posthog_breakdown_other_$$"], True],
       [("results", "*", "breakdown_value"), ("hasMore",)], breakdownFilter={**BROWSER, "breakdown_limit": 1})
trends("several breakdowns", [VIEW], [["Chrome", "pro"], ["Firefox", "free"], ["Safari", "pro"], ["$$_posthog_breakdown_null_$$"] * 2], ("results", "*", "breakdown_value"),
       breakdownFilter={"breakdowns": [{"property": "$browser", "type": "event"}, {"property": "plan", "type": "person"}]})
trends("T93 cumulative", [VIEW], [[3, 4, 4, 5]], trendsFilter={"display": "ActionsLineGraphCumulative"})
trends("T93 formula", [VIEW, BUY], [[3, 0, 0, 0]], trendsFilter={"formula": "A/B"})
trends("T94 unique_group", [{"math": "unique_group", "math_group_type_index": 0}], [[1, 1, 1, 0]])
trends("T94 avg_count_per_actor", [{"math": "avg_count_per_actor"}], [[2, 1, 1, 2]])
trends("cumulative dau", [{"math": "dau"}], [[2, 2, 2, 3]], trendsFilter={"display": "ActionsLineGraphCumulative"})
trends("unique_session", [{"math": "unique_session"}], [[2, 2, 1, 0]])
trends("session duration", [{"math": "max", "math_property": "$session_duration"}], [[2700, 2700, 0, 0]])
trends("hogql", [{"math": "hogql", "math_hogql": "count() * 2"}], [[8, 4, 2, 4]])
trends("first_time_for_user", [{**VIEW, "math": "first_time_for_user"}], [[2, 0, 0, 1]])
trends("total value", [{"math": "dau"}], [3], ("results", "*", "aggregated_value"), trendsFilter={"display": "BoldNumber"})
trends("compare", [VIEW], [["current", [0, 0, 0, 0]], ["previous", [3, 1, 0, 1]]], ("results", "*", ["compare_label", "data"]),
       dateRange={"date_from": "2026-01-14", "date_to": "2026-01-17"}, compareFilter={"compare": True})
trends("week", [VIEW], [[3, 2]], interval="week")
trends("hour", [VIEW], [[2] + [0] * 13 + [1, 0]], interval="hour", dateRange={"date_from": "2026-01-10T09:00:00Z", "date_to": "2026-01-11T00:30:00Z"})
trends("cohort", [VIEW], [[2, 1, 0, 0], [3, 1, 0, 1]], breakdownFilter={"breakdown": [5, "all"], "breakdown_type": "cohort"})
case("T95", ("results", "*", ["status", "data"]), [["new", [1, 0, 0, 0]], ["returning", [0, 2, 1, 0]], ["resurrecting", [1, 0, 0, 1]], ["dormant", [0, 0, -1, -1]]],
     kind="LifecycleQuery", series=[{"kind": "EventsNode"}])
case("T96", ("results", "*", ["days", "data", "count"]), [[[1, 2, 3, 4], [1, 1, 1, 0], 3]], kind="StickinessQuery", series=[{"kind": "EventsNode"}])
case("T96 cumulative", ("results", "*", "data"), [[3, 2, 1, 0]], kind="StickinessQuery", series=[{"kind": "EventsNode"}], stickinessFilter={"computedAs": "cumulative"})
ALL = {"id": None, "type": "events"}
for id, kind, expect in (("T97", "retention_recurring", [[2, 2, 1, 0], [2, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]), ("T98", "retention_first_time", [[2, 2, 1, 0], [0] * 4, [0] * 4, [1, 0, 0, 0]])):
    case(id, ("results", "*", "values", "*", "count"), expect, kind="RetentionQuery",
         retentionFilter={"retentionType": kind, "totalIntervals": 4, "period": "Day", "targetEntity": ALL, "returningEntity": ALL}, dateRange={"date_to": "2026-01-13"})
case("T99", ("results", "*", ["source", "target", "value", "average_conversion_time"]), [["1_https://a.io/home?x=1", "2_https://a.io/pricing", 1, 300000]],
     kind="PathsQuery", pathsFilter={"includeEventTypes": ["$pageview"]})
STEPS = [{"kind": "EventsNode", "event": event} for event in ("su", "view", "buy")]
for id, options, counts, average, median in (
        ("T100", {}, [6, 5, 3], [1380, 320], [600, 300]),
        ("T101", {"funnelWindowInterval": 30, "funnelWindowIntervalUnit": "minute"}, [6, 4, 3], [825, 320], [600, 300]),
        ("T102", {"funnelOrderType": "strict"}, [6, 2, 1], [2100, 600], [2100, 600]),
        ("T103", {"funnelOrderType": "unordered"}, [6, 6, 5], [1460, 264], [600, 300]),
        ("T104", {"exclusions": [{"event": "cancel", "funnelFromStep": 0, "funnelToStep": 1}]}, [5, 4, 2], [1650, 450], [1200, 450])):
    case(id, ("results", "*", ["count", "average_conversion_time", "median_conversion_time"]), [list(row) for row in zip(counts, [None, *average], [None, *median])], "D2",
         kind="FunnelsQuery", series=STEPS, funnelsFilter=options, dateRange={"date_from": "2026-02-01", "date_to": "2026-02-02"})


def pick(value, path):
    if isinstance(path, list):
        return [pick(value, (part,) if isinstance(part, str) else part) for part in path]
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(head, list):
        return [value[name] for name in head]
    return [pick(item, rest) for item in value] if head == "*" else pick(value[head], rest)


def ask(binary, requests):
    lines = "\n".join(json.dumps(request) for request in requests)
    return [json.loads(line) for line in subprocess.run([binary], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()]


def main():
    binary, failed, golden = sys.argv[1], 0, []
    oracles = {}
    for name, events, persons in (("D1", D1, dict(cases.PERSONS)), ("D2", D2, PEOPLE)):
        cases.EVENTS[:], saved = events[:], cases.EVENTS[:]
        kept = dict(cases.PERSONS)
        cases.PERSONS.clear(), cases.PERSONS.update(persons)
        oracle = oracles.get("only") or Oracle()
        oracles["only"], oracle.zone = oracle, None
        oracle.load("UTC")
        mine = [case for case in CASES if case["dataset"] == name]
        for case, planned in zip(mine, ask(binary, [{"insight": case["insight"]} for case in mine])):
            if "error" in planned:
                failed += 1
                print("FAIL", case["id"], planned["error"])
                continue
            try:
                rows = [oracle.run(s["sql"], s["parameters"])[1] for s in planned["statements"]]
            except Exception as error:
                failed += 1
                print("FAIL", case["id"], planned["statements"], str(error)[:400])
                continue
            response = ask(binary, [{"insight": case["insight"], "rows": rows}])[0]["response"]
            seen = pick(response, case["pick"])
            if not close(seen, case["expect"]):
                failed += 1
                print("FAIL", case["id"], "\n     got ", seen, "\n     want", case["expect"], "\n     rows", str(rows)[:600])
                continue
            golden.append({"id": case["id"], "insight": case["insight"], "statements": planned["statements"], "rows": rows, "response": response})
        cases.EVENTS[:] = saved
        cases.PERSONS.clear(), cases.PERSONS.update(kept)
    print(f"{len(CASES) - failed} of {len(CASES)} cases")
    if "--write" in sys.argv:
        GOLDEN.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in golden))


if __name__ == "__main__":
    main()
