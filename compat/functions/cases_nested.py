"""More calls: JSON, arrays, maps, dates. Read by `cases.py`, with its names."""

family("json")
VALUES = ["1", "1.5", '"12"', '"x"', "true", "false", "null", "[1,2]", '{"b":1}', "1e3", "-5", "12345678901234567890", "1.0", '"1.5"', "1e25", "-0", "-0.0", '""',
          '"caf\\u00e9 \\/x \\"q\\" \\n \\\\ \\ud83d\\ude00"', "[]", "{}", '[ 1 , "b" , { "c" : [ ] } ]']
DOCS = [f'{{"z":0,"a":{value}}}' for value in VALUES] + ["", "x", '{"a":1', '{"a":1,}', '[{"a":2}]', '{"b":2}', ' {"a" : 7} ', '{"a":1,"a":2}', '{"\\u0061":"esc"}', "7", '"s"', "null"]
TYPED = "JSONExtractString JSONExtractInt JSONExtractUInt JSONExtractFloat JSONExtractBool JSONExtractRaw JSONType JSONLength JSONHas JSONExtractArrayRaw JSONExtractKeys JSONExtractKeysAndValuesRaw"
SCALAR = " ".join(f for f in TYPED.split() if "Array" not in f and "Keys" not in f)
call(SCALAR, c("Nullable(String)", None, *DOCS), k("String", "a"))
call(TYPED, c("String", *DOCS), k("String", "a"))
call(TYPED, c("String", *DOCS, *VALUES))
call(TYPED, c("String", *VALUES, '{"x":{"y":[10,{"k":"v"}]},"w":2}'), c("Int64", *([1] * 11 + [-1] * 6 + [2] * 4 + [0] + [-2])))
NESTED = '{"nested":{"a":{"b":"deep"},"n":5},"tags":["x","y"],"m":[{"k":1},{"k":2}]}'
call(TYPED, c("String", NESTED, "{}"), k("String", "nested"), k("String", "a"), k("String", "b"))
call(TYPED, c("String", NESTED, "{}"), k("String", "tags"), k("Int64", 2))
call(TYPED, c("String", NESTED, "{}"), k("String", "m"), k("Int64", -1), k("String", "k"))
call("JSONExtractString", c("String", NESTED, NESTED), c("String", "tags", "nested"), c("Int64", 1, 2))
call("isValidJSON", c("Nullable(String)", None, *DOCS, *VALUES, "nul", "01", "1.", '"a', '"\\x"', "[1,]", "{1:2}", "1 2", "-", "1e", '{"a" 1}', "[1 2]", "\t[1]\n", '"\t"'))
call("JSONArrayLength", c("String", "[1,2]", "{}", "x", "[]", "7", '{"a":[1]}'))
for path in ["$.a", "$.a.b", "$.a[0]", "$.a[*]", "$", "$.z", '$."a"']:
    call("JSON_VALUE", c("String", *[d for d in DOCS if d.startswith("{") and "e25" not in d]), k("String", path))
call("JSON_VALUE", c("String", '{"a":1e25}'), k("String", "$.a"), differs="a number is spelled as everywhere else")
TYPES = [("Int64", VALUES), ("UInt8", ["1", "300", '"7"', "-1", "true", "x"]), ("Float64", VALUES), ("String", VALUES), ("Nullable(String)", VALUES), ("Nullable(Int64)", VALUES),
         ("Bool", ["1", "true", "false", '"x"', "0"]), ("Array(String)", [*VALUES, '[1,"x",null]']), ("Array(Nullable(String))", ['[1,"x",null]', "1"]), ("Array(Int64)", ['[1,"x",null,2.5]', "[]"]),
         ("Array(Nullable(Int64))", ['[1,"x",null]']), ("Tuple(x Int64, y String)", ['{"x":1,"y":"s"}', '{"y":"s"}', "1"]), ("Tuple(Int64, String)", ['[1,"s"]', '{"p":1,"q":"s"}']),
         ("Map(String, Int64)", ['{"x":1,"y":2}', "{}", "1"]), ("Date", ['"2020-01-02"']), ("UUID", [f'"{U[1]}"']), ("Decimal(18, 3)", ['"1.5"']),
         ("DateTime64(6, 'UTC')", ['"2020-01-02 03:04:05"']), ("Array(Array(Int64))", ["[[1],[2,3],[]]"]), ("Array(Tuple(k Int64))", ['[{"k":1},{"k":2}]'])]
for ty, values in TYPES:
    call("JSONExtract", c("String", *[f'{{"a":{v}}}' for v in values], "{}"), k("String", "a"), k("String", ty))
