"""Makes HogQL queries at random, the same ones every time: well-typed expressions put into the shapes that people write.

A query is `{"class", "query", "zone", "week"?, "modifiers"?}`. Every query has one right answer: what may come in any order is
sorted, aggregates that may answer any of several values are left out, and LIMIT comes with an order that leaves nothing open.
"""

import random

ZONES = ["UTC"] * 5 + ["America/New_York"] * 3 + ["Asia/Kolkata"]
TEXTS = ["", "a", "Chrome", "pro", "null", "é", "x,y", "A1", "100%", "it''s", "日本", "user-1", "https://www.a.io/home?x=1#f", "12.5", "-3"]
PATTERNS = ["%o%", "C%", "_hrome", "%", "", "%é%", "100\\\\%%", "%user-1_", "%''%"]
REGEXES = ["o", "^C", "[0-9]+", "(a|e).", "e$", "\\\\d", "é", "^$", "(?i)chrome", "u?s"]
UNITS = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"]
FORMATS = ["%Y-%m-%d", "%H:%i:%S", "%d/%m/%y", "%j", "%Y%m", "%F %T", "%e %b", "%a"]


#: Where there are no events.
DOCUMENT = """'{"n": 7, "price": "2.5", "nested": {"a": {"b": "é"}}, "tags": ["x"], "odd": null, "nums": [1, 2]}'"""


class Scope:
    """The columns in reach, by type. `S` text, `s` text or NULL, `I` whole, `F` real, `f` real or NULL, `B` truth, `b` truth or NULL, `D` date,
    `T` instant, `t` instant or NULL, `U` uuid, `A` array of text, `N` array of numbers."""

    def __init__(self, columns):
        self.columns = columns

    def qualified(self, alias):
        return Scope({ty: [f"{alias}.{column}" if column[0] not in "JCt(" else column for column in columns] for ty, columns in self.columns.items()})


