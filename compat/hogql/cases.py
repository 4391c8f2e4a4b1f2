"""Datasets and acceptance cases: what each query must answer on D1."""

import json

P = [f"00000000-0000-4000-8000-00000000000{i}" for i in (1, 2, 3)]
S = {i: f"0190a000-0000-7000-9000-00000000000{i}" for i in range(1, 6)}
ANN = [P[0], json.dumps({"email": "ann@x.com", "plan": "pro", "age": 31}), "2026-01-01 00:00:00", ["d1", "d1b"]]
BOB = [P[1], json.dumps({"email": "bob@y.org", "plan": "free"}), "2026-01-10 08:00:00", ["d2"]]
CY = [P[2], "{}", "2026-01-12 00:00:00", ["d3"]]
PERSONS = {"d1": ANN, "d1b": ANN, "d2": BOB, "d3": CY}
EVENTS = [
    (1, "2026-01-10 09:00:00", "$pageview", "d1", S[1], "acme", {"$browser": "Chrome", "$current_url": "https://a.io/home?x=1", "price": 10, "is_vip": True, "nested": {"a": {"b": "deep"}, "n": 5}, "tags": ["x", "y"]}),
    (2, "2026-01-10 09:05:00", "$pageview", "d1", S[1], "acme", {"$browser": "Chrome", "$current_url": "https://a.io/pricing/", "price": "20.5", "is_vip": "true"}),
    (3, "2026-01-10 09:10:00", "purchase", "d1", S[1], "acme", {"$browser": "Chrome", "price": 30, "currency": "USD", "is_vip": False}),
    (4, "2026-01-10 23:30:00", "$pageview", "d2", S[2], "", {"$browser": "Firefox", "$current_url": "https://a.io/home", "price": None, "signup_at": "2026-01-09T10:00:00Z"}),
    (5, "2026-01-11 00:15:00", "signup", "d2", S[2], "", {"$browser": "Firefox", "price": "abc", "ref": ""}),
    (6, "2026-01-11 12:00:00", "$pageview", "d1b", S[3], "acme", {"$browser": "Safari", "$current_url": "https://a.io/pricing", "price": -5}),
    (7, "2026-01-12 10:00:00", "purchase", "d2", S[4], "beta", {"$browser": "null", "price": 100, "is_vip": 1}),
    (8, "2026-01-13 10:00:00", "$pageview", "d3", "", "", {}),
    (9, "2026-01-13 10:00:00", "signup", "d3", "", "", {"$browser": "", "price": 0}),
    (10, "2026-01-19 10:00:00", "$pageview", "d1", S[5], "beta", {"$browser": "Chrome", "$current_url": "https://a.io/home", "price": 7}),
]
NY = {"timezone": "America/New_York"}
N = "toInt(substring(toString(uuid), 25, 12))"
CASES = []


def case(id, query, expect=None, **more):
    # `n` is the number in the uuid of a row.
    query = query.replace("«n»", N)
    CASES.append({"id": id, "query": query, "expect": expect, **more})


def refused(id, query, message, **more):
    CASES.append({"id": id, "query": query, "expect": {"error": message}, **more})