call("JSONExtract", c("String", "7", '"x"'), k("String", "String"))
call("JSONExtractKeysAndValues", c("String", '{"a":1,"b":"x","c":null,"d":2}', "[]", "x"), k("String", "Int64"))
call("JSONExtractKeysAndValues", c("String", '{"a":1,"b":"x","c":[1]}'), k("String", "String"))
call("JSONExtractKeysAndValues", c("String", '{"p":{"a":1}}'), k("String", "p"), k("String", "Float64"))

# ---------------------------------------------------------------------------------------------------------------------
family("arrays")
INT_LISTS = [[], [1], [1, 2, 3], [3, 1, 2, 1], [-5, 7, 7]]
TEXT_LISTS = [[], ["a"], ["b", "a", "b", ""], ["é", "z", "日"]]
NULL_LISTS = [[], [None], [1, None, 2, None], [3, 1]]
FLOAT_LISTS = [[], [1.5], [2.5, "nan", -1.0, "inf"], [0.0, 1.0, 0.0]]
ALL_LISTS = [c("Array(Int64)", *INT_LISTS), c("Array(String)", *TEXT_LISTS), c("Array(Nullable(Int64))", *NULL_LISTS), c("Array(Float64)", *FLOAT_LISTS),
             c("Array(Array(Int64))", [], [[1]], [[2], [1, 2], [1]]), c("Array(Tuple(Int64, String))", [], [[2, "a"], [1, "b"], [1, "a"]]), c("Array(Date)", [], ["2020-01-02", "2019-01-01"]),
             c("Array(UInt8)", [], [1, 255, 0])]
for lists in ALL_LISTS:
    call("arrayCompact arrayPopBack arrayPopFront arrayReverse arrayDistinct arraySort arrayReverseSort arrayEnumerate arrayEnumerateDense arrayEnumerateUniq arrayUniq reverse", lists)
    if "Tuple" not in lists.type:
        grid("arrayElement", lists, c("Int64", 1, 2, -1, -2, 0, 9, -9))
    grid("arraySlice", lists, c("Int64", 1, 2, -2, 9), c("Int64", 0, 1, 2, -1, 9))
    grid("arrayRotateLeft arrayRotateRight", lists, c("Int64", 0, 1, -1, 5))
    call("arraySlice", lists, k("Int64", 2))
    if "Nullable" not in lists.type and "Tuple" not in lists.type:
        grid("arrayResize", lists, c("Int64", 0, 2, 5, -5, -1))
