"""The questions, in the words of each engine.

Every engine must give the same answer to the same question. "Now" is the end of the generated data. Questions about lists are compared by the uuids of their
rows, P (events of one person) included. V asks for values like auto-complete does; engines may pick different ones.
"""

NOW, DAYS_7_AGO, DAYS_30_AGO = "2026-06-30 00:00:00", "2026-06-23 00:00:00", "2026-05-31 00:00:00"
EXPORT_FROM, EXPORT_TO = "2026-06-20 00:00:00", "2026-06-25 00:00:00"
FUNNEL_DAYS = 14
DEEP = "2026-04-15 12:34:56"

TITLES = {
    "Q1": "events by name, 30 days",
    "Q2": "page views and persons by day",
    "Q3": "page views by browser, 30 days",
    "Q4": "URL contains, by day",
    "Q5": "purchases: sum and mean by plan",
    "Q6": "funnel of three steps, 14 days",
    "Q7": "weekly retention",
    "Q8": "newest 100",
    "D": "100 before an instant in the middle",
    "Q9": "newest 100 of one distinct id",
    "Q10": "newest 100 with a rare property",
    "Q11": "one event by uuid",
    "Q12": "URLs that contain, counted, 7 days",
    "Q13": "export of 5 days as JSON lines",
    "Q14": "exact median and 95th percentile",
    "P": "newest 100 of one person",
    "V": "values by substring, 7 days",
}
LISTS = ("Q8", "D", "Q9", "Q10", "Q11", "P")
EVENTS_API = (*LISTS, "V")
# Pages are asked for this many times as often, so that their slowest answers say something.
EVENTS_API_FACTOR = 20
QUERIES = tuple(name for name in TITLES if name not in EVENTS_API)
# Nothing to compare: the answer to V is not unique, and Q13 writes a file whose spelling is each engine's own.
NOT_COMPARED = ("V", "Q13")

# Properties that got columns of their own by hand, in A2 and B2.
HOT = (
    "$browser", "$os", "$current_url", "$pathname", "$host", "$referring_domain", "$session_id", "$device_type",
    "$geoip_country_code", "$lib", "utm_source", "utm_medium", "utm_campaign", "plan", "amount",
    "$prev_pageview_duration", "$screen_width", "$viewport_width",
)  # fmt: skip
HOT_NUMBERS = ("amount", "$prev_pageview_duration", "$screen_width", "$viewport_width")
RARE_KEY, RARE_VALUE = "color_160", "value-7"
URL_PART = "check"

COLUMNS = "uuid, event, properties, timestamp, distinct_id, elements_chain, created_at, person_id, person_properties"


def clickhouse(layout, ids):
    """The questions for layout A1 or A2, by name."""

    def text(key):
        if layout == "A2" and key in HOT:
            return f"nullIf(nullIf(`mat_{key}`, ''), 'null')"
        raw = f"nullIf(nullIf(JSONExtractRaw(properties, '{key}'), ''), 'null')"
        return f"replaceRegexpAll({raw}, '^\"|\"$', '')"

    def number(key):
        return f"accurateCastOrNull({text(key)}, 'Float64')"

    def between(start, end=NOW):
        instant = "toDateTime64('{}', 6, 'UTC')".format
        return f"timestamp >= {instant(start)} AND timestamp < {instant(end)}"

    def newest(condition):
        return f"SELECT {COLUMNS} FROM events WHERE team_id = 1{condition} ORDER BY timestamp DESC LIMIT 100"

    window = FUNNEL_DAYS * 86_400 * 1_000_000
    return {
        "Q1": f"""SELECT event, count() c FROM events WHERE team_id = 1 AND {between(DAYS_30_AGO)}
            GROUP BY event ORDER BY c DESC, event""",
        "Q2": """SELECT toDate(timestamp) d, count(), count(DISTINCT person_id) FROM events
            WHERE team_id = 1 AND event = '$pageview' GROUP BY d ORDER BY d""",
        "Q3": f"""SELECT {text("$browser")} b, count() c FROM events
            WHERE team_id = 1 AND event = '$pageview' AND {between(DAYS_30_AGO)} GROUP BY b ORDER BY c DESC, b""",
        "Q4": f"""SELECT toDate(timestamp) d, count() FROM events
            WHERE team_id = 1 AND {text("$current_url")} ILIKE '%/pricing%' GROUP BY d ORDER BY d""",
        "Q5": f"""SELECT {text("plan")} p, count(), round(sum({number("amount")}), 2), round(avg({number("amount")}), 4)
            FROM events WHERE team_id = 1 AND event = 'purchase_completed' GROUP BY p ORDER BY p""",
        "Q6": f"""SELECT countIf(level >= 1), countIf(level >= 2), countIf(level >= 3) FROM (
            SELECT person_id, windowFunnel({window})(toUInt64(toUnixTimestamp64Micro(timestamp)),
                event = '$pageview', event = 'add_to_cart', event = 'purchase_completed') level
            FROM events WHERE team_id = 1 AND event IN ('$pageview', 'add_to_cart', 'purchase_completed')
            GROUP BY person_id)""",
        "Q7": """SELECT c, intDiv(toUInt32(w) - toUInt32(c), 7) k, count() n FROM (
            SELECT person_id, groupUniqArray(toMonday(timestamp)) ws, arrayMin(ws) c
            FROM events WHERE team_id = 1 AND event = '$pageview' GROUP BY person_id)
            ARRAY JOIN ws AS w GROUP BY c, k ORDER BY c, k""",
        "Q8": newest(""),
        "D": newest(f" AND timestamp < toDateTime64('{DEEP}', 6, 'UTC')"),
        "Q9": newest(f" AND distinct_id = '{ids['distinct_id']}'"),
        "Q10": newest(f" AND {text(RARE_KEY)} = '{RARE_VALUE}'"),
        "Q11": f"SELECT {COLUMNS} FROM events WHERE team_id = 1 AND uuid = '{ids['uuid']}'",
        "Q12": f"""SELECT {text("$current_url")} v, count() c FROM events
            WHERE team_id = 1 AND {between(DAYS_7_AGO)} AND v ILIKE '%{URL_PART}%'
            GROUP BY v ORDER BY c DESC, v LIMIT 10""",
        "Q13": f"""SELECT {COLUMNS} FROM events WHERE team_id = 1 AND {between(EXPORT_FROM, EXPORT_TO)}
            INTO OUTFILE '{ids["out"]}' TRUNCATE FORMAT JSONEachRow""",
        "Q14": f"""SELECT round(quantileExactInclusive(0.5)(x), 6), round(quantileExactInclusive(0.95)(x), 6) FROM (
            SELECT {number("$prev_pageview_duration")} x FROM events
            WHERE team_id = 1 AND event = '$pageleave' AND {between(DAYS_30_AGO)}) WHERE x IS NOT NULL""",
        "P": newest(f" AND person_id = '{ids['person_id']}'"),
        "V": f"""SELECT DISTINCT {text("$current_url")} v FROM events
            WHERE team_id = 1 AND {between(DAYS_7_AGO)} AND v ILIKE '%{URL_PART}%' ORDER BY length(v) LIMIT 10""",
    }