case("T01", "select «n» as n, properties.$browser from events order by n", [[i + 1, b] for i, b in enumerate(["Chrome", "Chrome", "Chrome", "Firefox", "Firefox", "Safari", "null", None, "", "Chrome"])])
case("T02", "select count() from events where properties.$browser = 'Chrome'", [[4]])
case("T03", "select count() from events where properties.$browser != 'Chrome'", [[6]])
case("T04a", "select count() from events where properties.$browser is null", [[1]])
case("T04b", "select count() from events where properties.$browser = null", [[1]])
case("T05a", "select «n» as n from events where properties.ref = ''", [[5]])
case("T05b", "select «n» as n from events where properties.ref is not null", [[5]])
case("T06", "select sum(properties.price), avg(properties.price), min(properties.price), max(properties.price), count(properties.price) from events", [[162.5, 23.214285714285715, -5, 100, 7]])
case("T07", "select «n» as n from events where properties.price > 10 order by n", [[2], [3], [7]])
case("T08", "select «n» as n, properties.is_vip from events order by n", [[1, True], [2, True], [3, False]] + [[i, None] for i in range(4, 11)])
case("T09", "select countIf(properties.is_vip = true), countIf(properties.is_vip != true) from events", [[2, 8]])
case("T10", "select properties.nested.a.b, properties['nested']['n'], properties.nested, properties.tags, properties.tags.1, properties.tags[-1], properties.nested.zz.q from events where «n» = 1", [["deep", "5", '{"a":{"b":"deep"},"n":5}', '["x","y"]', "x", "y", None]])
case("T11", "select countIf(properties.$browser like '%o%'), countIf(properties.$browser not like '%o%'), countIf(properties.$browser ilike '%O%') from events", [[6, 4, 6]])
case("T12", "select countIf(properties.$browser in ('Chrome','Safari')), countIf(properties.$browser not in ('Chrome','Safari')), countIf(properties.$browser in ('Chrome', null)) from events", [[5, 5, 5]])
case("T13", "select countIf(properties.$browser =~ 'Fire.*'), countIf(properties.$browser !~ 'Fire.*'), countIf(properties.$browser =~* 'chrome') from events", [[2, 8, 4]])
case("T14", "select countIf(properties.price between 0 and 20), countIf(properties.price not between 0 and 20) from events", [[3, 4]])
case("T15", "select concat('a', null, properties.ref, properties.price) from events where «n» in (1, 5) order by «n»", [["a10"], ["a"]])
case("T16", "select null = null, 1 = null, null != 1, null > 1, null < 1", [[1, 0, 1, 0, 0]])
case("T17", "select countIf(properties.$browser = properties.currency), countIf(properties.$browser != properties.currency) from events", [[1, 9]])
case("T18", "select countIf(properties.price in (10, 20.5)), countIf(properties.price not in (10, 20.5)) from events", [[2, 8]])
case("T19", "select properties.$browser as b, count() as c from events group by b order by c desc, b", [["Chrome", 4], ["Firefox", 2], ["", 1], ["Safari", 1], ["null", 1], [None, 1]])
case("T20", "select count(distinct properties.$browser), length(groupArray(properties.$browser)) from events", [[5, 9]])
case("T21", "select properties.$browser as b from events group by b order by b desc", [["null"], ["Safari"], ["Firefox"], ["Chrome"], [""], [None]])
case("T22", "select multiIf(properties.price > 50, 'big', properties.price > 5, 'mid', 'small') as b, count() from events group by b order by b", [["big", 1], ["mid", 4], ["small", 5]])
case("T23", "select toString(properties.signup_at), properties.signup_at from events where «n» = 4", [["2026-01-09 05:00:00.000000", "2026-01-09 05:00:00.000000"]], **NY)
case("T24", "select 1/0, 0/0, 7/2, 7 % 3, -7 % 3, intDiv(7, 2)", [[None, None, 3.5, 1, -1, 3]])
case("T25", "select null ?? 1 = 2", [[0]])
case("T26", "select event, count() as c, count(distinct person_id) as u from events group by event order by c desc, event", [["$pageview", 6, 3], ["purchase", 2, 2], ["signup", 2, 2]])
case("T27", "select event, «n» as n from events order by n limit 1 by event", [["$pageview", 1], ["purchase", 3], ["signup", 5]])
case("T28", "select person.properties.email as e, count() from events group by e order by count() desc, e", [["ann@x.com", 5], ["bob@y.org", 3], [None, 2]])
case("T29", "select countIf(person.properties.plan != 'pro') from events", [[5]])
for mode in ("disabled", "person_id_override_properties_joined", "person_id_no_override_properties_on_events"):
    case("T28 " + mode, "select person.properties.email as e, count() from events group by e order by count() desc, e", [["ann@x.com", 5], ["bob@y.org", 3], [None, 2]], persons=mode)