grid("arrayResize", c("Array(Int64)", *INT_LISTS), c("Int64", 4), c("Int64", 9))
call("arrayResize", c("Array(Nullable(Int64))", *NULL_LISTS), k("Int64", 3))
call("arraySum arrayAvg arrayMin arrayMax arrayProduct arrayDifference arrayCumSum", c("Array(Int64)", *INT_LISTS))
call("arraySum arrayAvg arrayMin arrayMax arrayProduct arrayDifference arrayCumSum arrayCumSumNonNegative", c("Array(UInt8)", [], [1, 255, 0]))
call("arraySum arrayAvg arrayMin arrayMax arrayProduct arrayDifference arrayCumSum", c("Array(Float64)", [], [1.5], [2.5, -1.0, 7.25]))
call("arrayMin arrayMax", c("Array(String)", *TEXT_LISTS))
call("arrayMin arrayMax", c("Array(Date)", ["2020-01-02", "2019-01-01"]))
call("arraySum", c("Array(Decimal(18, 2))", ["1.50", "2"], []))
call("arrayCumSumNonNegative", c("Array(Int64)", [1, -5, 3], []))
grid("has indexOf countEqual", c("Array(Int64)", *INT_LISTS), c("Int64", 1, 7, 9))
grid("has indexOf countEqual", c("Array(Int64)", *INT_LISTS), c("UInt8", 1, 7))
grid("has indexOf countEqual", c("Array(String)", *TEXT_LISTS), c("String", "a", "b", ""))
grid("has indexOf countEqual", c("Array(Nullable(Int64))", *NULL_LISTS), c("Nullable(Int64)", None, 1))
grid("has indexOf countEqual", c("Array(Float64)", *FLOAT_LISTS), c("Float64", 1.0, 0.0))
grid("hasAll hasAny hasSubstr", c("Array(Int64)", *INT_LISTS), c("Array(Int64)", [], [1], [1, 2], [7, 7], [2, 1]))
grid("hasAll hasAny", c("Array(String)", *TEXT_LISTS), c("Array(String)", [], ["a"], ["b", "a"], ["q"]))
grid("hasAll hasAny", c("Array(Nullable(Int64))", *NULL_LISTS), c("Array(Nullable(Int64))", [None], [1]))
grid("arrayConcat", c("Array(Int64)", *INT_LISTS), c("Array(Int64)", [], [9]), c("Array(Int64)", [0]))
grid("arrayConcat", c("Array(Nullable(Int64))", *NULL_LISTS), c("Array(Int64)", [9]))
grid("arrayConcat", c("Array(UInt8)", [1]), c("Array(Int16)", [-9]))
grid("arrayPushBack arrayPushFront", c("Array(Int64)", *INT_LISTS), c("Int64", 5))
grid("arrayPushBack arrayPushFront", c("Array(String)", *TEXT_LISTS), c("String", "q"))
grid("arrayPushBack", c("Array(Nullable(Int64))", *NULL_LISTS), c("Nullable(Int64)", None, 5))
grid("arrayWithConstant", c("UInt8", 0, 1, 3), c("String", "x", "é"))
call("arrayFlatten", c("Array(Array(Int64))", [], [[1], [2, 3], []], [[]]))
call("arrayFlatten", c("Array(Array(Array(String)))", [[["a"], []], [["b", "c"]]], []))
call("arrayFlatten", c("Array(Int64)", *INT_LISTS))
call("arrayZip", c("Array(Int64)", [1, 2], []), c("Array(String)", ["a", "b"], []))
fails("arrayZip", k("Array(Int64)", [1]), k("Array(Int64)", [1, 2]), returns="Array(Tuple(Int64, Int64))")
call("range", c("UInt8", 0, 1, 5))
grid("range", c("Int64", 0, 2, -2), c("Int64", 0, 5, -5))
grid("range", c("Int64", 0, 2), c("Int64", 10, -10), c("Int64", 3, -3))
call("arrayEnumerateUniq arrayUniq", c("Array(Int64)", [1, 1, 2, 1]), c("Array(String)", ["a", "a", "b", "c"]))
call("array", c("Int64", 1, 2), c("Int64", 3, 4), k("Int64", 5))
call("array", c("UInt8", 1, 2), c("Nullable(Int16)", None, -4))
call("array", c("String", "a", "b"), k("String", "c"))
for agg in "sum avg min max count uniq any anyLast median".split():
    call("arrayReduce", k("String", agg), c("Array(Int64)", *INT_LISTS[1:]))
    call("arrayReduce", k("String", agg), c("Array(Float64)", [1.5], [2.5, -1.0, 7.25]))
call("arrayReduce", k("String", "groupArray"), c("Array(String)", *TEXT_LISTS))
call("tuple", c("Int64", 1, 2), c("String", "a", "b"), k("Nullable(Float64)", None))
call("tupleElement", c("Tuple(Int64, String)", [1, "a"], [2, "b"]), k("UInt8", 2))
call("tupleElement", c("Tuple(Int64, String)", [1, "a"], [2, "b"]), k("Int8", -2))
call("tupleElement", c("Tuple(a Int64, b String)", [1, "a"], [2, "b"]), k("String", "b"))
call("tupleElement", c("Array(Tuple(a Int64, b String))", [[1, "a"], [3, "c"]], []), k("String", "b"))
call("arrayIntersect", c("Array(Int64)", [1, 2, 3], [1, 1]), c("Array(Int64)", [2, 3, 4], [1]), c("Array(Int64)", [3, 2], []))
call("arrayIntersect", c("Array(Int64)", [1, 2, 3], [1, 1], []), c("Array(Int64)", [2, 4], [1], [1]))

family("maps")
MAPS = c("Map(String, Int64)", [["a", 1], ["b", 2]], [], [["é", -5]])
call("mapKeys mapValues", MAPS)
grid("mapContains arrayElement", MAPS, c("String", "a", "é", "q"))
call("map", c("String", "a", "b"), c("Int64", 1, 2), k("String", "z"), c("Int64", 3, 4))
call("mapFromArrays", c("Array(String)", ["a", "b"], []), c("Array(Int64)", [1, 2], []))
grid("mapUpdate", MAPS, c("Map(String, Int64)", [["b", 9], ["c", 3]], []))
grid("mapAdd mapSubtract", MAPS, c("Map(String, Int64)", [["b", 9], ["c", 3]], []))