EVENTS = Scope({
    "J": ["properties"],
    "S": ["event", "distinct_id", "$group_0", "person_mode", "elements_chain", "$session_id", "$window_id"],
    "s": ["properties.$browser", "properties.currency", "properties.odd", "properties.nested.a.b", "properties.missing", "properties.tags", "properties['nested']['n']",
          "properties.items", "properties.items.1.sku", "properties.tags[-1]", "properties.`a.b`", "properties.`sp ace'd`", "properties.$current_url", "properties.nested.a",
          "properties.nested.a.c.1", "properties.utm_source"],
    "I": [],
    "f": ["properties.price", "properties.n"],
    "b": ["properties.is_vip"],
    "T": ["timestamp"],
    "t": ["properties.signup_at"],
    "U": ["uuid", "person_id"],
    "A": ["JSONExtract(properties, 'tags', 'Array(String)')"],
    "N": ["JSONExtract(properties, 'nums', 'Array(Float64)')"],
})
PERSON_COLUMNS = ["person.properties.plan", "person.properties.email", "person.properties.address.city", "person.properties.first"]
GROUP_COLUMNS = ["group_0.properties.tier", "company.properties.name", "group_1.properties.name"]
SESSION_COLUMNS = ["session.$session_duration", "session.$pageview_count", "session.$num_uniq_urls"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.lambdas = 0

    def pick(self, *options):
        return self.r.choice(options)

    def of(self, options):
        return self.r.choice(options)

    def text(self):
        return f"'{self.of(TEXTS)}'"

    def whole(self):
        return str(self.pick(0, 1, 2, 3, 5, 7, 10, 100, 255, 256, 1000, 65536, 2147483648))

    def real(self):
        return self.pick("0.5", "1.5", "10.25", "2.0", "100.0", "1e3", "0.1", "3.14159")

    def day(self):
        return f"2025-{self.of(['11-01', '11-02', '11-03', '12-24', '12-31'])}" if self.r.random() < 0.5 else f"2026-01-{self.r.randint(1, 19):02}"

    # Expressions by type; `d` is how much deeper they may go.

    def column(self, scope, ty):
        columns = scope.columns.get(ty) or []
        return self.of(columns) if columns else None

    def S(self, scope, d):
        if d <= 0 or self.r.random() < 0.35:
            return self.column(scope, "S") if self.r.random() < 0.75 and scope.columns.get("S") else self.text()
        x = lambda: self.S(scope, d - 1)
        return self.pick(
            lambda: f"lower({x()})", lambda: f"upper({x()})", lambda: f"lowerUTF8({x()})", lambda: f"concat({x()}, {self.pick(x, lambda: self.s(scope, d - 1), lambda: self.F(scope, d - 1))()})",
            lambda: f"{x()} || '-' || {x()}", lambda: f"substring({x()}, {self.pick(1, 2, 3, -2)}, {self.pick(0, 1, 3, 100)})", lambda: f"substringUTF8({x()}, 2, 3)",
            lambda: f"replaceAll({x()}, {self.pick(chr(39) + 'a' + chr(39), chr(39) + 'o' + chr(39))}, '#')", lambda: f"replaceRegexpAll({x()}, '{self.pick('[aeiou]', '[0-9]+', '^u')}', '<\\\\0>')",
            lambda: f"replaceOne({x()}, 'e', '')", lambda: f"reverseUTF8({x()})", lambda: f"trim({x()})", lambda: f"left({x()}, 2)", lambda: f"lpad({x()}, 4, '.')", lambda: f"leftPad({x()}, 6, '*')",
            lambda: f"toString({self.pick(self.I, self.D, self.T, self.U, self.B)(scope, d - 1)})", lambda: f"toString({self.F(scope, d - 1)})",
            lambda: f"if({self.B(scope, d - 1)}, {x()}, {x()})", lambda: f"ifNull({self.s(scope, d - 1)}, {x()})", lambda: f"coalesce({self.s(scope, d - 1)}, {self.s(scope, d - 1)}, {x()})",
            lambda: f"multiIf({self.B(scope, d - 1)}, {x()}, {self.B(scope, d - 1)}, {x()}, {x()})", lambda: f"case when {self.B(scope, d - 1)} then {x()} else {x()} end",
            lambda: f"transform({x()}, ['Chrome', 'purchase', ''], ['c', 'p', 'none'], {x()})", lambda: f"extract({x()}, '{self.of(REGEXES)}')",
            lambda: f"arrayStringConcat({self.A(scope, d - 1)}, '/')", lambda: f"{self.array_value(scope, d - 1)}[{self.pick(1, 2, -1, 0, 9)}]",
            lambda: f"splitByChar(',', {x()})[1]", lambda: f"formatDateTime({self.T(scope, d - 1)}, '{self.of(FORMATS)}')",
            lambda: f"{self.pick('domain', 'path', 'pathFull', 'cutQueryString', 'protocol', 'queryString', 'domainWithoutWWW', 'cutToFirstSignificantSubdomain', 'topLevelDomain')}(ifNull({self.s(scope, 0)}, {x()}))",
            lambda: f"JSONExtractString({self.document(scope)}, {self.pick(chr(39) + '$browser' + chr(39), chr(39) + 'nested' + chr(39) + ', ' + chr(39) + 'a' + chr(39) + ', ' + chr(39) + 'b' + chr(39), chr(39) + 'n' + chr(39))})",
            lambda: f"JSONExtractRaw({self.document(scope)}, '{self.pick('nested', 'tags', 'price', 'missing', 'odd')}')", lambda: f"base64Encode({x()})", lambda: f"hex({x()})",
            lambda: f"tuple({x()}, {self.I(scope, d - 1)}).1", lambda: f"({x()}, {x()}).2", lambda: f"repeat({self.text()}, {self.pick(0, 1, 2)})", lambda: f"least({x()}, {x()})", lambda: f"greatest({x()}, {x()})",
            lambda: f"{self.array_value(scope, d - 1)}[{self.pick(1, -1)}]", lambda: f"toTypeName({self.any(scope, d - 1)})" if d < 2 else x(), lambda: f"encodeURLComponent({x()})",
            lambda: f"initcap({x()})", lambda: f"translate({x()}, 'aeo', '430')", lambda: f"f'<{{{x()}}}>'",
        )()

    def s(self, scope, d):
        if d <= 0 or self.r.random() < 0.6:
            return self.column(scope, "s") or f"nullIf({self.S(scope, 0)}, 'a')"
        return self.pick(
            lambda: f"nullIf({self.S(scope, d - 1)}, {self.S(scope, 0)})", lambda: f"if({self.B(scope, d - 1)}, {self.s(scope, d - 1)}, {self.S(scope, d - 1)})", lambda: f"lower({self.s(scope, d - 1)})",
            lambda: f"if({self.B(scope, d - 1)}, null, {self.S(scope, d - 1)})", lambda: f"toString({self.f(scope, d - 1)})", lambda: f"case when {self.B(scope, d - 1)} then {self.S(scope, d - 1)} end",
            lambda: f"substring({self.s(scope, d - 1)}, 1, 2)", lambda: f"replaceAll({self.s(scope, d - 1)}, 'o', '0')", lambda: f"toString({self.t(scope, d - 1)})",
        )()

    def I(self, scope, d):
        if d <= 0 or self.r.random() < 0.25:
            return self.column(scope, "I") if self.r.random() < 0.6 and scope.columns.get("I") else self.whole()
        x = lambda: self.I(scope, d - 1)
        return self.pick(
            lambda: f"length({self.S(scope, d - 1)})", lambda: f"lengthUTF8({self.S(scope, d - 1)})", lambda: f"length({self.A(scope, d - 1)})", lambda: f"position({self.S(scope, d - 1)}, '{self.pick('a', 'o', 'é')}')",
            lambda: f"({x()} {self.pick('+', '-', '*')} {x()})", lambda: f"({x()} % {self.pick(3, 7, 10)})", lambda: f"intDiv({x()}, {self.pick(2, 3, 7)})", lambda: f"abs({x()})", lambda: f"-{x()}",
            lambda: f"dateDiff('{self.of(UNITS)}', {self.T(scope, d - 1)}, {self.T(scope, d - 1)})", lambda: f"dateDiff('{self.of(UNITS[3:])}', {self.D(scope, d - 1)}, {self.D(scope, d - 1)})",
            lambda: f"{self.pick('toYear', 'toMonth', 'toDayOfMonth', 'toHour', 'toMinute', 'toDayOfWeek', 'toISOWeek', 'toQuarter', 'toDayOfYear', 'toYYYYMM', 'toYYYYMMDD', 'toUnixTimestamp', 'toSecond')}({self.T(scope, d - 1)})",
            lambda: f"{self.pick('toYear', 'toMonth', 'toDayOfWeek', 'toISOWeek', 'toYYYYMM')}({self.D(scope, d - 1)})",
            lambda: f"indexOf({self.A(scope, d - 1)}, {self.S(scope, 0)})", lambda: f"countSubstrings({self.S(scope, d - 1)}, 'a')", lambda: f"arrayCount(x -> x = {self.text()}, {self.A(scope, d - 1)})",
            lambda: f"if({self.B(scope, d - 1)}, {x()}, {x()})", lambda: f"JSONExtractInt({self.document(scope)}, '{self.pick('n', 'price', 'odd', '$browser')}')", lambda: f"JSONLength({self.document(scope)}, '{self.pick('tags', 'nested', 'missing')}')",
            lambda: f"bitAnd({x()}, {self.pick(1, 3, 255)})", lambda: f"cityHash64({self.S(scope, d - 1)}) % 1000", lambda: f"sign({self.F(scope, d - 1)})", lambda: f"toInt({self.pick('12', '-7', 'x', '3.5')!r})".replace('"', "'") + " ?? 0",
            lambda: f"{self.N(scope, d - 1)}[1] > 1 ? 1 : 2", lambda: f"greatest({x()}, {x()})", lambda: f"age('{self.of(UNITS[2:4])}', {self.T(scope, 0)}, {self.T(scope, 0)})",
        )()

    def F(self, scope, d):
        if d <= 0 or self.r.random() < 0.25:
            return f"ifNull({self.of(scope.columns['f'])}, {self.pick('0', '-1')})" if self.r.random() < 0.6 and scope.columns.get("f") else self.real()
        x = lambda: self.F(scope, d - 1)
        return self.pick(
            lambda: f"({x()} {self.pick('+', '-', '*')} {x()})", lambda: f"({x()} / {self.pick('2', '3', '0.7')})", lambda: f"({self.I(scope, d - 1)} / {self.pick('2', '7')})", lambda: f"round({x()}, {self.pick(0, 1, 2, -1)})", lambda: f"{self.pick('floor', 'ceil', 'trunc')}({x()})",
            lambda: f"sqrt(abs({x()}))", lambda: f"({x()} + {self.I(scope, d - 1)})", lambda: f"toFloatOrZero({self.S(scope, d - 1)})", lambda: f"toFloatOrDefault({self.S(scope, 0)}, 1.5)", lambda: f"JSONExtractFloat({self.document(scope)}, '{self.pick('price', 'n', 'odd')}')",
            lambda: f"if({self.B(scope, d - 1)}, {x()}, {x()})", lambda: f"arraySum({self.N(scope, d - 1)})", lambda: f"greatest({x()}, {x()})", lambda: f"pow({x()}, 2)", lambda: f"log(1 + abs({x()}))", lambda: f"toFloat({self.I(scope, d - 1)})",
            lambda: f"ifNull(toFloat({self.s(scope, d - 1)}), 0.5)", lambda: f"{self.N(scope, d - 1)}[{self.pick(1, 2, -1)}]", lambda: f"exp(least({x()}, 3.0))",
        )()

    def f(self, scope, d):
        if d <= 0 or self.r.random() < 0.5:
            return self.column(scope, "f") or f"nullIf({self.F(scope, 0)}, 1.5)"
        return self.pick(lambda: f"({self.f(scope, d - 1)} {self.pick('+', '-', '*')} {self.F(scope, d - 1)})", lambda: f"round({self.f(scope, d - 1)}, 1)", lambda: f"toFloat({self.s(scope, d - 1)})",
                         lambda: f"if({self.B(scope, d - 1)}, {self.f(scope, d - 1)}, {self.F(scope, d - 1)})", lambda: f"nullIf({self.F(scope, d - 1)}, 0)", lambda: f"toInt({self.s(scope, d - 1)})", lambda: f"({self.f(scope, d - 1)} / 4)", lambda: f"abs({self.f(scope, d - 1)})")()

    def B(self, scope, d):
        if d <= 0:
            return self.pick(lambda: f"{self.S(scope, 0)} = {self.S(scope, 0)}", lambda: f"{self.s(scope, 0)} is not null", lambda: f"{self.f(scope, 0)} > {self.whole()}")()
        x = lambda: self.B(scope, d - 1)
        op = self.pick("=", "!=", "<", ">", "<=", ">=")
        return self.pick(
            lambda: f"{self.S(scope, d - 1)} {op} {self.S(scope, d - 1)}", lambda: f"{self.s(scope, d - 1)} {op} {self.pick(self.S, self.s)(scope, d - 1)}", lambda: f"{self.s(scope, d - 1)} {op} {self.text()}", lambda: f"{self.F(scope, d - 1)} {op} {self.F(scope, d - 1)}",
            lambda: f"{self.f(scope, d - 1)} {op} {self.pick(self.f, self.F, self.I)(scope, d - 1)}", lambda: f"{self.I(scope, d - 1)} {op} {self.I(scope, d - 1)}", lambda: f"{self.T(scope, d - 1)} {op} '{self.day()}'", lambda: f"{self.T(scope, d - 1)} {op} {self.T(scope, d - 1)}",
            lambda: f"{self.t(scope, d - 1)} {op} {self.T(scope, d - 1)}", lambda: f"{self.D(scope, d - 1)} {op} '{self.day()}'", lambda: f"{self.D(scope, d - 1)} {op} {self.D(scope, d - 1)}",
            lambda: f"{self.pick(self.S, self.s)(scope, d - 1)} {self.pick('like', 'ilike', 'not like', 'not ilike')} '{self.of(PATTERNS)}'", lambda: f"{self.pick(self.S, self.s)(scope, d - 1)} {self.pick('=~', '!~', '=~*', '!~*')} '{self.of(REGEXES)}'",
            lambda: f"match({self.S(scope, d - 1)}, '{self.of(REGEXES)}')", lambda: f"{self.pick(self.S, self.s)(scope, d - 1)} {self.pick('in', 'not in')} ({self.text()}, {self.text()}, {self.text()})", lambda: f"{self.s(scope, d - 1)} {self.pick('in', 'not in')} ({self.text()}, null)",
            lambda: f"{self.pick(self.f, self.I, self.F)(scope, d - 1)} {self.pick('in', 'not in')} ({self.whole()}, {self.whole()}, {self.pick('1.5', '20', '-1')})", lambda: f"{self.pick(self.s, self.f, self.t)(scope, d - 1)} is {self.pick('', 'not ')}null",
            lambda: f"{self.f(scope, d - 1)} {self.pick('', 'not ')}between {self.pick(0, -5, 1)} and {self.pick(10, 50)}", lambda: f"({x()} and {x()})", lambda: f"({x()} or {x()})", lambda: f"not ({x()})", lambda: f"{self.pick('empty', 'notEmpty')}({self.S(scope, d - 1)})",
            lambda: f"has({self.A(scope, d - 1)}, {self.S(scope, 0)})", lambda: f"hasAny({self.A(scope, d - 1)}, ['x', {self.text()}])", lambda: f"arrayExists(x -> x {self.pick('=', '>')} {self.text()}, {self.A(scope, d - 1)})", lambda: f"startsWith({self.S(scope, d - 1)}, {self.text()})",
            lambda: f"endsWith({self.S(scope, d - 1)}, {self.text()})", lambda: f"{self.b(scope)} = {self.pick('true', 'false')}", lambda: f"JSONHas({self.document(scope)}, '{self.pick('tags', 'nested', 'price')}')", lambda: f"{self.s(scope, 0)} = {self.whole()}",
            lambda: f"isNull({self.s(scope, d - 1)})", lambda: f"multiSearchAny({self.S(scope, d - 1)}, ['a', 'é'])", lambda: f"({self.S(scope, 0)}, {self.I(scope, 0)}) in (('Chrome', 1), ('', 0))", lambda: f"arrayAll(x -> x < 5, {self.N(scope, d - 1)})",
            lambda: f"{self.s(scope, d - 1)} is {self.pick('', 'not ')}distinct from {self.s(scope, d - 1)}",
        )()

    def b(self, scope):
        return self.column(scope, "b") or "toBool(1)"

    def D(self, scope, d):
        if d <= 0 or self.r.random() < 0.4:
            return self.column(scope, "D") or self.pick(f"toDate({self.T(scope, 0)})", f"toDate('{self.day()}')")
        return self.pick(
            lambda: f"toDate({self.T(scope, d - 1)})", lambda: f"{self.pick('toStartOfMonth', 'toMonday', 'toStartOfYear', 'toStartOfQuarter', 'toStartOfWeek', 'toLastDayOfMonth')}({self.pick(self.T, self.D)(scope, d - 1)})",
            lambda: f"({self.D(scope, d - 1)} {self.pick('+', '-')} {self.pick(1, 7, 31)})", lambda: f"({self.D(scope, d - 1)} {self.pick('+', '-')} interval {self.pick(1, 3)} {self.pick('day', 'week', 'month', 'year', 'quarter')})",
            lambda: f"addMonths({self.D(scope, d - 1)}, {self.pick(1, -1, 13)})", lambda: f"if({self.B(scope, d - 1)}, {self.D(scope, d - 1)}, {self.D(scope, d - 1)})", lambda: f"dateTrunc('{self.pick('month', 'week', 'quarter', 'year')}', {self.T(scope, d - 1)})",
        )()

    def T(self, scope, d):
        if d <= 0 or self.r.random() < 0.45:
            return self.column(scope, "T") if scope.columns.get("T") and self.r.random() < 0.8 else f"toDateTime('{self.day()} {self.r.randint(0, 23):02}:{self.r.randint(0, 59):02}:00')"
        x = lambda: self.T(scope, d - 1)
        return self.pick(
            lambda: f"{self.pick('toStartOfHour', 'toStartOfDay', 'toStartOfMinute', 'toStartOfFifteenMinutes', 'toStartOfFiveMinutes')}({x()})", lambda: f"({x()} {self.pick('+', '-')} interval {self.pick(1, 2, 36)} {self.pick('second', 'minute', 'hour', 'day', 'week', 'month')})",
            lambda: f"dateTrunc('{self.pick('day', 'hour', 'minute')}', {x()})", lambda: f"{self.pick('addDays', 'addHours', 'subtractDays', 'addWeeks', 'addMinutes')}({x()}, {self.pick(1, 2, 30)})", lambda: f"if({self.B(scope, d - 1)}, {x()}, {x()})",
            lambda: f"ifNull({self.t(scope, d - 1)}, {x()})", lambda: f"toTimeZone({x()}, '{self.pick('UTC', 'Europe/Berlin', 'Asia/Tokyo')}')", lambda: f"toStartOfInterval({x()}, interval {self.pick('15 minute', '6 hour', '1 day', '30 second')})", lambda: f"toDateTime({self.D(scope, d - 1)})",
        )()

    def t(self, scope, d):
        return self.column(scope, "t") or f"nullIf({self.T(scope, 0)}, toDateTime('2026-01-01 00:00:00'))"

    def U(self, scope, d):
        return self.column(scope, "U") or "toUUID('0190a000-0000-7000-8000-000000000001')"

    def A(self, scope, d):
        if d <= 0 or self.r.random() < 0.3:
            return self.column(scope, "A") if scope.columns.get("A") and self.r.random() < 0.75 else self.pick("['x', 'é', '']", "['b', 'a', 'b']", "splitByChar(',', 'a,b,,c')")
        x = lambda: self.A(scope, d - 1)
        inner = Scope({**scope.columns, "S": (scope.columns.get("S") or []) + ["x"] * 6})
        return self.pick(
            lambda: f"arrayMap(x -> {self.S(inner, d - 1)}, {x()})", lambda: f"arrayFilter(x -> {self.B(inner, d - 1)}, {x()})", lambda: f"arraySort({x()})", lambda: f"arrayReverseSort({x()})", lambda: f"arrayDistinct({x()})", lambda: f"arrayReverse({x()})",
            lambda: f"arrayConcat({x()}, {x()})", lambda: f"arraySlice({x()}, {self.pick(1, 2, -2)}, {self.pick(1, 2)})", lambda: f"[{self.S(scope, d - 1)}, {self.S(scope, d - 1)}]", lambda: f"splitByChar(',', {self.S(scope, d - 1)})", lambda: f"splitByString('o', {self.S(scope, d - 1)})",
            lambda: f"extractAll({self.S(scope, d - 1)}, '[a-z]+')", lambda: f"arraySort(x -> (length(x), x), {x()})", lambda: f"arrayPushBack({x()}, {self.S(scope, 0)})", lambda: f"arrayCompact({x()})", lambda: f"arrayResize({x()}, 3)",
            lambda: f"arrayMap((x, y) -> concat(x, toString(y)), ['p', 'q'], [{self.I(scope, 0)}, {self.I(scope, 0)}])", lambda: f"arraySort(arrayIntersect({x()}, ['x', 'y', 'z']))", lambda: f"alphaTokens({self.S(scope, d - 1)})",
            lambda: f"JSONExtractArrayRaw({self.document(scope)}, '{self.pick('tags', 'nums', 'items')}')", lambda: f"if({self.B(scope, d - 1)}, {x()}, {x()})", lambda: f"arrayPopFront({x()})",
        )()

    def N(self, scope, d):
        if d <= 0 or self.r.random() < 0.3:
            return self.column(scope, "N") if scope.columns.get("N") and self.r.random() < 0.75 else self.pick("[1.5, 2.0, -3.25]", "[0.0, 10.0]")
        x = lambda: self.N(scope, d - 1)
        inner = Scope({**scope.columns, "f": (scope.columns.get("f") or []), "F": ["x"]})
        return self.pick(
            lambda: f"arrayMap(x -> x {self.pick('+', '*', '-')} {self.F(inner, 0)}, {x()})", lambda: f"arrayFilter(x -> x {self.pick('>', '<', '=', '!=')} {self.pick(0, 1, 2.5)}, {x()})", lambda: f"arrayCumSum({x()})", lambda: f"arrayDifference({x()})", lambda: f"arraySort({x()})",
            lambda: f"arrayReverseSort({x()})", lambda: f"arrayConcat({x()}, {x()})", lambda: f"arrayMap(x -> length(x) / 2, {self.A(scope, d - 1)})", lambda: f"arrayMap(x -> x / 2, range({self.pick(0, 3, 5)}))", lambda: f"arrayDistinct({x()})",
            lambda: f"[{self.F(scope, d - 1)}, {self.F(scope, d - 1)}]", lambda: f"[arrayMin({x()}), arrayMax({x()}), arraySum({x()}), arrayAvg({x()})]", lambda: f"arraySort(x -> -x, {x()})", lambda: f"arrayPushFront({x()}, 1.25)",
        )()

    def array_value(self, scope, d):
        value = self.A(scope, d)
        return value if value[0] in "[" else f"({value})" if "?" in value else value

    def document(self, scope):
        return scope.columns.get("J", [DOCUMENT])[0]

    def any(self, scope, d):
        return self.pick(self.S, self.S, self.s, self.s, self.I, self.F, self.f, self.B, self.D, self.T, self.t, self.A, self.N, lambda scope, d: self.b(scope))(scope, d)

    def scalar(self, scope, d):
        return self.pick(self.S, self.s, self.I, self.F, self.f, self.B, self.D, self.T)(scope, d)

    def key(self, scope, d=1):
        """Something to group by, of few values."""
        return self.pick(lambda: "event", lambda: "properties.$browser", lambda: "properties.currency", lambda: "$group_0", lambda: "properties.is_vip", lambda: f"toStartOfMonth({self.T(scope, 0)})", lambda: f"toDate({self.T(scope, 0)})",
                         lambda: f"toHour({self.T(scope, 0)})", lambda: f"toStartOfWeek({self.T(scope, 0)})", lambda: f"toDayOfWeek({self.T(scope, 0)})", lambda: f"length({self.S(scope, d - 1)}) % 5", lambda: f"multiIf({self.B(scope, d)}, 'one', {self.B(scope, d)}, 'two', 'three')", lambda: f"{self.B(scope, d)}",
                         lambda: "person.properties.plan", lambda: "properties.n", lambda: f"if({self.B(scope, d)}, properties.$browser, null)", lambda: "group_0.properties.tier")()

    def aggregate(self, scope, d):
        fee = self.f(scope, d)
        filter_ = f" filter (where {self.B(scope, d - 1)})" if self.r.random() < 0.08 else ""
        plain = self.pick(
            lambda: "count()", lambda: f"count({self.s(scope, d)})", lambda: f"count(distinct {self.pick(self.S, self.s, self.f)(scope, d)})", lambda: f"countIf({self.B(scope, d)})", lambda: f"uniq({self.pick(self.S, self.s)(scope, d)})", lambda: f"uniqIf(person_id, {self.B(scope, d)})",
            lambda: f"sum({fee})", lambda: f"sum({self.I(scope, d)})", lambda: f"sumIf({fee}, {self.B(scope, d)})", lambda: f"avg({fee})", lambda: f"avg({self.I(scope, d)})", lambda: f"avgIf({fee}, {self.B(scope, d)})", lambda: f"min({self.pick(self.S, self.s, self.f, self.T, self.D, self.t)(scope, d)})",
            lambda: f"max({self.pick(self.S, self.s, self.f, self.T, self.D, self.t)(scope, d)})", lambda: f"minIf({self.pick(self.S, self.f)(scope, d)}, {self.B(scope, d)})", lambda: f"quantile({self.pick(0.5, 0.9, 0.25)})({fee})", lambda: f"median({fee})", lambda: f"quantiles(0.1, 0.5, 0.9)({fee})",
            lambda: f"argMax({self.pick(self.S, self.s)(scope, 0)}, uuid)", lambda: f"argMin({self.pick(self.S, self.f)(scope, 0)}, uuid)", lambda: f"argMaxIf(event, uuid, {self.B(scope, d)})", lambda: f"arraySort(groupUniqArray({self.pick(self.S, self.s)(scope, 0)}))", lambda: f"length(groupArray({self.pick(self.s, self.f)(scope, d)}))",
            lambda: f"arraySort(groupArray({self.f(scope, 0)}))[1]", lambda: f"arraySlice(groupArray(event order by uuid), 1, 3)", lambda: f"stddevPop({fee})", lambda: f"varSamp({fee})", lambda: f"corr({fee}, {self.I(scope, 1)})", lambda: f"covarPop({fee}, {self.I(scope, 1)})", lambda: f"min({self.I(scope, d)})", lambda: f"max({self.F(scope, d)})",
            lambda: f"uniqExact({self.S(scope, d)})", lambda: f"maxIf({self.T(scope, 0)}, {self.B(scope, d)})", lambda: f"groupBitOr(length(event))", lambda: "count(distinct person_id)", lambda: f"any({self.pick(chr(39) + 'k' + chr(39), '7')})", lambda: f"anyIf(1, {self.B(scope, d)})", lambda: "uniq(distinct_id)",
            lambda: f"arraySort(groupUniqArrayIf(event, {self.B(scope, d)}))", lambda: f"sum({fee}) / count()", lambda: f"median({self.pick('timestamp', 'toDate(timestamp)', 'length(event)')})", lambda: f"avgArray({self.N(scope, 0)})", lambda: f"medianArray({self.N(scope, 0)})", lambda: f"countDistinctIf({self.S(scope, 0)}, {self.B(scope, d)})", lambda: f"anyLast({self.pick('1', chr(39) + 'x' + chr(39))})", lambda: f"round(avg({fee}), 2)", lambda: f"max({self.T(scope, 0)}) - min({self.T(scope, 0)})", lambda: f"dateDiff('day', min({self.T(scope, 0)}), max({self.T(scope, 0)}))",
        )()
        bare = plain.count("(") and not any(word in plain for word in ("If(", "/", "round", "arraySort", "length(group", "dateDiff", "arraySlice", " - "))
        return plain + (filter_ if bare else "")

    # Queries by class.

    def where(self, scope, d=2, often=0.8):
        return f" where {self.B(scope, d)}" if self.r.random() < often else ""

    def limit(self):
        return f" limit {self.pick(3, 5, 5, 8, 10)}"

    def events(self):
        """The columns of events, with some of what joins lazily."""
        columns = {ty: list(names) for ty, names in EVENTS.columns.items()}
        kind = self.r.random()
        if kind < 0.25:
            columns["s"] += PERSON_COLUMNS * 2
            columns["f"] += ["person.properties.age"] * 2
        elif kind < 0.4:
            columns["s"] += GROUP_COLUMNS * 3
            columns["f"] += ["group_0.properties.seats"] * 2
        elif kind < 0.5:
            columns["I"] += SESSION_COLUMNS
            columns["s"] += ["session.$entry_pathname"] * 3
            columns["T"] += ["session.$start_timestamp"]
        return Scope(columns)

    def q_filter(self):
        scope = self.events()
        return f"select uuid, event from events where {self.B(scope, 3)} order by uuid{self.pick('', ' desc')}{self.limit()}"

    def q_count(self):
        scope = self.events()
        return f"select count(), min(uuid), max(uuid) from events where {self.B(scope, 3)}"

    def q_project(self):
        scope = self.events()
        columns = ", ".join(f"{self.any(scope, self.pick(1, 2, 2, 3))} as c{n}" for n in range(self.r.randint(1, 4)))
        return f"select {columns} from events{self.where(scope, 1, 0.5)} order by uuid{self.limit()}"

    def q_property(self):
        scope = self.events()
        columns = ", ".join(f"{self.pick(self.s, self.f, lambda s, d: self.b(s), self.t)(scope, 1)} as c{n}" for n in range(self.r.randint(2, 4)))
        return f"select {columns} from events where {self.s(scope, 0)} is not null order by uuid{self.pick('', ' desc')}{self.limit()}"

    def q_order(self):
        scope = self.events()
        keys = ", ".join(f"{self.scalar(scope, 2)}{self.pick('', ' desc', ' asc')}{self.pick('', '', '', ' nulls first', ' nulls last')}" for _ in range(self.r.randint(1, 2)))
        return f"select {self.scalar(scope, 1)} as a, uuid from events{self.where(scope, 1)} order by {keys}, uuid{self.limit()}"

    def q_distinct(self):
        scope = self.events()
        keys = [self.key(scope) for _ in range(self.r.randint(1, 2))]
        return f"select distinct {', '.join(f'{key} as k{n}' for n, key in enumerate(keys))} from events{self.where(scope, 2)} order by {', '.join(f'k{n}' for n in range(len(keys)))}{self.limit()}"

    def group(self, scope, table="events", d=1, where=None):
        keys = [self.key(scope) for _ in range(self.pick(0, 1, 1, 1, 2))]
        aggregates = [self.aggregate(scope, d) for _ in range(self.r.randint(1, 3))]
        items = [f"{key} as k{n}" for n, key in enumerate(keys)] + [f"{item} as a{n}" for n, item in enumerate(aggregates)]
        text = f"select {', '.join(items)} from {table}{self.where(scope, 2, 0.5) if where is None else where}"
        if keys:
            text += f" group by {', '.join(f'k{n}' for n in range(len(keys)))}"
            if self.r.random() < 0.2:
                text += f" having {self.pick('count() > 3', 'max(uuid) > min(uuid)', 'uniq(person_id) > 1', 'countIf(event = ' + chr(39) + 'purchase' + chr(39) + ') > 0')}"
            text += f" order by {', '.join(f'k{n}' + self.pick('', ' desc') for n in range(len(keys)))}{self.limit()}"
        return text

    def q_group(self):
        return self.group(self.events())

    def q_group_deep(self):
        return self.group(self.events(), d=2)

    def q_rollup(self):
        scope = EVENTS
        keys = [self.pick("event", "$group_0", "person_mode", "toHour(timestamp) % 3"), self.pick("ifNull(properties.currency, '-')", "toMonth(timestamp)")]
        form = self.pick(f"rollup({keys[0]}, {keys[1]})", f"cube({keys[0]}, {keys[1]})", f"grouping sets (({keys[0]}), ({keys[1]}), ())")
        return f"select {keys[0]} as k0, {keys[1]} as k1, {self.aggregate(scope, 0)} as a, count() as n from events group by {form} order by k0, k1, n, a{self.limit()}"

    def q_person(self):
        scope = Scope({"J": ["properties"], "S": ["toString(id)"], "s": ["properties.plan", "properties.email", "properties.address.city"], "f": ["properties.age"], "T": ["created_at"], "b": ["is_identified"], "U": ["id"]})
        if self.r.random() < 0.4:
            return f"select properties.plan as k, count() as n, {self.pick('avg(properties.age)', 'max(created_at)', 'uniq(properties.email)', 'min(properties.email)')} as a from persons{self.where(scope, 1)} group by k order by k"
        return f"select id, {self.any(scope, 2)} as a, {self.scalar(scope, 2)} as b from persons{self.where(scope, 2)} order by toString(id){self.limit()}"

    def q_tables(self):
        return self.pick(
            lambda: f"select distinct_id, person.properties.{self.pick('plan', 'email')} as p from person_distinct_ids where distinct_id {self.pick('like', 'not like')} '%{self.r.randint(0, 9)}%' order by distinct_id{self.limit()}",
            lambda: f"select p.id, count() as n from persons p join person_distinct_ids d on d.person_id = p.id group by p.id order by n desc, toString(p.id){self.limit()}",
            lambda: f"select `index`, key, properties.{self.pick('tier', 'seats', 'name')} as x from groups order by `index`, key",
            lambda: f"select key, {self.S(Scope({'S': ['key'], 's': ['properties.tier'], 'J': ['properties']}), 2)} as x from groups order by key, `index`",
            lambda: f"select pdi.distinct_id as d, pdi.person.properties.plan as p, count() as n from events{self.where(EVENTS, 1)} group by d, p order by n desc, d{self.limit()}",
            lambda: f"select toString(pdi.person_id) as p, count() as n from events group by p order by n desc, p{self.limit()}",
            lambda: f"select poe.properties.plan as p, {self.aggregate(EVENTS, 1)} as a from events group by p order by p",
            lambda: f"select number * {self.whole()} as x, {self.S(Scope({'S': ['toString(number)']}), 2)} as y from numbers({self.pick(0, 1, 7)}) order by number",
            lambda: f"select number from numbers({self.pick(0, 5, 100)}, {self.pick(1, 3)}) where number % 2 = {self.pick(0, 1)} order by number",
            lambda: f"select count(), countIf(person_id {self.pick('in', 'not in')} cohort {self.pick('1', chr(39) + 'Regulars' + chr(39), '2')}) from events{self.where(EVENTS, 1)}",
            lambda: f"select person_id, count() as n from events where person_id {self.pick('in', 'not in')} cohort {self.pick(1, 2)} group by person_id order by n desc, toString(person_id){self.limit()}",
            lambda: f"select countIf(matchesAction({self.pick('1', chr(39) + 'Bought' + chr(39))})) as c, {self.key(EVENTS)} as k from events group by k order by k{self.limit()}",
            lambda: f"select {self.pick('cohort_id, count() as n', 'cohort_id, uniq(person_id) as n', 'cohort_id, uniq(person.properties.plan) as n')} from {self.pick('static_cohort_people', 'cohort_people')} group by cohort_id order by cohort_id",
            lambda: f"select count(), uniq(person_id), {self.pick('sum(version) >= 0', 'countIf(is_deleted)')} from {self.pick('raw_persons', 'raw_person_distinct_ids')}".replace("uniq(person_id)", "1"),
        )()

    def q_session(self):
        columns = ["$session_duration", "$pageview_count", "$autocapture_count", "$is_bounce", "$entry_pathname", "$entry_current_url", "$end_current_url", "$end_pathname", "$num_uniq_urls", "$entry_utm_source", "$entry_referring_domain", "$entry_hostname", "distinct_id", "$start_timestamp", "$end_timestamp", "$screen_count", "$channel_type"]
        if self.r.random() < 0.5:
            key = self.pick("$entry_pathname", "$is_bounce", "$entry_utm_source", "toDate($start_timestamp)", "$num_uniq_urls", "$entry_referring_domain", "$channel_type")
            return f"select {key} as k, count() as n, {self.pick('avg($session_duration)', 'sum($pageview_count)', 'countIf($is_bounce)', 'max($session_duration)', 'uniq(distinct_id)')} as a from sessions{self.pick('', f' where $start_timestamp >= ' + chr(39) + self.day() + chr(39), ' where $session_duration > 60', ' where $pageview_count > 1')} group by k order by k{self.limit()}"
        picked = self.r.sample(columns, 3)
        # Where two events share the first instant, either may give the value at entry.
        return f"select session_id, {', '.join(picked)} from sessions where {self.pick('$pageview_count', '$num_uniq_urls', '$session_duration')} {self.pick('>', '<=')} {self.pick(0, 1, 2)} order by session_id{self.limit()}"

    def q_join(self):
        r, scope = self.r, EVENTS
        strict = self.pick("", "", "", "", " any", " semi", " anti")
        side = self.pick("inner", "left", "left", "right", "full") if not strict else "left"
        inner = f"select {self.pick('event', 'distinct_id', '$group_0')} as k, {self.pick('count()', 'uniq(distinct_id)', 'max(timestamp)', 'min(properties.price)', 'max(properties.$browser)')} as v, count() as n from events{self.where(scope, 1)} group by k"
        outer = f"select {self.pick('event', 'distinct_id', '$group_0')} as k, {self.pick('properties.$browser', 'toDate(timestamp)', 'properties.n')} as w, count() as n from events{self.where(scope, 1)} group by k, w"
        if strict in (" semi", " anti"):
            return f"select a.k, a.w, a.n from ({outer}) as a {side}{strict} join ({inner}) as b on a.k = b.k order by a.k, a.w, a.n{self.limit()}"
        more = self.pick("", "", f" and a.n {self.pick('=', '>')} b.n") if side == "inner" and not strict else ""
        return f"select a.k, b.k, a.w, b.v, a.n, b.n from ({outer}) as a {side}{strict} join ({inner}) as b on a.k = b.k{more} order by a.k, b.k, a.w, b.v, a.n, b.n{self.limit()}"

    def q_join_table(self):
        scope = EVENTS.qualified("e")
        scope.columns["A"] = []
        scope.columns["N"] = []
        scope.columns["J"] = ["e.properties"]
        return self.pick(
            lambda: f"select e.event as k, p.properties.plan as v, count() as n from events e {self.pick('', 'left ')}join persons p on e.person_id = p.id{self.where(scope, 1)} group by k, v order by k, v{self.limit()}",
            lambda: f"select g.properties.tier as k, {self.pick('count()', 'uniq(e.distinct_id)', 'sum(e.properties.price)')} as n from events e {self.pick('', 'left ', 'right ')}join groups g on e.$group_0 = g.key group by k order by k",
            lambda: f"select d.person_id, count() as n from events e join person_distinct_ids d on e.distinct_id = d.distinct_id{self.where(scope, 1)} group by d.person_id order by n desc, toString(d.person_id){self.limit()}",
            lambda: f"select a.event, b.event, count() as n from events a join events b on a.properties.$session_id = b.properties.$session_id and a.uuid < b.uuid group by a.event, b.event order by n desc, a.event, b.event{self.limit()}",
            lambda: f"select a.x, b.y from (select arrayJoin([1, 2, 3]) as x) a cross join (select arrayJoin({self.pick('[1, 2]', '[' + chr(39) + 'p' + chr(39) + ']')}) as y) b order by a.x, b.y",
            lambda: f"select e.uuid, b.at from events e asof {self.pick('', 'left ')}join (select $group_0 as k, timestamp as at from events where event = 'purchase') b on e.$group_0 = b.k and e.timestamp {self.pick('>=', '>', '<', '<=')} b.at order by e.uuid{self.limit()}",
            lambda: f"select a.event, a.n, b.m from (select event, count() as n from events group by event) a join (select event, uniq(distinct_id) as m from events group by event) b using (event) order by a.event",
        )()

    def q_window(self):
        scope = self.events()
        order = self.pick("timestamp, uuid", "uuid", "timestamp desc, uuid desc")
        part = self.pick("partition by event ", "partition by person_id ", "partition by properties.$browser ", "", "partition by toDate(timestamp) ")
        frame = self.pick("", "", " rows between 2 preceding and current row", " rows between unbounded preceding and unbounded following", " rows between 1 preceding and 1 following", " rows between current row and unbounded following")
        over = f"over ({part}order by {order})"
        call = self.pick(
            lambda: f"{self.pick('row_number', 'rank', 'dense_rank')}() {over}", lambda: f"{self.pick('lag', 'lead')}({self.pick(self.S, self.s, self.f)(scope, 1)}{self.pick('', ', 2', ', 1')}) {over}", lambda: f"{self.pick('sum', 'avg', 'min', 'max', 'count')}({self.f(scope, 1)}) over ({part}order by {order}{frame})",
            lambda: f"count() over ({part}order by {order}{frame})", lambda: f"{self.pick('first_value', 'last_value')}({self.pick(self.S, self.F)(scope, 1)}) over ({part}order by {order}{frame})", lambda: f"{self.pick('sum', 'max')}({self.I(scope, 1)}) over ({part.strip()})",
            lambda: f"countIf({self.B(scope, 1)}) over ({part}order by {order})", lambda: f"sum(length(event)) over ({part}order by timestamp)", lambda: f"lag(event, 1, 'none') {over}", lambda: f"max(timestamp) over ({part}order by {order}{frame})",
        )
        other = lambda: self.pick("row_number() over (order by uuid desc)", f"count() over (partition by {self.pick('event', '$group_0', 'distinct_id')})", "max(uuid) over (partition by person_id order by timestamp, uuid)",
                                  f"sum({self.f(scope, 0)}) over (partition by event order by uuid rows between 3 preceding and 1 preceding)", f"median({self.f(scope, 0)}) over (order by uuid rows between 2 preceding and current row)")
        return f"select uuid, {call()} as w, {self.pick(call, other, other, lambda: self.S(scope, 0))()} as v from events{self.where(scope, 1)} order by uuid{self.limit()}"

    def q_window_group(self):
        return self.pick(
            lambda: f"select event, n, {self.pick('rank() over (order by n desc)', 'sum(n) over (order by event)', 'n / sum(n) over ()', 'row_number() over (order by n desc, event)')} as w from (select event, count() as n from events{self.where(EVENTS, 1)} group by event) order by event",
            lambda: f"with d as (select toDate(timestamp) as day, count() as c from events{self.where(EVENTS, 1)} group by day) select day, c, {self.pick('sum(c)', 'avg(c)', 'max(c)')} over (order by day {self.pick('', 'rows between 6 preceding and current row')}) as w from d order by day{self.limit()}",
            lambda: f"select {self.key(EVENTS)} as k, count() as n, {self.pick('sum(count()) over ()', 'max(count()) over ()', 'rank() over (order by count() desc)')} as w from events group by k order by k{self.limit()}",
            lambda: f"select uuid, event from events{self.where(EVENTS, 1)} qualify row_number() over (partition by {self.pick('event', 'person_id', '$group_0')} order by uuid) {self.pick('= 1', '<= 2')} order by uuid{self.limit()}",
        )()

    def q_array(self):
        scope = self.events()
        return f"select {', '.join(f'{self.pick(self.A, self.N, self.A)(scope, 3)} as c{n}' for n in range(2))} from events where {self.pick('length(JSONExtract(properties, ' + chr(39) + 'tags' + chr(39) + ', ' + chr(39) + 'Array(String)' + chr(39) + ')) > 1', self.B(scope, 1))} order by uuid{self.limit()}"

    def q_array_constant(self):
        scope = Scope({})
        return f"select {', '.join(f'{self.any(scope, 3)} as c{n}' for n in range(3))}"

    def q_lambda(self):
        return self.pick(
            lambda: f"arrayMap(x -> x * {self.pick(2, 3)} + length(event), [1, 2, 3])", lambda: "arrayFilter((x, i) -> i % 2 = 1, JSONExtract(properties, 'tags', 'Array(String)'), arrayEnumerate(JSONExtract(properties, 'tags', 'Array(String)')))", lambda: "arrayFirst(x -> x > event, ['a', 'p', 'z'])",
            lambda: "arrayFold((acc, x) -> acc + x, JSONExtract(properties, 'nums', 'Array(Float64)'), 0.5)", lambda: "arraySum(x -> x * x, [1, 2, 3])", lambda: "arraySum(x -> length(x), JSONExtract(properties, 'tags', 'Array(String)'))", lambda: "arrayMap(x -> arrayMap(y -> concat(x, y), ['1', '2']), JSONExtract(properties, 'tags', 'Array(String)'))",
            lambda: "arrayFirstIndex(x -> x = 'x', JSONExtract(properties, 'tags', 'Array(String)'))", lambda: "arrayMap(x -> (x, length(x)), JSONExtract(properties, 'tags', 'Array(String)'))", lambda: "arrayMax(arrayMap(x -> length(x), ['a', event]))",
            lambda: "arrayMap(x -> JSONExtractString(x, 'sku'), JSONExtractArrayRaw(properties, 'items'))", lambda: "arraySum(arrayMap(x -> JSONExtractFloat(x, 'qty'), JSONExtractArrayRaw(properties, 'items')))", lambda: "arrayZip(['a', 'b'], [length(event), 2])", lambda: "arraySort((x, y) -> y, ['c', 'b', 'a'], [3, length(event) % 3, 1])",
            lambda: "arrayReduce('sum', JSONExtract(properties, 'nums', 'Array(Float64)'))", lambda: "arrayReduce('uniq', JSONExtract(properties, 'tags', 'Array(String)'))", lambda: "arrayUniq(JSONExtract(properties, 'tags', 'Array(String)'))", lambda: "arrayCompact(JSONExtract(properties, 'tags', 'Array(String)'))",
            lambda: "arrayCumSum(JSONExtract(properties, 'nums', 'Array(Float64)'))", lambda: "arrayFlatten([JSONExtract(properties, 'tags', 'Array(String)'), ['k']])", lambda: "countEqual(JSONExtract(properties, 'tags', 'Array(String)'), 'x')",
            lambda: "mapFromArrays(['a', 'b'], [length(event), 1])['a']", lambda: "map('k', event, 'l', distinct_id)['l']", lambda: "mapKeys(map('k', event))", lambda: "{'a': event, 'b': 'c'}['a']", lambda: "tupleElement((event, 1, timestamp), 3)", lambda: "range(length(event) % 4)",
        )

    def q_lambdas(self):
        calls = [self.q_lambda()() for _ in range(3)]
        return f"select {', '.join(f'{call} as c{n}' for n, call in enumerate(calls))} from events{self.where(EVENTS, 1)} order by uuid{self.limit()}"

    def q_array_join(self):
        scope = Scope({**EVENTS.columns, "S": EVENTS.columns["S"] + ["x"] * 4})
        source = self.pick("JSONExtract(properties, 'tags', 'Array(String)')", "arrayDistinct(JSONExtract(properties, 'tags', 'Array(String)'))", "splitByChar(',', ifNull(properties.odd, ''))", "JSONExtractArrayRaw(properties, 'items')", "['a', event]")
        left = self.pick("", "left ")
        if self.r.random() < 0.5:
            return f"select x, count() as n, {self.aggregate(EVENTS, 1)} as a from events {left}array join {source} as x{self.where(scope, 1)} group by x order by x{self.limit()}"
        if self.r.random() < 0.5:
            return f"select uuid, arrayJoin({source}) as x, {self.S(EVENTS, 1)} as y from events{self.where(EVENTS, 1)} order by uuid, x{self.limit()}"
        return f"select uuid, x, i from events {left}array join {source} as x, arrayEnumerate({source}) as i{self.where(scope, 1)} order by uuid, i, x{self.limit()}"

    def q_subquery(self):
        scope = self.events()
        return self.pick(
            lambda: f"select count() from events where {self.pick('event', 'distinct_id', '$group_0')} {self.pick('in', 'not in')} (select {self.pick('event', 'distinct_id', '$group_0')} from events where {self.B(scope, 2)})",
            lambda: f"select uuid from events where properties.price {self.pick('>', '<', '=')} (select {self.pick('avg', 'max', 'min')}(properties.price) from events{self.where(EVENTS, 1)}) order by uuid{self.limit()}",
            lambda: f"select (select count() from events{self.where(EVENTS, 2)}) as a, (select max({self.pick('event', 'properties.price', 'timestamp')}) from events{self.where(EVENTS, 1)}) as b",
            lambda: f"select k, sum(n) as s from ({self.pick('select event as k, properties.$browser as b, count() as n from events group by k, b', 'select $group_0 as k, toDate(timestamp) as b, count() as n from events group by k, b')}) where b is not null group by k order by k",
            lambda: f"select count(), sum(n) from (select person_id, count() as n from events{self.where(EVENTS, 2)} group by person_id having n > {self.pick(1, 3, 10)})",
            lambda: f"select uuid, properties.$browser from (select uuid, properties, event from events{self.where(EVENTS, 1)}) where properties.$browser {self.pick('=', '!=')} 'Chrome' order by uuid{self.limit()}",
            lambda: f"select count() from events where (event, $group_0) {self.pick('in', 'not in')} (select event, $group_0 from events where {self.B(EVENTS, 1)})",
            lambda: f"select count() from events where properties.$browser {self.pick('in', 'not in')} (select properties.$browser from events where {self.B(EVENTS, 1)})",
        )()

    def q_cte(self):
        scope = EVENTS
        return self.pick(
            lambda: f"with x as ({self.group(scope, where='')}) select * from x",
            lambda: f"with a as (select event, count() as n from events{self.where(scope, 1)} group by event), b as (select event, n from a where n > {self.pick(5, 50, 200)}) select a.event, a.n, b.n from a left join b on a.event = b.event order by a.event",
            lambda: f"with properties.price * 2 as double select sum(double), max(double), {self.aggregate(scope, 1)} as c from events{self.where(scope, 1)}",
            lambda: f"with {self.S(scope, 1)} as k select k, count() from events group by k order by k{self.limit()}",
            lambda: f"with x as (select distinct_id as d, min(timestamp) as first from events group by d) select toStartOfMonth(first) as m, count() from x group by m order by m",
            lambda: f"with x as (select event from events{self.where(scope, 1)} group by event) select count() from events where event in (select event from x)",
        )()

    def q_set(self):
        scope = EVENTS
        branch = lambda: f"select {self.pick('event', '$group_0', 'ifNull(properties.$browser, ' + chr(39) + chr(39) + ')')} as k, {self.pick('1', 'toHour(timestamp) % 2', 'length(event)')} as v from events{self.where(scope, 1)}"
        kind = self.pick("union all", "union distinct", "union", "intersect", "except")
        if self.r.random() < 0.5:
            return f"select k, v, count() as n from ({branch()} {kind} {branch()}) group by k, v order by k, v{self.limit()}"
        one = lambda: self.pick("select 1 as x", "select arrayJoin([1, 2, 3]) as x", "select arrayJoin([2, 3, 3]) as x", "select 2.5 as x", "select -1 as x", "select null as x", "select number as x from numbers(4)")
        return f"select x from (({one()}) {kind} ({one()}){self.pick('', f' union all ({one()})')}) order by x"

    def q_limit_by(self):
        scope = self.events()
        key = self.pick("event", "$group_0", "person_id", "properties.$browser", "toDate(timestamp)", "event, $group_0")
        return f"select uuid, {self.S(scope, 1)} as s from events{self.where(scope, 1)} order by {self.pick('uuid', 'uuid desc', 'timestamp, uuid', 'event, uuid')} limit {self.pick(1, 2)} by {key}{self.limit()}"

    def q_limit(self):
        scope = EVENTS
        return self.pick(
            lambda: f"select uuid from events{self.where(scope, 1)} order by uuid limit {self.pick(0, 1, 3, 101)}"[:400], lambda: f"select event, count() as n from events{self.where(scope, 1)} group by event order by n desc limit {self.pick(1, 2, 3)} with ties",
            lambda: f"select count() from (select uuid from events{self.where(scope, 1)} limit {self.pick(10, 1000000)})", lambda: f"select sum(length(event)) from (select event from events order by uuid limit {self.pick(7, 70)})",
            lambda: f"select count() from events sample {self.pick('0.1', '0.5', '1/3', '1/10 offset 1/2', '1')}", lambda: f"select event, uniq(distinct_id) from events sample {self.pick('0.25', '1/2')} group by event order by event",
        )()

    def q_date(self):
        scope = Scope({"J": ["properties"], "T": ["timestamp", "timestamp", "timestamp"], "t": ["properties.signup_at"], "S": ["event"]})
        if self.r.random() < 0.5:
            return f"select {self.pick(self.D, self.T)(scope, 3)} as k, count() as n from events{self.where(scope, 1)} group by k order by k{self.pick('', ' desc')}{self.limit()}"
        return f"select timestamp, {self.pick(self.D, self.T, self.I)(scope, 3)} as a, {self.pick(self.D, self.T)(scope, 3)} as b from events where {self.B(scope, 2)} order by uuid{self.limit()}"

    def q_zone(self):
        edge = self.pick("2025-11-02 04:30:00", "2025-11-02 05:30:00", "2025-11-02 06:30:00", "2025-03-09 06:59:59", "2025-03-09 07:00:00", "2025-12-31 23:59:59", "2026-01-01 00:00:00", "2024-02-29 12:00:00")
        at = f"toDateTime('{edge}', '{self.pick('UTC', 'America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Australia/Lord_Howe')}')"
        scope = Scope({"T": [at] * 4})
        return f"select {at} as t, {self.D(scope, 2)} as d, {self.T(scope, 2)} as u, {self.I(scope, 2)} as i, toString({at}) as s, formatDateTime({at}, '{self.of(FORMATS)}') as f"

    def q_modes(self):
        scope = Scope({**EVENTS.columns, "s": EVENTS.columns["s"][:6] + PERSON_COLUMNS * 4})
        return self.group(scope)

    def q_constant(self):
        scope = Scope({})
        return f"select {', '.join(f'{self.any(scope, 2)} as c{n}' for n in range(4))}"

    def q_types(self):
        """Whole numbers at the ends of their types."""
        n = lambda: self.pick("0", "1", "-1", "127", "128", "255", "-128", "-129", "256", "32767", "65535", "2147483647", "-2147483648", "4294967295", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1.5", "null", "true")
        op = lambda: self.pick("+", "-", "*", "/", "%", "=", "!=", "<", ">=")
        items = [f"{n()} {op()} {n()}" for _ in range(3)] + [f"{self.pick('abs', 'sign', 'negate', 'toString', 'toFloat', 'round', 'toTypeName', 'isNull', 'bitNot', 'sqrt', 'toInt')}({n()})", f"{self.pick('greatest', 'least', 'gcd', 'bitAnd', 'bitXor', 'intDivOrZero', 'moduloOrZero', 'plus')}({n()}, {n()})", f"if({self.pick(1, 0)}, {n()}, {n()})", f"[{n()}, {n()}]"]
        return f"select {', '.join(f'{item} as c{at}' for at, item in enumerate(items))}"


#: How many queries of each class.
COUNTS = {
    "filter": 120, "count": 90, "project": 180, "property": 100, "order": 70, "distinct": 40, "group": 170, "group_deep": 80, "rollup": 35, "person": 50, "tables": 110, "session": 70, "join": 110, "join_table": 60,
    "window": 130, "window_group": 50, "array": 90, "array_constant": 50, "lambdas": 60, "array_join": 65, "subquery": 80, "cte": 50, "set": 80, "limit_by": 50, "limit": 50, "date": 90, "zone": 45, "modes": 40, "constant": 40, "types": 45,
}
MODES = ["disabled", "person_id_no_override_properties_on_events", "person_id_override_properties_joined", "person_id_override_properties_on_events"]


def queries(seed=1, counts=None):
    out, seen = [], set()
    for name, count in (counts or COUNTS).items():
        maker = Maker(f"{seed} {name}")
        made = 0
        while made < count:
            text = " ".join(getattr(maker, "q_" + name)().split())
            if text in seen or len(text) > 700:
                continue
            seen.add(text)
            made += 1
            query = {"class": name, "query": text, "zone": maker.of(ZONES)}
            if maker.r.random() < 0.1:
                query["week"] = "monday"
            if name == "modes":
                query["persons"] = maker.of(MODES)
            out.append(query)
    return out


if __name__ == "__main__":
    made = queries()
    print(len(made), "queries,", sum(len(q["query"]) for q in made), "bytes")
    for query in made[::97]:
        print(query["class"], "|", query["query"])