case("T30a", "select group_0.properties.tier as t, count() from events group by t order by count() desc, t", [["gold", 4], [None, 4], ["tin", 2]])
case("T30b", "select company.properties.tier as t, count() from events group by t order by count() desc, t", [["gold", 4], [None, 4], ["tin", 2]])
case("T31", "select session.$session_duration as d, session.$pageview_count as p from events where «n» = 1", [[600, 2]])
case("T32", "select $session_duration, $is_bounce, $entry_pathname from sessions order by $start_timestamp", [[600, False, "/home"], [2700, False, "/home"], [0, True, "/pricing"], [0, None, None], [0, True, "/home"]])
case("T33a", "select count() from events where person_id in cohort 5", [[5]])
case("T33b", "select count() from events where person_id in cohort 'Pros'", [[5]])
case("T33c", "select count() from events where person_id not in cohort 5", [[5]])
case("T34", "select e.event, c.x, c.k from (select distinct event from events) as e left join (select 'signup' as k, 5 as x) as c on e.event = c.k order by e.event", [["$pageview", 0, ""], ["purchase", 0, ""], ["signup", 5, "signup"]])
case("T35", "select a.k, b.k, a.v, b.v from (select 'x' as k, 1 as v) a full join (select 'y' as k, 2 as v) b on a.k = b.k order by a.v", [["", "y", 0, 2], ["x", "", 1, 0]])
case("T36", "select «n» as n, row_number() over (partition by person_id order by timestamp, uuid) as rn, lag(event) over (partition by person_id order by timestamp, uuid) as p from events order by n",
     [[i + 1, rn, p] for i, (rn, p) in enumerate(zip([1, 2, 3, 1, 2, 4, 3, 1, 2, 5], [None, "$pageview", "$pageview", None, "$pageview", "purchase", "signup", None, "$pageview", "$pageview"]))])
case("T37", "with d as (select toDate(timestamp) as day, count() as c from events group by day) select day, c, sum(c) over (order by day) from d order by day",
     [["2026-01-10", 4, 4], ["2026-01-11", 2, 6], ["2026-01-12", 1, 7], ["2026-01-13", 2, 9], ["2026-01-19", 1, 10]])