family("lambdas")
INT = c("Array(Int64)", *INT_LISTS)
TEXT = c("Array(String)", *TEXT_LISTS)
NULLS = c("Array(Nullable(Int64))", *NULL_LISTS)
call("arrayMap", INT, body="x * 2")
call("arrayMap", TEXT, body="length(x)")
call("arrayMap", INT, c("Array(String)", [], ["p"], ["p", "q", "r"], ["p", "q", "r", "s"], ["p", "q", "r"]), body="concat(y, toString(x))", variables=2)
call("arrayFilter arrayCount arrayExists arrayAll arrayFirst arrayLast arrayFirstIndex arrayLastIndex arrayFill arrayReverseFill arraySplit arrayReverseSplit", INT, body="x > 1")
call("arrayFilter arrayCount arrayExists arrayAll arrayFirst arrayLast arrayFirstIndex arrayLastIndex", TEXT, body="x = 'b'")
call("arrayFilter arrayFirst arrayLast", NULLS, body="isNull(x)")
call("arrayFirst arrayLast", NULLS, body="x = 99")
call("arraySort arrayReverseSort", INT, body="-x")
call("arraySort arrayReverseSort", TEXT, body="length(x)")
call("arraySort", INT, c("Array(String)", [], ["p"], ["r", "q", "p"], ["p", "q", "r", "s"], ["r", "q", "p"]), body="y", variables=2)
call("arraySum arrayAvg arrayMin arrayMax arrayProduct arrayCumSum arrayDifference", INT, body="x + 1")
call("arraySum arrayAvg", c("Array(Float64)", [1.5, 2.5], []), body="x * 2")
call("arraySum", INT, body="x > 1")
call("mapFilter", MAPS, body="y > 1", variables=2)
call("mapApply", MAPS, body="(x, y * 2)", variables=2)

# ---------------------------------------------------------------------------------------------------------------------
family("dates")
DATE = c("Date", *DAYS)
PARTS = "toYear toQuarter toMonth toDayOfMonth toDayOfYear toDayOfWeek toISOYear toISOWeek toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss toWeek toYearWeek monthName"
CLOCK = "toHour toMinute toSecond"
STARTS = "toStartOfYear toStartOfISOYear toStartOfQuarter toStartOfMonth toMonday toLastDayOfMonth toStartOfWeek toLastDayOfWeek toStartOfDay"
SUB = "toStartOfHour toStartOfFifteenMinutes toStartOfTenMinutes toStartOfFiveMinutes toStartOfMinute"
call(f"{PARTS} {STARTS}", DATE)
for time in times():
    call(f"{PARTS} {CLOCK} {STARTS} {SUB} timeZoneOffset", time)
    if "64" in time.type:
        call("toStartOfSecond", time)
    for mode in (1, 3):
        call("toStartOfWeek toLastDayOfWeek", time, k("UInt8", mode))
call("toYear toMonth toHour", c("Nullable(DateTime64(6, 'UTC'))", None, *MICROS[:3]))
call(f"toHour toStartOfDay toStartOfMonth toStartOfWeek", dt64("UTC"))
call("toHour toStartOfDay toStartOfHour toYear", dt64("UTC"), k("String", "America/New_York"))
for mode in range(10):
    call("toWeek toYearWeek", DATE, k("UInt8", mode))
for mode in range(4):
    call("toDayOfWeek", DATE, k("UInt8", mode))
call("toStartOfDay", c("DateTime64(6, 'America/Sao_Paulo')", 1541300400 * US, 1541293200 * US, 1541340000 * US))
COUNTS = [0, 1, -1, 13, 400]
for f in "Years Quarters Months Weeks Days".split():
    grid(f"add{f} subtract{f}", c("Date", *DAYS[4:14]), c("Int64", *COUNTS[:4]))
    for zone in ZONES:
        grid(f"add{f} subtract{f}", c(f"DateTime64(6, '{zone}')", *MICROS[2:-2]), c("Int64", *COUNTS[:4]))
        grid(f"add{f}", c(f"DateTime('{zone}')", *SECONDS[4:-3]), c("Int64", *COUNTS[:2]))
for f in "Hours Minutes Seconds".split():
    for zone in ZONES[:2]:
        grid(f"add{f} subtract{f}", c(f"DateTime64(6, '{zone}')", *MICROS[2:]), c("Int64", *COUNTS))
        grid(f"add{f}", c(f"DateTime('{zone}')", *SECONDS[2:12]), c("Int64", *COUNTS[:2]))
