"""Runs the acceptance cases of insights on ClickHouse: our queries there, our responses from its rows.

Funnels are not among them: what finds their runs is a function of ours. Their cases are tests of the server.

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

def case(id, pick, expect, **query):
    query.setdefault("dateRange", RANGE)
    CASES.append({"id": id, "pick": pick, "expect": expect, "insight": query})


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
case("paths to a point", ("results", "*", ["source", "target", "value"]), [["1_https://a.io/home?x=1", "2_https://a.io/pricing", 1]],
     kind="PathsQuery", pathsFilter={"endPoint": "https://a.io/pricing/", "stepLimit": 2, "includeEventTypes": ["$pageview"], "pathGroupings": ["/nope/*"]})


def actors(id, expect, source, select=("id",), **more):
    # The rows of the page, and how many actors have no row.
    query = {"kind": "ActorsQuery", "select": list(select), "source": {"kind": "InsightActorsQuery", "source": source, **more}}
    CASES.append({"id": id, "actors": query, "expect": expect})


def chart(kind, *series, **more):
    return {"kind": kind, "series": [{"kind": "EventsNode", **s} for s in series], "dateRange": RANGE, **more}


ann, bob, cy = [[person] for person in cases.P]
actors("actors of a day", [[[1, "bob@y.org"], [2, "ann@x.com"]], 0], chart("TrendsQuery", VIEW), ("event_count", "properties.email"), day="2026-01-10")
actors("actors of a week", [[ann, bob, cy], 0], chart("TrendsQuery", {"math": "weekly_active"}), day="2026-01-13")
actors("actors for the first time", [[ann, bob], 0], chart("TrendsQuery", {**VIEW, "math": "first_time_for_user"}), day="2026-01-10")
actors("actors of a value", [[bob], 0], chart("TrendsQuery", VIEW, breakdownFilter=BROWSER), day="2026-01-10", breakdown="Firefox")
actors("groups of a day", [[["acme"]], 0], chart("TrendsQuery", {"math": "unique_group", "math_group_type_index": 0}), day="2026-01-11")
for day, status, expect in (("2026-01-10", "new", [bob]), ("2026-01-11", "returning", [ann, bob]), ("2026-01-13", "resurrecting", [cy]), ("2026-01-12", "dormant", [ann])):
    actors(f"actors {status}", [expect, 0], chart("LifecycleQuery", {}), day=day, status=status)
actors("actors of two days", [[ann], 0], chart("StickinessQuery", {}), day=2)
actors("actors of a cohort", [[bob], 0], {"kind": "RetentionQuery", "dateRange": {"date_to": "2026-01-13"}, "retentionFilter": {
    "totalIntervals": 4, "period": "Day", "targetEntity": ALL, "returningEntity": ALL}}, interval=2)
actors("actors of an edge", [[ann], 0], {"kind": "PathsQuery", "dateRange": RANGE, "pathsFilter": {"includeEventTypes": ["$pageview"], "pathStartKey": "1_https://a.io/home?x=1"}})


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


def answer(oracle, binary, case):
    """What was asked of ClickHouse, its rows, and what they come to."""
    request = {name: case[name] for name in ("insight", "actors") if name in case}
    planned = ask(binary, [request])[0]
    if "error" in planned:
        raise ValueError(planned["error"])
    rows = [oracle.run(s["sql"], s["parameters"])[1] for s in planned["statements"]]
    if "actors" in case:
        return {"actors": case["actors"], "statements": planned["statements"]}, [rows[0], rows[1][0][0]]
    response = ask(binary, [{**request, "rows": rows}])[0]["response"]
    return {"insight": case["insight"], "statements": planned["statements"], "rows": rows, "response": response}, pick(response, case["pick"])


def main():
    binary, failed, golden = sys.argv[1], 0, []
    oracle = Oracle()
    oracle.load("UTC")
    for case in CASES:
        try:
            stored, seen = answer(oracle, binary, case)
        except Exception as error:
            failed += 1
            print("FAIL", case["id"], str(error)[:600])
            continue
        if not close(seen, case["expect"]):
            failed += 1
            print("FAIL", case["id"], "\n     got ", seen, "\n     want", case["expect"])
            continue
        golden.append({"id": case["id"], **stored})
    print(f"{len(CASES) - failed} of {len(CASES)} cases")
    if "--write" in sys.argv:
        GOLDEN.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in golden))


if __name__ == "__main__":
    main()