case("T38", "select «n» as n, x from events array join JSONExtract(properties, 'tags', 'Array(String)') as x order by n, x", [[1, "x"], [1, "y"]])
case("T39", "select count() from events left array join JSONExtract(properties, 'tags', 'Array(String)') as x", [[11]])
case("T40", "select arrayJoin([1, 2]) as a, «n» as n from events where n <= 2 order by n, a", [[1, 1], [2, 1], [1, 2], [2, 2]])
case("T41a", "select x from (select 1 as x union all select 1 union all select 2) order by x", [[1], [1], [2]])
case("T41b", "(select 1 as x union distinct select 1 union distinct select 2) order by x", [[1], [2]])
case("T41c", "(select 1 as x union all select 2) intersect select 2", [[2]])
case("T41d", "select arrayJoin([1,2,3]) as x except select 2", [[1], [3]])
case("T42", "select 1 as a, a + 1 as b, b * 2 as c", [[1, 2, 4]])
case("T43", "select event, count() as c from events group by event having c > 1 and event like 'p%'", [["purchase", 2]])
case("T44", "select event, count() from events group by 1 order by 2 desc, 1", [["$pageview", 6], ["purchase", 2], ["signup", 2]])
case("T45", "select count(), sum(properties.price), avg(properties.price), any(event), groupArray(event), min(event), uniq(event) from events where 1 = 2", [[0, None, None, "", [], "", 0]])
case("T46", "select event, c, rank() over (order by c desc) as r, dense_rank() over (order by c desc) as dr from (select event, count() as c from events group by event) order by c desc, event", [["$pageview", 6, 1, 1], ["purchase", 2, 2, 2], ["signup", 2, 2, 2]])
case("T47", "select argMax(event, timestamp), argMin(event, timestamp) from events where person_id = '00000000-0000-4000-8000-000000000002'", [["purchase", "$pageview"]])
case("T48", "select quantile(0.5)(properties.price), median(properties.price), quantile(0.9)(properties.price), quantiles(0.25, 0.75)(properties.price) from events", [[10, 10, 58, [3.5, 25.25]]])
case("T49", "select countIf(event = 'purchase'), sumIf(properties.price, event = 'purchase'), avgIf(properties.price, event = 'nope'), uniqIf(person_id, event = 'purchase') from events", [[2, 130, None, 2]])
case("T50", "select toInt('12.5'), toInt('12'), toInt(12.5), toFloat('abc'), toFloat('1e3'), toFloat(' 1'), toFloat(''), toIntOrZero('x'), toFloatOrDefault('x', 5.0)", [[None, 12, None, None, 1000, None, None, 0, 5]])
case("T51", "select [1,2,3][1], [1,2,3][-1], [1,2,3][0], [1,2,3][9], ['x'][5], ('a', 5).2, indexOf(['a','b'],'b'), arraySlice([1,2,3,4],2,2), arrayZip([1,2],['a','b'])", [[1, 3, 0, 0, "", 5, 2, [2, 3], [[1, "a"], [2, "b"]]]])
case("T52", "select arrayMap(x -> x * 2, [1,2,3]), arrayFilter(x -> x > 1, [1,2,3]), arrayExists(x -> x = 2, [1,2]), arrayCount(x -> x > 1, [1,2,3]), arrayReduce('sum', [1,2]), arrayDifference([1,4,9]), arrayCumSum([1,2,3])", [[[2, 4, 6], [2, 3], 1, 2, 3, [0, 3, 5], [1, 3, 6]]])
case("T53", "select JSONExtractString(properties,'nested','a','b'), JSONExtractInt(properties,'nested','n'), JSONHas(properties,'zz'), JSONHas(properties,'tags',2), JSONLength(properties,'tags'), JSONExtractArrayRaw(properties,'tags'), JSONExtractString(properties,'zz'), JSONExtractInt(properties,'$browser') from events where «n» = 1", [["deep", 5, 0, 1, 2, ['"x"', '"y"'], "", 0]])
case("T54", "select lower('ÀB'), lowerUTF8('ÀB'), length('é'), lengthUTF8('é'), substring('hello', 2, 3), position('hello', 'l'), splitByChar(',', 'a,b,'), extract('v=12;', 'v=([0-9]+)'), extractAll('a1b22', '[0-9]+'), replaceRegexpAll('a1b2', '[0-9]', '#')", [["Àb", "àb", 2, 1, "ell", 3, ["a", "b", ""], "12", ["1", "22"], "a#b#"]])
case("T55", "select domain('https://www.a.io:8080/p/q?x=1#f'), domainWithoutWWW('https://www.a.io/p'), path('https://a.io/p/q?x=1'), cutQueryString('https://a.io/p?x=1'), extractURLParameter('https://a.io/?x=1&y=2', 'y'), cutToFirstSignificantSubdomain('https://blog.a.co.uk/')", [["www.a.io", "a.io", "/p/q", "https://a.io/p", "2", "a.co.uk"]])
case("T56", "select round(2.5), round(3.5), round(-2.5), round(1234.567, -2), floor(2.789, 1), ceil(2.1), trunc(-2.7)", [[2, 4, -2, 1200, 2.7, 3, -2]])
case("T57", "select dateDiff('day', toDateTime('2026-01-10 23:00:00'), toDateTime('2026-01-11 01:00:00')), age('day', toDateTime('2026-01-10 23:00:00'), toDateTime('2026-01-11 01:00:00')), dateDiff('week', toDate('2026-01-10'), toDate('2026-01-11')), toDate('2026-01-31') + interval 1 month", [[1, 0, 0, "2026-02-28"]])
case("T58a", "select toStartOfWeek(toDate('2026-01-10')), toMonday(toDate('2026-01-11')), toDayOfWeek(toDate('2026-01-11')), toISOWeek(toDate('2026-01-11'))", [["2026-01-04", "2026-01-05", 7, 2]])
case("T58b", "select toStartOfWeek(toDate('2026-01-10'))", [["2026-01-05"]], week="monday")
case("T59", "select formatDateTime(timestamp, '%Y-%m-%d %H:%i:%S'), toString(timestamp), toUnixTimestamp(timestamp), toYYYYMM(timestamp) from events where «n» = 1", [["2026-01-10 09:00:00", "2026-01-10 09:00:00.000000", 1768035600, 202601]])
case("T60", "select if(null, 'a', 'b'), coalesce(null, null, 3), nullIf(1, 1), transform('b', ['a','b'], ['x','y'], 'z'), case when 0 then 1 end, greatest(1, 2.5), least(1, 2)", [["b", 3, None, "y", None, 2.5, 1]])
case("T61", "select toDate(timestamp) as d, count() from events group by d order by d", [["2026-01-10", 5], ["2026-01-11", 1], ["2026-01-12", 1], ["2026-01-13", 2], ["2026-01-19", 1]], **NY)
case("T62", "select toHour(timestamp), toStartOfDay(timestamp), timestamp from events where «n» = 5", [[19, "2026-01-10 00:00:00", "2026-01-10 19:15:00.000000"]], **NY)
case("T63a", "select count() from events where timestamp >= '2026-01-11'", [[5]], **NY)
case("T63b", "select count() from events where timestamp >= '2026-01-11'", [[6]])
case("T64", "select count() from events where timestamp >= toDateTime('2026-01-11', 'UTC')", [[6]], **NY)
refused("T71a", "select event from events final", "FINAL keyword is not supported")
refused("T71b", "select event from events settings max_threads = 1", "")
refused("T71c", "insert into events values (1)", "")
refused("T72a", "select foo from events", "Unable to resolve field: foo")
refused("T72b", "select 1 from nope", 'Unknown table "nope".')
refused("T72c", "select coun(1)", "Perhaps you meant 'count(...)'?")
refused("T72d", "select lower('a','b')", "Function 'lower' expects 1 argument, found 2")
case("T73", "select event from events", {"hogql": "LIMIT 101"})
case("T74", "select event from events limit 120", {"hogql": "LIMIT 120"})
case("T75", "select count() from (select number from numbers(60000)) limit 60000", {"hogql": "LIMIT 50000"})
case("T76", "select number from numbers(150) union all select number from numbers(150)", None)
refused("T77", "select event from events limit 1 offset 1", "keyset pagination on timestamp", api_key=True)
case("T77b", "select event from events limit 1 offset 1", None)
refused("T78", "select {a}, {b}", "Unresolved placeholder: {b}", values={"a": 1})
case("T79", "select count() from events where {filters}", [[3]], filters={"dateRange": {"date_from": "2026-01-11", "date_to": "2026-01-13"}})
case("T80", "select count() from events where timestamp > {filters.dateRange.from}", [[10]])