def duckdb(layout, ids):
    """The questions for layout B1 or B2, by name."""

    def text(key):
        if layout == "B2" and key in HOT:
            return f'"p_{key}"'
        return f"json_extract_string(properties, '$.\"{key}\"')"

    def number(key):
        return f"TRY_CAST({text(key)} AS DOUBLE)"

    def between(start, end=NOW):
        return f"timestamp >= TIMESTAMP '{start}' AND timestamp < TIMESTAMP '{end}'"

    def newest(condition):
        return f"SELECT {COLUMNS} FROM events WHERE team_id = 1{condition} ORDER BY timestamp DESC LIMIT 100"

    return {
        "Q1": f"""SELECT event, count(*) c FROM events WHERE team_id = 1 AND {between(DAYS_30_AGO)}
            GROUP BY event ORDER BY c DESC, event""",
        "Q2": """SELECT timestamp::DATE d, count(*), count(DISTINCT person_id) FROM events
            WHERE team_id = 1 AND event = '$pageview' GROUP BY d ORDER BY d""",
        "Q3": f"""SELECT {text("$browser")} b, count(*) c FROM events
            WHERE team_id = 1 AND event = '$pageview' AND {between(DAYS_30_AGO)} GROUP BY b ORDER BY c DESC, b""",
        "Q4": f"""SELECT timestamp::DATE d, count(*) FROM events
            WHERE team_id = 1 AND {text("$current_url")} ILIKE '%/pricing%' GROUP BY d ORDER BY d""",
        "Q5": f"""SELECT {text("plan")} p, count(*), round(sum({number("amount")}), 2), round(avg({number("amount")}), 4)
            FROM events WHERE team_id = 1 AND event = 'purchase_completed' GROUP BY p ORDER BY p""",
        "Q6": f"""WITH first AS (
                SELECT person_id, event, timestamp t, max(CASE WHEN event = '$pageview' THEN timestamp END)
                    OVER (PARTITION BY person_id ORDER BY timestamp ROWS UNBOUNDED PRECEDING) s1
                FROM events WHERE team_id = 1 AND event IN ('$pageview', 'add_to_cart', 'purchase_completed')),
            second AS (
                SELECT *, max(CASE WHEN event = 'add_to_cart' AND t <= s1 + INTERVAL {FUNNEL_DAYS} DAY THEN s1 END)
                    OVER (PARTITION BY person_id ORDER BY t ROWS UNBOUNDED PRECEDING) s2 FROM first)
            SELECT count(DISTINCT CASE WHEN s1 IS NOT NULL THEN person_id END),
                count(DISTINCT CASE WHEN s2 IS NOT NULL THEN person_id END),
                count(DISTINCT CASE WHEN event = 'purchase_completed' AND t <= s2 + INTERVAL {FUNNEL_DAYS} DAY
                    THEN person_id END)
            FROM second""",
        "Q7": """WITH weeks AS (
                SELECT DISTINCT person_id, date_trunc('week', timestamp)::DATE w
                FROM events WHERE team_id = 1 AND event = '$pageview'),
            firsts AS (SELECT person_id, min(w) c FROM weeks GROUP BY 1)
            SELECT c, (w - c) // 7 k, count(*) n FROM weeks JOIN firsts USING (person_id) GROUP BY c, k ORDER BY c, k""",
        "Q8": newest(""),
        "D": newest(f" AND timestamp < TIMESTAMP '{DEEP}'"),
        "Q9": newest(f" AND distinct_id = '{ids['distinct_id']}'"),
        "Q10": newest(f" AND {text(RARE_KEY)} = '{RARE_VALUE}'"),
        "Q11": f"SELECT {COLUMNS} FROM events WHERE team_id = 1 AND uuid = '{ids['uuid']}'",
        "Q12": f"""SELECT {text("$current_url")} v, count(*) c FROM events
            WHERE team_id = 1 AND {between(DAYS_7_AGO)} AND v ILIKE '%{URL_PART}%'
            GROUP BY v ORDER BY c DESC, v LIMIT 10""",
        "Q13": f"""COPY (SELECT {COLUMNS} FROM events WHERE team_id = 1 AND {between(EXPORT_FROM, EXPORT_TO)})
            TO '{ids["out"]}' (FORMAT json)""",
        "Q14": f"""SELECT round(quantile_cont(x, 0.5), 6), round(quantile_cont(x, 0.95), 6) FROM (
            SELECT {number("$prev_pageview_duration")} x FROM events
            WHERE team_id = 1 AND event = '$pageleave' AND {between(DAYS_30_AGO)}) WHERE x IS NOT NULL""",
        "P": newest(f" AND person_id = '{ids['person_id']}'"),
        "V": f"""SELECT v FROM (SELECT DISTINCT {text("$current_url")} v FROM events
            WHERE team_id = 1 AND {between(DAYS_7_AGO)} AND v ILIKE '%{URL_PART}%') ORDER BY length(v) LIMIT 10""",
    }