call("addMonths", c("Date", "2020-01-31", "2020-03-31", "2019-12-31"), c("Int64", 1, -1, 2))
UNITS = "year quarter month week day hour minute second".split()
for unit in UNITS:
    for zone in ZONES:
        pairs = list(itertools.product(MICROS, MICROS[::3]))
        call("dateDiff", k("String", unit), c(f"DateTime64(6, '{zone}')", *[p[0] for p in pairs]), c(f"DateTime64(6, '{zone}')", *[p[1] for p in pairs]))
        call("age", k("String", unit), c(f"DateTime64(6, '{zone}')", *[p[0] for p in pairs]), c(f"DateTime64(6, '{zone}')", *[p[1] for p in pairs]), differs="weeks are 7 whole days" if unit == "week" else "")
        call("dateTrunc", k("String", unit), dt64(zone))
        call("dateTrunc", k("String", unit), dt(zone))
    grid("dateDiff", k("String", unit), DATE, c("Date", *DAYS[::4]))
    if unit not in ("hour", "minute", "second"):
        grid("age", k("String", unit), DATE, c("Date", *DAYS[::4]), differs="weeks are 7 whole days" if unit == "week" else "")
        call("dateTrunc", k("String", unit), DATE)
call("dateDiff", k("String", "day"), c("Date", *DAYS[4:8]), c("DateTime('America/New_York')", *SECONDS[2:6]))
call("dateDiff", k("String", "day"), dt64("UTC"), k("DateTime64(6, 'UTC')", MICROS[3]), k("String", "America/New_York"))
call("dateDiff", k("String", "millisecond"), dt64("UTC"), k("DateTime64(6, 'UTC')", MICROS[3]))
fails("dateDiff", k("String", "fortnight"), k("Date", "2020-01-01"), k("Date", "2020-01-01"), returns="Int64")
for unit, counts in [("Year", [1, 2, 5]), ("Quarter", [1, 2]), ("Month", [1, 5, 12]), ("Week", [1, 2]), ("Day", [1, 3, 7]), ("Hour", [1, 3, 6]), ("Minute", [1, 7, 15]), ("Second", [1, 10])]:
    for count in counts:
        for zone in ZONES[:2]:
            call("toStartOfInterval", dt64(zone), k(f"Interval{unit}", count))
            call("toStartOfInterval", dt(zone), k(f"Interval{unit}", count))
        if unit in ("Year", "Quarter", "Month", "Week", "Day"):
            call("toStartOfInterval", DATE, k(f"Interval{unit}", count))
ALL = "%a|%b|%c|%C|%d|%D|%e|%f|%F|%g|%G|%h|%H|%i|%I|%j|%k|%l|%m|%M|%p|%Q|%r|%R|%s|%S|%T|%u|%V|%w|%W|%y|%Y|%z|%%|%n|%t"
for time in times():
    call("formatDateTime", time, k("String", ALL))
    call("formatDateTime", time, k("String", "%Y-%m-%d %H:%i:%S"))
call("formatDateTime", DATE, k("String", "%Y-%m-%d %H:%i %W"))
call("formatDateTime", dt64("UTC"), k("String", "%F %T"), k("String", "Asia/Kolkata"))
fails("formatDateTime", k("DateTime('UTC')", 0), k("String", "%E"))
fails("formatDateTime", k("DateTime('UTC')", 0), k("String", "%"))
for part in "year quarter month dayofyear day week weekday hour minute second".split():
    call("dateName", k("String", part), dt64("America/New_York"))
call("makeDate", c("Int64", 2020, 2021, 1970), c("Int64", 2, 13, 1), c("Int64", 29, 1, 1))
call("makeDate", c("Int64", 2021), c("Int64", 2), c("Int64", 29))
call("makeDateTime", c("Int64", 2020, 2020), c("Int64", 2, 3), c("Int64", 29, 8), c("Int64", 1, 3), c("Int64", 2, 30), c("Int64", 3, 0), k("String", "America/New_York"))
call("UUIDv7ToDateTime", c("UUID", *U))
call("toTimeZone", dt64("UTC"), k("String", "Asia/Kolkata"))
call("toTimeZone", dt("UTC"), k("String", "America/New_York"))
fails("toTimeZone", k("DateTime('UTC')", 0), k("String", "Mars/Olympus"), returns="DateTime('Mars/Olympus')")
call("toMonday toStartOfWeek toStartOfISOYear", c("Date", "1970-01-01"), differs=EDGE)
call("toStartOfDay", c("DateTime64(6, 'America/New_York')", 0), differs=EDGE)
call("toStartOfDay", c("Date", "2149-06-06"), differs=EDGE)
call("toLastDayOfMonth", c("Date", "2149-06-06"), differs=EDGE)