case("order by a constant column", "select x, 2 as y from (select 1 as x) order by 2 limit 2", [[1, 2]])
refused("ties", "select 1 limit 3 with ties", "needs ORDER BY")
case("escapes", "select JSONExtractString('{\"a\":\"b\"}', 'a'), properties.$current_url from events where «n» = 2", [["b", "https://a.io/pricing/"]])
case("nulls first", "select properties.$browser as b from events group by b order by b nulls first limit 1", [[None]])
case("filter over", "select count() filter (where event = 'purchase') over () as c from events limit 1", [[2]])
case("rollup", "select event, count() as c from events group by rollup(event) order by c desc limit 1", [["", 10]])
case("qualify", "select «n» as n from events qualify row_number() over (partition by event order by timestamp) = 1 order by n", [[1], [3], [5]])
case("using", "select event, k from (select event from events limit 1) a join (select '$pageview' as event, 7 as k) b using (event)", [["$pageview", 7]])
case("join on a property", "select count() from events e join persons p on e.person_id = p.id where p.properties.plan = 'pro'", [[5]])
case("correlated names stay apart", "select count() from events where event in (select event from events where properties.price > 50)", [[2]])
case("scalar subquery", "select (select max(properties.price) from events) as m, count() from events where properties.price = (select max(properties.price) from events)", [[100, 1]])
case("cte of a column", "with properties.price as p select sum(p) from events", [[162.5]])
case("restricted sample", "select count() from events sample 1", [[10]])
case("person of a distinct id", "select distinct_id, person.properties.email from person_distinct_ids order by distinct_id", [["d1", "ann@x.com"], ["d1b", "ann@x.com"], ["d2", "bob@y.org"], ["d3", None]])
case("ordered array", "select groupArray(event order by timestamp desc) as a from events where person_id = '00000000-0000-4000-8000-000000000002'", [[["purchase", "signup", "$pageview"]]])
case("late arrayJoin", "select arrayJoin(groupUniqArray(event)) as e from events order by e", [["$pageview"], ["purchase"], ["signup"]])
case("time arithmetic", "select toDate('2026-01-31') - toDate('2026-01-01'), toDateTime('2026-01-02') - toDateTime('2026-01-01'), toDateTime('2026-01-01') + interval 2 hour > '2026-01-01 01:00:00'", [[30, 86400, 1]])


def listed(id, expected, **query):
    case(id, "", expected, events_query=query)


listed("T83", None, select=["*"], after="2026-01-12", before="2026-01-13")
listed("T84", [["$pageview", 6], ["purchase", 2], ["signup", 2]], select=["event", "count()"], after="all", before="2027-01-01", orderBy=["count() DESC", "event"])
listed("T85", [["purchase", "2026-01-12 10:00:00.000000"], ["purchase", "2026-01-10 09:10:00.000000"], ["$pageview", "2026-01-10 09:05:00.000000"]], select=["event", "timestamp"], where=["properties.price > 10"], after="all")
listed("T86", [["$pageview", 6]], select=["event", "count()"], where=["count() > 2"], after="all")
listed("T87", [[["d1", P[0], "2026-01-01 00:00:00.000000", ANN[1]]]], select=["person"], after="2026-01-19", before="2026-01-20")
case("T88", "", [], events_query={"select": ["event"]}, now="2026-06-01T00:00:00Z")