def hedgerow():
    """The questions that go to the query endpoint, by name: HogQL, and the funnel as the insight that asks it."""

    def between(start, end=NOW):
        return f"timestamp >= '{start}' and timestamp < '{end}'"

    texts = {
        "Q1": f"""select event, count() as c from events where {between(DAYS_30_AGO)}
            group by event order by c desc, event limit 50000""",
        "Q2": """select toDate(timestamp) as d, count(), count(distinct person_id) from events
            where event = '$pageview' group by d order by d limit 50000""",
        "Q3": f"""select properties.$browser as b, count() as c from events
            where event = '$pageview' and {between(DAYS_30_AGO)} group by b order by c desc, b limit 50000""",
        "Q4": """select toDate(timestamp) as d, count() from events
            where properties.$current_url ilike '%/pricing%' group by d order by d limit 50000""",
        "Q5": """select properties.plan as p, count(), round(sum(properties.amount), 2), round(avg(properties.amount), 4)
            from events where event = 'purchase_completed' group by p order by p limit 50000""",
        "Q7": """select c, dateDiff('week', c, w) as k, count() as n from (
            select person_id, groupUniqArray(toMonday(timestamp)) as ws, arrayMin(ws) as c
            from events where event = '$pageview' group by person_id)
            array join ws as w group by c, k order by c, k limit 50000""",
        "Q12": f"""select properties.$current_url as v, count() as c from events
            where {between(DAYS_7_AGO)} and v ilike '%{URL_PART}%' group by v order by c desc, v limit 10""",
        "Q13": f"select {COLUMNS.replace('person_properties', 'person.properties')} from events where {between(EXPORT_FROM, EXPORT_TO)}",
        "Q14": f"""select round(quantile(0.5)(x), 6), round(quantile(0.95)(x), 6) from (
            select properties.$prev_pageview_duration as x from events
            where event = '$pageleave' and {between(DAYS_30_AGO)}) where x is not null""",
    }
    steps = ("$pageview", "add_to_cart", "purchase_completed")
    funnel = {
        "kind": "FunnelsQuery",
        "series": [{"kind": "EventsNode", "event": step, "name": step} for step in steps],
        "dateRange": {"date_from": "all"},
        "funnelsFilter": {"funnelWindowInterval": FUNNEL_DAYS, "funnelWindowIntervalUnit": "day"},
    }
    return {name: {"kind": "HogQLQuery", "query": text} for name, text in texts.items()} | {"Q6": funnel}


def hedgerow_rows(question, rows):
    """Hedgerow's answer as the CSV that its peers give."""
    if question == "Q6":
        return ",".join(str(step["count"]) for step in rows) + "\n"
    return "".join(",".join("" if value is None else str(value) for value in row) + "\n" for row in rows)
