"""The calls that `make.py` asks ClickHouse about, by family."""

import dataclasses
import itertools


@dataclasses.dataclass
class Argument:
    type: str
    values: list
    constant: bool = False


@dataclasses.dataclass
class Case:
    function: str
    arguments: list
    body: str = ""
    variables: int = 1
    differs: str = ""
    # The type that it would answer.
    fails: str = ""


def split(inner):
    """The arguments of a type, apart."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(inner):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(inner[start:at].strip())
            start = at + 1
    parts.append(inner[start:].strip())
    return [part for part in parts if part]


CASES = {}
FAMILY = [""]


def family(name):
    FAMILY[0] = name


def families():
    return CASES.items()


def k(ty, value):
    """A constant."""
    return Argument(ty, [value], True)


def c(ty, *values):
    """A column."""
    return Argument(ty, list(values))


def call(function, *arguments, **options):
    for name in function.split():
        CASES.setdefault(FAMILY[0], []).append(Case(name, list(arguments), **options))


def grid(function, *arguments, **options):
    """All combinations of the values of columns, as rows."""
    columns = [a for a in arguments if not a.constant]
    rows = list(itertools.product(*(a.values for a in columns)))
    spread = iter([Argument(a.type, [row[at] for row in rows]) for at, a in enumerate(columns)])
    call(function, *(a if a.constant else next(spread) for a in arguments), **options)


def fails(function, *arguments, returns="String", **options):
    call(function, *arguments, fails=returns, **options)


TEXTS = ["", "a", "Hello, World", "ÀéîÖ straße", "日本語", "  padded  ", "a,b,,c", "x\ty\nz", "emoji 😀!", "NULL", "12.5", "ABCabc"]
N_TEXTS = [None, *TEXTS]
FLOATS = [0.0, "-0", 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 3.14159, 1234.5678, -1e-7, 1e21, 1e300, "inf", "-inf", "nan"]
INTS = [0, 1, -1, 7, -7, 100, -128, 127, 2147483647, -2147483648, 9223372036854775807, -9223372036854775808]
UINTS = [0, 1, 2, 255, 65535, 4294967295, 18446744073709551615]
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
US = 1_000_000
# Seconds: ordinary ones, ends of days, months and years, and changes of clocks in New York.
SECONDS = [100000000, 126230401, 1577934245, 1582934399, 1583020800, 1583650799, 1583650800, 1583654400, 1604206799, 1604210400, 1604214000,
           1609459199, 1609459200, 1640995200, 1704067199, 1709251199, 1719792000, 1735689599, 951782400, 4102444799]
MICROS = [s * US + f for s, f in zip(SECONDS, itertools.cycle([0, 123456, 999999]))]
DAYS = ["1972-01-15", "1974-01-04", "2000-02-29", "2019-12-30", "2020-01-01", "2020-01-05", "2020-02-29", "2020-12-31", "2021-01-01",
        "2021-01-03", "2023-12-31", "2024-01-01", "2024-03-31", "2024-06-30", "2026-11-26", "2100-03-01", "2105-12-31"]


def dt64(zone):
    return c(f"DateTime64(6, '{zone}')", *MICROS)


def dt(zone):
    return c(f"DateTime('{zone}')", *SECONDS)


def times():
    for zone in ZONES:
        yield dt64(zone)
        yield dt(zone)


# ---------------------------------------------------------------------------------------------------------------------
family("arithmetic")
for one, other in [("Int64", "Int64"), ("UInt8", "Int16"), ("UInt64", "Int8"), ("UInt64", "UInt64"), ("Int32", "UInt8")]:
    def fitting(ty):
        bits = int(ty.lstrip("UInt"))
        low, high = (0, 2**bits - 1) if ty[0] == "U" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return [v for v in sorted({*INTS, *UINTS}) if low <= v <= high]

    left, right = c(one, *fitting(one)), c(other, *fitting(other))
    grid("plus minus multiply divide", left, right)
    nonzero = c(other, *[v for v in fitting(other) if v not in (0, -1)])
    # The least integer has no positive counterpart, and 255 is -1 where a quotient is signed.
    nonzero.values = [v for v in nonzero.values if v != min(fitting(other)) or other[0] == "U"]
    grid("modulo positiveModulo", left, nonzero)
    grid("moduloOrZero", left, right)
    if one[0] == other[0]:
        grid("intDiv", left, nonzero)
        grid("intDivOrZero", left, right)
    grid("plus", c(f"Nullable({one})", None, 1, 2), k(other, 3))
grid("plus minus multiply divide modulo", c("Float64", *FLOATS), c("Float64", 0.0, 1.5, -2.0, "nan", "inf"))
grid("plus minus multiply divide", c("Float64", *FLOATS), c("Int64", *INTS))
grid("plus minus multiply", c("Float32", 0.1, 2.5), c("Int8", 3, -1))
fails("intDiv", k("Int64", 1), k("Int64", 0), returns="Int64")
fails("modulo", k("Int64", 1), c("Int64", 0), returns="Int64")
fails("intDiv", k("Int64", -9223372036854775808), k("Int64", -1), returns="Int64")
for value in ["Float64", "Int64", "UInt8", "Int8"]:
    values = FLOATS if value == "Float64" else [0, 1, 7, 100] + ([] if value[0] == "U" else [-1, -128])
    call("negate abs sign", c(value, *values))
    call("negate", c(f"Nullable({value})", None, *values))
call("abs", c("Int64", *INTS))
call("abs", c("UInt64", *UINTS))
call("sign", c("UInt64", *UINTS))
grid("intDiv", c("UInt8", 255), c("Int8", 2), differs="the quotient is that of the numbers, also where the type has a sign and an operand does not fit it")
grid("gcd lcm", c("Int64", 7, 1, 12, -18, 100), c("Int64", 1, 8, -6))
D = "Decimal(18, 2)"
grid("plus minus multiply", c(D, "1.50", "-2.25", "0", "99999.99"), c(D, "0.01", "3"))
grid("plus minus multiply", c(D, "1.50", "-2.25"), c("Int32", 3, -4))
grid("plus", c(D, "1.50"), c("Decimal(18, 4)", "0.0001"))
call("negate abs", c(D, "1.50", "-2.25", "0"))
grid("plus minus", c("Date", *DAYS[2:12]), c("Int64", 0, 1, -1, 400))
grid("plus minus", c("DateTime('UTC')", *SECONDS[2:8]), c("Int64", 0, 1, -1, 86400))
grid("plus minus", c("DateTime64(6, 'UTC')", *MICROS[2:8]), c("Int64", 0, 1, -86400))
grid("minus", c("Date", *DAYS), c("Date", *DAYS[:4]))
grid("minus", c("DateTime('UTC')", *SECONDS), c("DateTime('UTC')", *SECONDS[:4]))
grid("minus", c("DateTime64(6, 'UTC')", *MICROS), c("DateTime64(6, 'UTC')", *MICROS[:4]))

family("maths")
REALS = [0.0, 0.5, 1.0, 2.0, -1.0, -0.5, 10.0, 1e-9, 100.25, "nan", "inf"]
call("exp log ln log2 log10 log1p sqrt cbrt sin cos tan asin acos atan exp2 exp10 degrees radians sinh cosh asinh acosh atanh erf erfc",
     c("Float64", *REALS))
call("lgamma tgamma", c("Float64", 0.5, 1.0, 2.0, 10.0, 100.25))
call("tanh", c("Float64", *[v for v in REALS if v != 1e-9]))
call("tanh", c("Float64", 1e-9), differs="the engine approximates tanh")
call("sqrt exp log sin", c("Int64", 0, 1, 2, 100))
call("sqrt log", c("Nullable(Float64)", None, 4.0))
call("isNaN isFinite isInfinite", c("Float64", *FLOATS))
call("isNaN", c("Nullable(Float64)", None, "nan", 1.0))
grid("pow power atan2 hypot", c("Float64", 0.0, 2.0, -2.0, 0.5, "inf"), c("Float64", 0.0, 2.0, -1.0, 0.5))
grid("max2 min2", c("Float64", 0.0, 2.0, -2.0, "inf"), c("Float64", 0.0, 2.5))
grid("max2 min2", c("Int64", 0, 5), c("UInt8", 3))
grid("pow", c("Int64", 0, 2, -3), c("Int64", 0, 2, -1, 10))
call("pi")
call("e")
grid("ifNotFinite", c("Float64", 1.0, "inf", "nan"), c("Float64", 2.0))
for f in "round floor ceil trunc roundBankers".split():
    call(f, c("Float64", *FLOATS, 3.5, -3.5, 1.25, 1.35, 2.675))
    for digits in (1, 2, -1, -2, 5):
        call(f, c("Float64", 0.0, 1.25, 1.35, 2.5, -2.789, 1234.567, -1250.0, 0.05, 15.0, 25.0, 2.5e10), k("Int8", digits))
    for ty, values in (("Int64", [0, 5, 15, 25, -15, -25, 1234, -1250]), ("UInt8", [0, 5, 15, 25, 140])):
        call(f, c(ty, *values))
        for digits in (1, -1, -2):
            call(f, c(ty, *values), k("Int8", digits))
    call(f, c("Decimal(18, 3)", "1.234", "-1.235", "2.500", "-2.5"), k("Int8", 2))
    call(f, c("Decimal(18, 3)", "1.234", "-1.235", "2.500", "3.5", "-2.5"))
    call(f, c("Nullable(Float64)", None, 2.5))
call("roundDown", c("Int64", -5, 0, 3, 4, 9, 100), k("Array(Int64)", [0, 4, 9]))
call("roundDown", c("Float64", -5.0, 0.0, 3.5, 4.0, 9.5), k("Array(Float64)", [0.0, 4.0, 9.0]))
call("width_bucket", c("Float64", -1.0, 0.0, 5.35, 10.0, 9.99), k("Float64", 0.024), k("Float64", 10.06), k("UInt8", 5))
call("factorial", c("UInt8", 0, 1, 5, 20))
fails("factorial", k("UInt8", 21), returns="UInt64")

family("bits")
grid("bitAnd bitOr bitXor", c("Int64", *INTS), c("Int64", *INTS))
grid("bitAnd bitOr bitXor", c("UInt8", 0, 1, 85, 255), c("Int16", 0, -1, 256, 300))
grid("bitShiftLeft bitShiftRight", c("UInt64", *UINTS), c("UInt8", 0, 1, 7, 63, 64))
grid("bitShiftLeft bitShiftRight", c("Int32", 1, -1, -8, 2147483647), c("UInt8", 0, 1, 31))
grid("bitShiftLeft bitShiftRight", c("UInt8", 1, 255), c("UInt8", 0, 1, 7, 8))
call("bitNot bitCount", c("Int64", *INTS))
call("bitNot bitCount", c("UInt8", 0, 1, 255))
call("bitCount", c("Int8", -1, 3))
grid("bitTest", c("UInt8", 0, 1, 170), c("UInt8", 0, 1, 7))
fails("bitShiftLeft", k("UInt8", 1), k("Int8", -1), returns="UInt8")

# ---------------------------------------------------------------------------------------------------------------------
family("compare")
OPS = "equals notEquals less greater lessOrEquals greaterOrEquals"
grid(OPS, c("Int64", *INTS), c("Int64", 0, 7, -128, 9223372036854775807))
grid(OPS, c("UInt64", *UINTS), c("Int64", 0, -1, 255, 9223372036854775807))
grid(OPS, c("Float64", *FLOATS), c("Float64", 0.0, 1.5, "nan", "inf", "-0"))
grid(OPS, c("Int64", 0, 1, 9007199254740993, 9223372036854775807), c("Float64", 0.0, 1.0, 0.5, 9007199254740992.0, 9.3e18, "nan", "inf"))
grid(OPS, c("String", *TEXTS), c("String", "", "a", "b", "日本"))
grid(OPS, c("Nullable(String)", None, "a", "b"), c("Nullable(String)", None, "a"))
grid(OPS, c("Bool", True, False), c("UInt8", 0, 1))
grid(OPS, c("Date", *DAYS[:6]), c("Date", *DAYS[1:4]))
grid(OPS, c("DateTime64(6, 'UTC')", *MICROS[:6]), c("DateTime64(6, 'Asia/Kolkata')", *MICROS[:3]))
grid(OPS, c("DateTime64(6, 'UTC')", *MICROS[:6]), c("DateTime('UTC')", *SECONDS[:3]))
grid(OPS, c("Date", "2020-01-01", "2020-01-02"), c("DateTime('America/New_York')", 1577854800, 1577854801, 1577941200))
grid(OPS, c(D, "1.50", "2"), c("Int64", 1, 2))
grid(OPS, c("Decimal(18, 2)", "1.50", "2"), c("Decimal(18, 4)", "1.5000", "1.5001"))
grid("equals notEquals", c("Array(Int64)", [], [1], [1, 2]), c("Array(Int64)", [1], [1, 2]))
grid(OPS, c("Array(String)", [], ["a"], ["a", "b"], ["b"]), c("Array(String)", ["a"], ["a", "c"]))
grid(OPS, c("Tuple(Int64, String)", [1, "a"], [1, "b"], [2, "a"]), k("Tuple(Int64, String)", [1, "b"]))
U = ["00000000-0000-0000-0000-000000000000", "00000000-0000-4000-8000-000000000002", "ffffffff-ffff-4fff-bfff-ffffffffffff", "01890a5d-ac96-774b-bcce-b302099a8057"]
grid("equals notEquals", c("UUID", *U), c("UUID", *U[:2]))
call(OPS, c("DateTime64(6, 'America/New_York')", *MICROS[:6]), k("String", "2020-01-01 22:04:05"))
call(OPS, c("Date", *DAYS[:6]), k("String", "2000-02-29"))
call("equals notEquals", c("UUID", *U), k("String", U[1]))

family("condition")
for ty, values in [("UInt8", [0, 1, 2]), ("Nullable(UInt8)", [0, 1, None]), ("Bool", [True, False]), ("Nullable(Bool)", [True, None])]:
    grid("if", c(ty, *values), c("Int64", 1, -5), c("Int64", 7))
    grid("if", c(ty, *values), c("Nullable(String)", "x", None), k("String", "y"))
    grid("if", c(ty, *values), k("UInt8", 1), c("Int64", -5, 3))
    grid("multiIf", c(ty, *values), k("String", "a"), c("Nullable(UInt8)", None, 0, 1), c("String", "b"), c("Nullable(String)", None, "z"))
    call("not", c(ty, *values))
grid("if", c("UInt8", 0, 1), c("Array(Int64)", [1], []), k("Array(Int64)", [2, 3]))
grid("if", c("UInt8", 0, 1), k("Tuple(Int64, String)", [1, "a"]), k("Tuple(Int64, String)", [2, "b"]))
grid("if", c("UInt8", 0, 1), c("DateTime64(6, 'UTC')", *MICROS[:3]), k("DateTime64(6, 'UTC')", 5))
grid("if", c("UInt8", 0, 1), c("Float64", 1.5), c("UInt8", 2))
grid("and or xor", c("Nullable(UInt8)", None, 0, 1, 5), c("Nullable(UInt8)", None, 0, 1))
grid("and or xor", c("Bool", True, False), c("Bool", True, False), c("Bool", True, False))
grid("and or", c("Nullable(UInt8)", None, 0, 1), k("UInt8", 1), c("Nullable(UInt8)", None, 0, 1))
grid("ifNull", c("Nullable(Int64)", None, 1), c("Int64", 9))
grid("ifNull", c("Nullable(String)", None, "", "a"), k("String", "none"))
grid("ifNull", c("String", "", "a"), k("String", "none"))
grid("ifNull coalesce", c("Nullable(UInt8)", None, 1), c("Nullable(Int16)", None, -5))
grid("coalesce", c("Nullable(String)", None, "a"), c("Nullable(String)", None, "b"), k("String", "c"))
grid("coalesce", c("Nullable(Float64)", None, 1.5), c("Nullable(Float64)", None, 2.5))
grid("nullIf", c("Nullable(Int64)", None, 0, 1), c("Int64", 0, 1))
grid("nullIf", c("String", "", "a"), k("String", ""))
call("assumeNotNull", c("Nullable(Int64)", 1, 5))
call("toNullable", c("Int64", 1, 5))
call("isNull isNotNull", c("Nullable(String)", None, "", "a"))
call("isNull isNotNull", c("String", "", "a"))
grid("greatest least", c("Nullable(Int64)", None, 1, -5), c("Nullable(Int64)", None, 0, 1))
grid("greatest least", c("UInt8", 0, 200), c("Float64", 0.5, 1000.0))
grid("greatest least", c("Float64", 0.5, "nan", "inf"), c("Float64", 1.0, "nan"), differs="NaN depends on the order of arguments there")
grid("greatest least", c("String", "a", "B"), c("String", "b", ""))
grid("greatest least", c("Date", *DAYS[:3]), c("Date", *DAYS[1:3]))
grid("greatest least", c("DateTime64(6, 'UTC')", *MICROS[:3]), c("DateTime64(6, 'UTC')", *MICROS[1:3]))
call("transform", c("String", "a", "b", "z"), k("Array(String)", ["a", "b"]), k("Array(String)", ["x", "y"]), k("String", "other"))
call("transform", c("String", "a", "b", "z"), k("Array(String)", ["a", "b"]), k("Array(String)", ["x", "y"]))
call("transform", c("Int64", 1, 2, 3), k("Array(UInt8)", [1, 2]), k("Array(String)", ["x", "y"]), k("String", "other"))
call("transform", c("Nullable(String)", "a", None, "z"), k("Array(String)", ["a", "b"]), k("Array(Int64)", [1, 2]), k("Int64", 0))
call("transform", c("Float64", 1.0, 2.5), k("Array(Float64)", [1.0, 2.0]), k("Array(Float64)", [10.0, 20.0]), c("Float64", 7.0, 8.0))
call("caseWithExpression", c("Int64", 1, 2, 3), k("Int64", 1), k("String", "one"), k("Int64", 2), k("String", "two"), k("String", "many"))

# ---------------------------------------------------------------------------------------------------------------------
family("convert")
NUMERIC = ["", "0", "12", "-5", "+3", "12.5", ".5", "1.", "1e3", "-1E-2", "abc", " 1", "1 ", "nan", "NaN", "inf", "-inf", "Infinity", "1_0", "0x1F", "--1", "-",
           "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551615", "1e400", "007", "-0", "true", "1,5", "٣"]
for ty in ["Float64", "Int64", "UInt8", "UInt64", "Int8", "Decimal(18, 3)", "UUID", "Date", "Bool", "Float32"]:
    call("accurateCastOrNull", c("Nullable(String)", None, *[n for n in NUMERIC if n != "-" or ty[:3] != "Dec"]), k("String", ty))
call("accurateCastOrNull", c("String", "-"), k("String", "Decimal(18, 3)"), differs="a sign alone is no number")
for ty in ["Int64", "UInt8", "Int8", "UInt64", "Float64", "Float32", "Bool", "Decimal(18, 3)"]:
    call("accurateCastOrNull", c("Float64", *[v for v in FLOATS if v != 1e300 or ty != "Decimal(18, 3)"]), k("String", ty))
    call("accurateCastOrNull", c("Int64", *INTS, 9007199254740993), k("String", ty))
    call("accurateCastOrNull", c("UInt64", *UINTS), k("String", ty))
call("accurateCastOrNull", c("Bool", True, False), k("String", "Int64"))
call("accurateCastOrNull", c("Decimal(18, 2)", "1.50", "-2"), k("String", "Float64"))
call("toInt64OrZero toFloat64OrZero", c("String", *NUMERIC))
call("toFloat64OrDefault", c("String", *NUMERIC), k("Float64", 5.0))
call("toFloat64OrDefault", c("String", "x", "1"))
for f in "toInt8 toInt16 toInt32 toInt64 toUInt8 toUInt16 toUInt32 toUInt64 toFloat64 toFloat32".split():
    call(f, c("String", "0", "12", "127", "+3"))
    call(f, c("Nullable(String)", None, "12"))
    call(f, c("Int64", *INTS))
    call(f, c("UInt64", *UINTS))
    call(f, c("Bool", True, False))
    call(f, c("Float64", 0.0, 1.9, -1.9 if "U" not in f else 2.9, 100.5))
    call(f, c("Date", *DAYS))
    call(f, c("Decimal(18, 2)", "1.75", "100"))
    if "8" not in f and "16" not in f:
        call(f, c("DateTime64(6, 'UTC')", 1577934245999999, 0))
for f in "toInt64 toUInt8 toFloat64".split():
    fails(f, k("String", "x"), returns=f[2:])
    fails(f, k("String", ""), returns=f[2:])
fails("toInt64", k("Float64", "nan"), returns="Int64")
call("toBool", c("String", "true", "false", "TRUE", "1", "0", "t", "f", "yes", "no", "on", "off"))
call("toBool", c("Float64", 0.0, 0.5, -1.0))
call("toBool", c("Nullable(Int64)", None, 0, 5))
fails("toBool", k("String", ""), returns="Bool")
fails("toBool", k("String", "2"), returns="Bool")
UUIDS = [*U, "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5dac96774bbcceb302099a8057"]
call("toUUID", c("String", *UUIDS))
call("toUUIDOrNull", c("Nullable(String)", None, *UUIDS, "x", "", "{00000000-0000-4000-8000-000000000002}"))
fails("toUUID", k("String", "x"), returns="UUID")
DATES = ["2020-01-02", "2020-1-2", "20200102", "2020/01/02", "2020-01-02 03:04:05", "2020-01-02T03:04:05", "2020-01-02 03:04:05.678", "2020-02-29"]
BAD_DATES = ["", "x", "2020-01-02T03:04:05Z", "1577934245", "2020-01-02 03:04", " 2020-01-02", "12345"]
call("toDate", c("String", *DATES))
call("toDateOrNull", c("Nullable(String)", None, *DATES, *BAD_DATES))
call("toDateOrNull", c("String", "2020-13-02", "2020-02-30"), differs="a day that does not exist is NULL, not another day")
for bad in BAD_DATES[:3]:
    fails("toDate", k("String", bad), returns="Date")
call("toDate", c("Int64", 0, 1, 18262, 65535, 1577934245))
for time in times():
    call("toDate", time)
    call("toDateTime", time)
    call("toString", time)
    call("toUnixTimestamp", time)
call("toUnixTimestamp", c("String", "2020-01-02 03:04:05"), k("String", "Asia/Kolkata"))
call("toUnixTimestamp", c("Date", *DAYS[:12]))
call("toUnixTimestamp64Milli", dt64("UTC"))
EDGE = "dates before 1970 and after 2149 are what they are, and do not end at the limits of ClickHouse's Date"
call("toDate", c("DateTime64(6, 'America/New_York')", 0), differs=EDGE)
call("toDateTime", c("Date", "1970-01-01"), k("String", "Asia/Kolkata"), differs=EDGE)
INSTANTS = ["2020-01-02", "2020-01-02 03:04:05", "2020-01-02T03:04:05", "2020-01-02T03:04:05Z", "2020-01-02 03:04:05.678", "2020-01-02T03:04:05.123456789Z",
            "2020-01-02T03:04:05+02:00", "2020-01-02 03:04:05 +0530", "2020-06-01 00:00:00 -07:00", "2020-01-02T03:04:05+02", "02/01/2020 03:04:05", "01/13/2020",
            "13/01/2020", "Jan 2, 2020", "2 Jan 2020 3:04 PM", "Thu, 02 Jan 2020 03:04:05 GMT", "2020-01", "2020", "1577934245", "1577934245123",
            "1577934245000000", "1577934245.5", "2020-01-02 03", "20200102030405", "20200102", "2020-01-02 03:04:05 PM", "2 January 2020", "January 2 2020",
            "2020 Jan 2", "1.2.2020", "202001", "1/2/20", "2020-01-02T", "2020-01-02 03:04:05.123 UTC", "12/25/1999 23:59", "2020-01-02 25:00:00",
            "2020-1-2", "2020/01/02 3:4:5", " 2020-01-02", "2020-07-02 12:00 am", "2020-07-02 12:30 PM"]
BAD_INSTANTS = ["", "x", "2020-13-02", "2020-02-30", "12345", "today", "Mon", "0", "2020-01-02T03:04:05EST", "2020-01-02 foo", "-1"]
for zone in ZONES:
    call("parseDateTime64BestEffortOrNull", c("Nullable(String)", None, *INSTANTS, *BAD_INSTANTS), k("UInt8", 6), k("String", zone))
    call("parseDateTimeBestEffortOrNull", c("String", *INSTANTS, *BAD_INSTANTS), k("String", zone))
    call("toDateTime", c("String", *[i for i in INSTANTS if i != "1577934245.5"]), k("String", zone))
    call("toDateTime64", c("String", *INSTANTS), k("UInt8", 6), k("String", zone))
    call("toDateTime", c("Int64", *SECONDS[:6]), k("String", zone))
    call("toDateTime", c("Date", *DAYS[:15]), k("String", zone))
    call("toDateTime64", c("Date", *DAYS), k("UInt8", 6), k("String", zone))
    call("fromUnixTimestamp", c("Int64", *SECONDS), k("String", "%Y-%m-%d %H:%i:%S"), k("String", zone), differs="with a pattern it answers text, which the resolver never asks for")
    call("fromUnixTimestamp64Milli", c("Int64", *[s * 1000 + 7 for s in SECONDS]), k("String", zone))
    call("accurateCastOrNull", c("String", *INSTANTS, *BAD_INSTANTS), k("String", f"DateTime64(6, '{zone}')"))
call("parseDateTime64BestEffortOrNull", c("String", "2020-03-08 02:30:00", "2020-11-01 01:30:00", "2020-11-01 00:30:00", "2020-07-02T03:04:05"), k("UInt8", 6), k("String", "America/New_York"))
call("parseDateTime64BestEffortUSOrNull", c("Nullable(String)", None, "02/01/2020 03:04:05", "01/13/2020", "13/01/2020", "1/2/20", "01-02-2020", "2020-01-02", ""), k("UInt8", 6), k("String", "UTC"))
call("toDateTime64", c("Int64", *SECONDS[:6]), k("UInt8", 6), k("String", "UTC"))
call("toDateTime64", c("Float64", 1577934245.5, 0.25), k("UInt8", 6), k("String", "UTC"))
for bad in ("", "x", "2020-13-02"):
    fails("toDateTime", k("String", bad), k("String", "UTC"), returns="DateTime('UTC')")
PATTERNS = [("%Y-%m-%d %H:%i:%S", ["2020-01-02 03:04:05", "2020-01-02", "x", "2020-01-02 03:04:05 "]), ("%d/%m/%Y", ["02/01/2020", "31/02/2020", "2/1/2020"]),
            ("%b %e, %Y %I:%i %p", ["Jan  2, 2020 03:04 PM", "Jan 12, 2020 12:04 AM"]), ("%Y-%j", ["2020-060"]), ("%y%m%d", ["200102", "700101"]), ("%F %T", ["2020-01-02 03:04:05"]),
            ("%a, %d %M %Y", ["Thu, 02 January 2020"]), ("%Y-%m-%dT%H:%i:%S%z", ["2020-01-02T03:04:05+0200"])]
for pattern, texts in PATTERNS:
    call("parseDateTimeOrNull", c("String", *texts), k("String", pattern), k("String", "America/New_York"))
for unit in "Second Minute Hour Day Week Month Quarter Year".split():
    call(f"toInterval{unit}", c("Int64", 0, 5, -3))

family("show")
call("toString", c("Float64", *FLOATS, 1e20, 1e-6, 123456789012345680.0, 5e-324, 1.7976931348623157e308))
call("toString", c("Float32", 0.1, 1e10, 16777216.0, 3.4e38, 1e-10))
call("toString", c("Int64", *INTS))
call("toString", c("UInt64", *UINTS))
call("toString", c("Nullable(Int64)", None, 5))
call("toString", c("String", *TEXTS))
call("toString", c("Bool", True, False))
call("toString", c("Date", *DAYS))
call("toString", c("UUID", *U))
call("toString", c("Decimal(18, 3)", "1.500", "-0.001", "0", "100"))
call("toString", c("Array(String)", [], ["a", "b'c", "d\\e\n"], ["日本"]))
call("toString", c("Array(Nullable(Int64))", [1, None], []))
call("toString", c("Array(Float64)", [1.0, 0.5, "nan"]))
call("toString", c("Tuple(Int64, String, Date)", [1, "x", "2020-01-02"]))
call("toString", c("Map(String, Array(Int64))", [["a", [1]], ["b", []]], []))
call("toString", dt64("UTC"), k("String", "Asia/Kolkata"))
call("toString", c("DateTime64(3, 'UTC')", 1577934245123, -1))
JSONS = [("String", [*TEXTS, 'q"/\\\x01\x1f\x7f']), ("Float64", FLOATS), ("Int64", INTS), ("UInt64", UINTS), ("Bool", [True, False]), ("Date", DAYS[:3]), ("UUID", U[:2]),
         ("Nullable(String)", [None, "x"]), ("Array(Nullable(String))", [["a", None], []]), ("Tuple(Int64, String)", [[1, "a"]]),
         ("Tuple(a Int64, b String)", [[1, "a"]]), ("Map(String, Int64)", [[["a", 1]], []]), ("Decimal(18, 3)", ["1.500", "-2"]), ("Array(Array(Int64))", [[[1], []]])]
for ty, values in JSONS:
    call("toJSONString", c(ty, *values))
grid("concat", c("String", "a", "é"), c("Nullable(String)", None, "b"))
grid("concat", c("String", "a"), c("Int64", 5, -1), c("Float64", 1.5, 2.0), c("Date", "2020-01-02"))
grid("concat", c("Array(Int64)", [1], []), c("Array(Int64)", [2]))
grid("concatWithSeparator", k("String", ", "), c("String", "a", ""), c("String", "b"), c("String", "c"))
call("format", k("String", "{0} and {1}, {{x}} {0}"), c("String", "a", "é"), c("String", "b", "c"))
call("format", k("String", "{}-{}"), c("String", "a", "b"), c("Int64", 1, 2))
fails("format", k("String", "{"), k("String", "a"))
fails("format", k("String", "{} {}"), k("String", "a"))
call("arrayStringConcat", c("Array(String)", [], ["a"], ["a", "b", ""]), k("String", "-"))
call("arrayStringConcat", c("Array(Nullable(String))", [None], ["a", None, "b"]), k("String", ","))
call("arrayStringConcat", c("Array(String)", ["a", "b"]))
call("arrayStringConcat", c("Array(Int64)", [1, 2], []), k("String", "/"))
call("formatReadableSize formatReadableDecimalSize", c("Float64", 0.0, 1.0, 999.0, 1000.0, 1024.0, 1536.0, 1e6, 1e9, 1e12, -5000.0, 1e30))
call("formatReadableSize", c("UInt64", 0, 192851925, 18446744073709551615))
call("formatReadableQuantity", c("Float64", 0.0, 1.0, 999.5, 1000.0, 123456.0, 1e6, 1e9, 1e12, 1e15, -5000.0))
call("formatReadableTimeDelta", c("Float64", 0.0, 1.0, 59.0, 60.0, 61.0, 3600.0, 86401.0, 1e6, 1e8, 0.5))
call("formatReadableTimeDelta", c("Int64", 432546534, 61), k("String", "minutes"))

# ---------------------------------------------------------------------------------------------------------------------
family("strings")
call("lower upper length reverse lowerUTF8 upperUTF8 lengthUTF8 reverseUTF8 empty notEmpty ascii trim trimLeft trimRight initcap toValidUTF8 isValidUTF8",
     c("Nullable(String)", *N_TEXTS))
call("length empty notEmpty", c("Array(Int64)", [], [1], [1, 2]))
call("length empty notEmpty", c("Map(String, Int64)", [], [["a", 1]]))
call("empty notEmpty", c("UUID", *U))
call("initcap", c("String", "hello world-foo bar_baz 1st o'neil", "éa b"))
POSITIONS = c("Int64", 1, 2, 5, -1, -3, 0, 100, -100)
grid("substring", c("String", "hello", "", "ab"), POSITIONS, c("Int64", 0, 1, 3, 100))
grid("substring", c("String", "hello", "", "ab"), c("Int64", 1, 2, -2), c("Int64", -1, -3))
grid("substring", c("String", "日本語"), c("Int64", 1, 2, 4), c("Int64", 3, 2))
grid("substring", c("String", "hello"), POSITIONS)
grid("substringUTF8", c("String", "日本語x", "hello", ""), POSITIONS, c("Int64", 0, 1, 3, 100))
grid("left right", c("String", "hello", "", "ab"), c("Int64", 0, 1, 3, 100, -1, -3, -100))
grid("repeat", c("String", "ab", "é", ""), c("Int64", 0, 1, 3, -1))
for fill in ("*", "12"):
    grid("leftPad rightPad", c("String", "abc", ""), c("Int64", 0, 2, 3, 5, 8), k("String", fill))
grid("leftPad rightPad", c("String", "abc"), c("Int64", 5))
grid("lpad rpad", c("String", "abc"), c("Int64", 2, 5), k("String", "*"))
for characters in ("x", "xy", ""):
    grid("trim trimLeft trimRight", c("String", "xxabcxx", "yxabcxy", "", "xx"), k("String", characters))
grid("startsWith endsWith", c("Nullable(String)", *N_TEXTS), c("String", "", "a", "日", "語", "c", "Hello"))
grid("concat", c("String", "a"), c("String", "b"))
call("translate", c("String", "Hello", "abc", ""), k("String", "elo"), k("String", "ipp"))
call("translate", c("String", "Hello", "abc"), k("String", "lb"), k("String", "1"))
call("regexpQuoteMeta", c("String", "a.b*c", "(x|y)[z]{2}^$+?\\-:", ""))
call("appendTrailingCharIfAbsent", c("String", "a", "a/", ""), k("String", "/"))
grid("splitByChar", k("String", ","), c("String", *TEXTS, ",", "a,b,"))
for limit in (1, 2, 3, 0):
    call("splitByChar splitByString", k("String", ","), c("String", "a,b,c", "", "a"), k("Int64", limit))
    call("splitByRegexp", k("String", ","), c("String", "a,b,c"), k("Int64", limit))
for separator in (", ", ",", "日"):
    call("splitByString", k("String", separator), c("String", *TEXTS, ", ", "a, b, "))
call("splitByString", k("String", ""), c("String", "abc", ""))
call("splitByString", k("String", ""), c("String", "日本"), differs="an empty separator cuts between characters, not bytes")
call("splitByWhitespace splitByNonAlpha alphaTokens", c("String", *TEXTS, " a  b ", "a-b_c1d"))
grid("splitByRegexp", k("String", "[,0-9]+"), c("String", "a1b22,c", "", ",", "abc", "1"))
grid("splitByRegexp", k("String", ""), c("String", "abc"))

family("search")
NEEDLES = c("String", "", "a", "l", "World", "語", "é", "zz")
grid("position positionCaseInsensitive positionUTF8 positionCaseInsensitiveUTF8", c("Nullable(String)", *N_TEXTS), NEEDLES)
grid("position positionUTF8", c("String", "hello hello", "日本日本"), c("String", "l", "本", ""), c("UInt64", 0, 1, 3, 4, 12, 50))
call("positionCaseInsensitive", c("String", "HELLO", "héLLo"), k("String", "ll"))
call("positionCaseInsensitiveUTF8", c("String", "ÀB", "àb"), k("String", "àb"))
grid("countSubstrings countSubstringsCaseInsensitive", c("String", "aaaa", "abcABC", ""), c("String", "aa", "a", "B"))
grid("replaceAll replaceOne", c("Nullable(String)", *N_TEXTS, "aaa"), c("String", "a", "", ",", "本"), c("String", "", "x", "日"))
LISTS = k("Array(String)", ["World", "本", "b,"])
call("multiSearchAny multiSearchAnyCaseInsensitive multiSearchFirstIndex multiSearchFirstPosition multiSearchAllPositions", c("String", *TEXTS), LISTS)
call("multiSearchAnyCaseInsensitive", c("String", "HELLO", "x"), k("Array(String)", ["hell", "zz"]))
call("multiSearchFirstPosition", c("String", "hello world"), k("Array(String)", ["world", "hello"]))
call("multiSearchFirstIndex", c("String", "hello world"), k("Array(String)", ["zzz", "world"]))

family("patterns")
LIKES = ["", "%", "a%", "%a", "%b%", "_", "__", "a_b%", "%,%,%", "Hello%World", "100\\%", "a\\_b", "%日%", "日_語", "ab\\\\c", "%\n%", "h%o"]
SUBJECTS = ["", "a", "ab", "abc", "aXbY", "a,b,c", "Hello, World", "100%", "a_b", "日本語", "ab\\c", "x\ny", "HELLO", "É", "hello"]
for pattern in LIKES:
    call("like notLike ilike notILike", c("String", *SUBJECTS), k("String", pattern))
call("ilike", c("String", "É", "é", "STRASSE"), k("String", "%é%"))
call("like ilike", c("Nullable(String)", None, "a"), k("String", "a"))
call("like", c("String", "a", "b"), c("String", "a", "%c"))
REGEXES = ["", "a", "^a", "b$", "[a-c]+", "\\d+", "(\\w+), (\\w+)", "a.b", "(?i)hello", "^$", ".", "本", "[[:alpha:]]+", "\\bb\\b", "x.y", "a|b", "[^a]", "(a)(b)?", "\\s", "a{2}", "[\\d,]+", "\\.", "(?:ab)+", "\\x41", "\\pL+", "[[]", "a{", "é?"]
HAYSTACKS = ["", "a", "ab", "aXb", "a,b,c", "Hello, World", "a1b22", "日本語", "x\ny", "HELLO", "aab [x] a{", "v=12;", "é٣", "a b"]
for pattern in REGEXES:
    call("match extract extractAll countMatches" if pattern else "match", c("String", *HAYSTACKS), k("String", pattern))
    plain = not set(pattern) & set("\\.[](){}^$*+?|")
    if pattern != "é?":
        call("replaceRegexpAll replaceRegexpOne", c("String", *HAYSTACKS), k("String", pattern), k("String", "<>" if plain else "<\\0>"))
call("replaceRegexpAll", c("String", "abc"), k("String", "a"), k("String", "<\\0>"), differs="a replacement means the same whether or not the pattern is plain text")
call("replaceRegexpAll", c("String", "日本語"), k("String", "é?"), k("String", "<\\0>"), differs="an empty match never lies within a character")
call("match", c("Nullable(String)", None, "a"), k("String", "a"))
call("match", c("String", "a", "b"), c("String", "^a", "^c"))
call("extract", c("String", "v=12;", "w=1", ""), k("String", "v=([0-9]+)"))
call("regexpExtract", c("String", "100-200", "x"), k("String", "(\\d+)-(\\d+)"), k("Int64", 2))
call("regexpExtract", c("String", "100-200", "x"), k("String", "(\\d+)-(\\d+)"), k("Int64", 0))
call("regexpExtract", c("String", "100-200", "x"), k("String", "(\\d+)-(\\d+)"))
call("extractAllGroups extractAllGroupsVertical extractAllGroupsHorizontal", c("String", "a=1, b=2", "", "c=", "x=9"), k("String", "(\\w)=(\\d?)"))
call("replaceRegexpAll", c("String", "2020-01-02", "x"), k("String", "(\\d+)-(\\d+)-(\\d+)"), k("String", "\\3/\\2/\\1\\\\"))
call("replaceRegexpOne", c("String", "hello", ""), k("String", "l"), k("String", "L"))
call("replaceRegexpAll", c("String", "hello", ""), k("String", "^"), k("String", "> "))
for pattern in ["(", "a(?=b)", "(?<!a)b", "*", "[z-a]", "a\\1"]:
    fails("match", k("String", "ab"), k("String", pattern), returns="UInt8")
fails("replaceRegexpAll", k("String", "ab"), k("String", "a"), k("String", "\\1"))
MULTI = k("Array(String)", ["World$", "^a,", "本"])
call("multiMatchAny multiMatchAnyIndex", c("String", *HAYSTACKS), MULTI)

family("url")
URLS = ["https://www.a.io:8080/p/q?x=1#f", "a.io/p", "http://localhost/x", "//a.io/x", "https://user:pw@a.io:80/", "https://user@a.io/x", "mailto:x@a.io", "", "/p/q?x",
        "https://a.io", "https://a.io?x=1", "https://a.io#f", "ftp://a.b.c./", "https://[::1]:80/", "http://127.0.0.1:80/a", "https://www.a.io./x", "http://a_b.io/",
        "http:///p", "javascript:void(0)", "https://é.fr/x", "android-app://com.x.y/z", "www.www.a.co.uk", "http://a.io/p;x=1", "https://co.uk/", "http://blog.a.co.uk/",
        "a", "http://a b.io/", "about:blank", "https://foo.github.io/", "https://a.io/p?q=http://b.io/x#y?z", "https://sub.example.com.au/x/?a=1&b=&c&a=2#frag?g=1",
        "https://a.io/p?x=1&y=2;z=3#k=4", "https://a.io:99999/", "HTTPS://WWW.A.IO/P", "https://www.a.io/#/route?x=1", "a.b?c.d/e"]
call("protocol domain domainWithoutWWW topLevelDomain firstSignificantSubdomain cutToFirstSignificantSubdomain path pathFull queryString fragment "
     "queryStringAndFragment cutQueryString cutFragment cutQueryStringAndFragment cutWWW port URLHierarchy URLPathHierarchy extractURLParameters extractURLParameterNames",
     c("Nullable(String)", None, *URLS))
call("netloc", c("String", "https://www.a.io/p", "a.io", "http://a.io:80/x", "https://user@a.io/"))
call("netloc", c("String", "https://www.a.io:8080/p/q?x=1#f"), differs="the authority ends at its path, also after a port")
call("cutToFirstSignificantSubdomain", c("String", "https://x.com.foo.bar.compute.amazonaws.com/"), differs="our list of public suffixes is newer")
call("port", c("String", "http://a.io/", "http://a.io:81/"), k("UInt16", 443))
for name in ("x", "y", "a", "k"):
    call("extractURLParameter cutURLParameter", c("String", *URLS, "https://a.io/?xy=1&y=2", "a?y=%20b", "y=1", "a?y", "a?x=1?y=2"), k("String", name))
call("cutURLParameter", c("String", "https://a.io/?x=1&y=2"), k("Array(String)", ["x", "y"]))

family("encode")
call("base64Encode hex encodeURLComponent encodeURLFormComponent encodeXMLComponent", c("Nullable(String)", *N_TEXTS, "<a href='x'>&\"</a>", "~-_.!*'()"))
call("base64Decode", c("String", "", "aGVsbG8=", "5pel5pys6Kqe", "YQ=="))
call("tryBase64Decode", c("String", "", "aGVsbG8=", "!!!", "YQ", "YQ=="))
fails("base64Decode", k("String", "!!!"))
call("unhex", c("String", "", "68656C6C6F", "e697a5", "616", "6c"))
call("hex", c("UInt64", *UINTS))
call("hex", c("Int64", 1, -1))
call("hex", c("UInt8", 0, 15, 255))
call("hex", c("Float64", 1.0, -2.5))
call("hex", c("UUID", U[3]))
call("decodeURLComponent decodeURLFormComponent", c("String", "a%20b", "a+b", "%E6%97%A5", "100%", "%zz", "%2", ""))

family("hash")
call("cityHash64", c("String", *["".join(chr(97 + (i * 7 + n) % 26) for i in range(n)) for n in range(0, 200)]))
call("cityHash64", c("Nullable(String)", *N_TEXTS))
call("cityHash64", c("Int64", *INTS))
call("cityHash64", c("UInt8", 0, 1, 255))
call("cityHash64", c("Float64", 0.0, 1.5, -2.5))
call("cityHash64", c("Date", *DAYS[:4]))
call("cityHash64", c("DateTime64(6, 'UTC')", *MICROS[:4]))
call("cityHash64", c("UUID", *U))
call("cityHash64", c("Float32", 1.5, -2.0))
call("cityHash64", c("Decimal(18, 2)", "1.50", "-2"))
call("cityHash64", c("Decimal(38, 2)", "1.50", "-2"))
call("cityHash64", c("Decimal(9, 2)", "1.50", "-2"))
call("cityHash64", c("Array(String)", [], ["a"], ["a", "b"]))
call("cityHash64", c("Tuple(String, Int64)", ["a", 1], ["b", 2]))
grid("cityHash64", c("String", "a", "b"), c("Int64", 1, 2), c("String", "x"))
call("cityHash64", c("Bool", True, False))

exec(compile(open(__file__.replace("cases.py", "cases_nested.py")).read(), "cases_nested.py", "exec"))