def filtered(id, expected, *filters, **more):
    case("filter " + id, "select count() from events where {filters}", [[expected]], filters={"properties": list(filters), **more})


def leaf(key, operator, value=None, type="event", **more):
    return {"key": key, "operator": operator, "value": value, "type": type, **more}


filtered("exact", 4, leaf("$browser", "exact", "Chrome"))
filtered("is_not counts missing", 6, leaf("$browser", "is_not", "Chrome"))
filtered("exact list", 5, leaf("$browser", "exact", ["Chrome", "Safari"]))
filtered("is_not list", 5, leaf("$browser", "is_not", ["Chrome", "Safari"]))
filtered("icontains", 6, leaf("$browser", "icontains", "O"))
filtered("icontains takes % literally", 0, leaf("$browser", "icontains", "%"))
filtered("not_icontains", 4, leaf("$browser", "not_icontains", "o"))
filtered("starts_with", 4, leaf("$browser", "starts_with", "chr"))
filtered("regex", 2, leaf("$browser", "regex", "Fire.*"))
filtered("not_regex", 8, leaf("$browser", "not_regex", "Fire.*"))
filtered("invalid regex", 0, leaf("$browser", "not_regex", "("))
filtered("gt", 3, leaf("price", "gt", "10"))
filtered("min", 4, leaf("price", "min", 10))
filtered("between", 3, leaf("price", "between", [0, 20]))
filtered("not_between", 4, leaf("price", "not_between", [0, 20]))
filtered("exact number", 1, leaf("price", "exact", "20.5"))
filtered("exact number, no number", 0, leaf("price", "exact", "abc"))
filtered("is_set", 9, leaf("$browser", "is_set"))
filtered("is_not_set", 1, leaf("$browser", "is_not_set"))
filtered("boolean", 2, leaf("is_vip", "exact", "true"))
filtered("boolean in a list", 3, leaf("is_vip", "exact", ["true", "false"]))
filtered("date before", 1, leaf("signup_at", "is_date_before", "2026-01-10"))
filtered("date exact by day", 1, leaf("signup_at", "is_date_exact", "2026-01-09"))
filtered("date after by day", 0, leaf("signup_at", "is_date_after", "2026-01-09"))
filtered("person", 5, leaf("email", "icontains", "ann", "person"))
filtered("person number", 5, leaf("age", "gte", 30, "person"))
filtered("not a distinct id of the person", 5, leaf("distinct_id", "is_not", "d1", "person"))
filtered("distinct id of the person", 5, leaf("distinct_id", "exact", "d1", "person"))
filtered("group", 4, leaf("tier", "exact", "gold", "group", group_type_index=0))
filtered("group without index", 10, leaf("tier", "exact", "gold", "group"))
filtered("cohort", 5, leaf("id", "in", 5, "cohort"))
filtered("not in cohort", 5, leaf("id", "not_in", 5, "cohort"))
filtered("session", 5, leaf("$session_duration", "gt", 0, "session"))
filtered("metadata", 2, leaf("event", "exact", "purchase", "event_metadata"))
filtered("hogql", 3, leaf("properties.price > 10", "exact", None, "hogql"))
filtered("semver", 0, leaf("$browser", "semver_gte", "1.2"))
filtered("semver_neq holds for what is no version", 10, leaf("$browser", "semver_neq", "1.2.3"))
filtered("text in a chain", 0, leaf("text", "exact", "Buy", "element"))
filtered("no selector", 10, leaf("selector", "is_not", "a.b > button#c", "element"))
filtered("all", 2, leaf("$browser", "exact", "Chrome"), leaf("price", "gte", 20))
case("filter any", "select count() from events where {filters}", [[6]], filters={"properties": {"type": "OR", "values": [leaf("$browser", "exact", "Firefox"), leaf("$browser", "exact", "Chrome")]}})
case("filter empty", "select count() from events where {filters}", [[10]], filters={"properties": {"type": "OR", "values": []}})
refused("filter unknown type", "select count() from events where {filters}", "Filters of type 'recording' cannot be used here", filters={"properties": [leaf("x", "exact", 1, "recording")]})
refused("filter between", "select count() from events where {filters}", "requires min value to be less than or equal to max value", filters={"properties": [leaf("price", "between", [2, 1])]})
refused("filter nowhere", "select {filters}", "can only be used in a SELECT that reads events", filters={})

# Every function that the embedded engine must know first, with arguments of several types, nullable and not.
COLUMN = {
    "S": ["event", "properties.$browser", "'a'"], "s": ["event"], "N": ["properties.price", "toIntOrZero(event)", "length(event)", "toFloatOrZero(event)", "1", "-1", "1.5", "(event = 'x')", "properties.is_vip"],
    "n": ["properties.price", "toIntOrZero(event)", "2", "properties.untyped"], "I": ["toIntOrZero(event)", "3", "toInt(event)"], "i": ["toIntOrZero(event)", "2"],
    "T": ["timestamp", "toDate(timestamp)", "properties.signup_at", "toDateTime(timestamp)", "'2026-01-01'"], "D": ["timestamp", "properties.signup_at", "toDateTime(timestamp)"],
    "A": ["splitByChar(',', event)", "[1, 2]", "[1.5]", "[properties.$browser]", "[null]"], "W": ["[1, 2]", "[1.5]", "[toIntOrZero(event)]"], "Q": ["splitByChar(',', event)", "['a']"],
    "X": ["event", "properties.$browser", "1", "properties.price", "timestamp", "toDate(timestamp)", "uuid", "properties.is_vip", "true", "[1]", "(1, 'a')", "null"],
    "Y": ["event", "properties.$browser"], "Z": ["1", "properties.price", "toIntOrZero(event)", "true", "null"], "B": ["event = 'x'", "properties.is_vip", "properties.price"], "J": ["properties", "properties.nested"],
    "U": ["uuid", "properties.id"], "L": ["x -> x > 1"], "K": ["x -> x + 1"], "G": ["toIntervalDay(1)", "interval 2 month", "interval 3 hour"],
}
SHAPES = {
    "abs negate": "N", "plus minus multiply divide modulo": "N N", "intDiv": "n 2", "round floor ceil trunc": "N; N 1", "sqrt exp log": "n", "pow": "n n", "isNaN": "n", "min2 max2 greatest least": "n n; Y Y; T T",
    "and or": "B B; B B B", "not": "B", "equals notEquals less greater lessOrEquals greaterOrEquals": "n n; Y Y; T T; U U", "like ilike notLike notILike match": "S s", "in notIn": "Y ('a','b'); n (1,2)",
    "if": "B Y Y; B Z Z; B T T", "multiIf": "B Y B Y Y; B Z B Z Z", "ifNull coalesce": "Y Y; Z Z", "nullIf": "Y Y; n n", "isNull isNotNull toNullable assumeNotNull": "X", "_caseWithExpression": "Y 'a' Z 'b' Z Z",
    "transform": "S ['a'] ['b'] S; n [1] [2] 3", "array tuple": "Z; Y Y; Z Z; T T", "arrayElement": "A 1; A -1", "tupleElement": "(1,'a') 2",
    "lower upper length lengthUTF8 reverse empty notEmpty trim trimLeft trimRight": "S", "concat": "X X", "substring": "S 1 2", "left": "S 2", "position positionCaseInsensitive startsWith endsWith": "S S",
    "extract extractAll": "S 'x'", "replace replaceAll replaceOne replaceRegexpAll replaceRegexpOne": "S 'a' 'b'", "splitByChar splitByString": "',' S", "multiSearchAny multiSearchAnyCaseInsensitive multiMatchAnyIndex": "S ['a']",
    "domain domainWithoutWWW path cutQueryString cutToFirstSignificantSubdomain protocol": "S", "extractURLParameter": "S 'a'", "cityHash64": "X",
    "toString": "X", "toFloat toInt": "S; N", "toUUID": "S; U", "toBool": "S; n", "toDate toDateTime": "S; T", "toFloatOrZero toIntOrZero": "S", "toFloatOrDefault": "S 1.5; S 2", "parseDateTimeBestEffort": "S", "toDateTime64": "T 6 'UTC'",
    "_toDate": "T", "_toInt64 _toUInt64": "I",
    "toYear toQuarter toMonth toDayOfYear toDayOfMonth toDayOfWeek toISOWeek toYYYYMM toStartOfYear toStartOfQuarter toStartOfMonth toStartOfWeek toMonday toStartOfDay toUnixTimestamp": "T",
    "toHour toMinute toSecond toStartOfHour toStartOfMinute": "D", "dateTrunc date_trunc": "'day' T; 'month' T; 'week' T; 'hour' D", "dateDiff date_diff": "'day' T T", "dateAdd dateSub": "T G", "toStartOfInterval": "T G",
    "toTimeZone": "D 'Asia/Tokyo'", "formatDateTime": "T '%Y'", "fromUnixTimestamp": "i", "addDays addMonths subtractDays subtractMonths": "T i", "addHours subtractHours": "T i", "plus minus ": "T G; T 1", "now today yesterday": "",
    "toIntervalSecond toIntervalMinute toIntervalHour toIntervalDay toIntervalWeek toIntervalMonth toIntervalQuarter toIntervalYear": "2",
    "arrayConcat": "Q Q; W W", "arrayCumSum arrayDifference arraySum arrayAvg arrayMin arrayMax": "W", "arrayDistinct arrayEnumerate arrayPopBack arrayPopFront arrayReverse arraySort arrayReverseSort": "A", "arrayFlatten": "[[1],[2]]",
    "arrayPushBack arrayPushFront has indexOf countEqual": "Q s; W 1", "hasAll hasAny": "Q Q; W W", "arrayResize": "A 3", "arraySlice": "A 1; A 1 2", "arrayStringConcat": "Q; Q ','", "arrayWithConstant": "2 X", "arrayZip": "Q Q",
    "arrayReduce": "'sum' W; 'uniq' Q", "arrayMap": "L W; K W", "arrayFilter arrayExists arrayAll arrayCount arrayFirst arraySplit": "L W", "arraySort ": "K W", "range": "3; 1 4", "arrayJoin": "A",
    "JSONExtractString JSONExtractInt JSONExtractFloat JSONExtractBool JSONExtractRaw JSONHas JSONLength JSONExtractArrayRaw JSONExtractKeys": "J 'a'", "JSONExtract": "J 'a' 'Int64'; J 'a' 'Array(String)'; J 'a' 'Nullable(Float64)'",
    "toJSONString": "X", "sortableSemver": "S", "any anyLast min max": "Y; Z; T", "sum avg": "N", "count uniq uniqExact": "X", "argMax argMin": "X timestamp", "groupArray groupUniqArray array_agg": "Y; n; T", "median": "N", "quantile(0.9)": "n", "quantiles(0.5, 0.9)": "n",
    "stddevPop stddevSamp": "n", "avgArray medianArray": "W", "countIf": "B", "sumIf avgIf minIf maxIf": "n B", "anyIf uniqIf uniqExactIf groupArrayIf groupUniqArrayIf countDistinctIf": "X B", "argMaxIf argMinIf": "X timestamp B", "medianIf": "n B", "quantileIf(0.5)": "n B",
}
AGGREGATES = set("any anyLast min max sum avg count uniq uniqExact argMax argMin groupArray groupUniqArray array_agg median quantile(0.9) quantiles(0.5, 0.9) stddevPop stddevSamp avgArray medianArray".split()) | {"quantile(0.9)", "quantiles(0.5, 0.9)"}
WINDOWED = ["row_number()", "rank()", "dense_rank()", "first_value(event)", "last_value(properties.price)", "nth_value(event, 2)", "lag(event)", "lead(properties.price, 2)", "lag(event, 1, 'x')", "lagInFrame(event)", "leadInFrame(properties.price)",
            "sum(toIntOrZero(event))", "count()", "avg(properties.price)", "max(timestamp)"]


def split(shape):
    import re
    return re.findall(r"\[(?:[^\[\]]|\[[^\]]*\])*\]|\([^)]*\)|'[^']*'|\S+", shape)


def types():
    import itertools
    found = []
    for names, shapes in SHAPES.items():
        for name in ([names] if "(" in names else names.split()):
            for shape in shapes.split(";"):
                for args in itertools.islice(itertools.product(*[COLUMN.get(t, [t]) for t in split(shape)]), 60):
                    found.append({"id": "type", "query": f"select {name}({', '.join(args)}) as r from events", "limits": "none"})
    for call in WINDOWED:
        found.append({"id": "type", "query": f"select {call} over (partition by event order by timestamp) as r from events", "limits": "none"})
    return found


TYPES = types()
