"""Differences from ClickHouse that are meant, by what tells them; each has a row in docs/compatibility.md."""

import math
import re

#: What only ClickHouse refuses, by a part of its message.
REFUSED = {
    "ZERO_ARRAY_OR_TUPLE_INDEX": "element 0 of an array is its default",
    "NO_COMMON_TYPE": "numbers of 64 bits have a common type with others",
    "ILLEGAL_DIVISION": "division of the smallest number by -1, and gcd with 0",
    "Intermediate result overflow": "division of the smallest number by -1, and gcd with 0",
}


def near(one, other):
    return isinstance(one, (int, float)) and isinstance(other, (int, float)) and math.isclose(one, other, rel_tol=1e-3)


def reason(query, ours, theirs, how):
    """Why `ours` is not `theirs`, or None."""
    if how == "only ClickHouse refuses":
        return next((why for word, why in REFUSED.items() if word in theirs["error"]), None)
    if how != "rows":
        return None
    cells = [pair for mine, right in zip(ours["rows"], theirs["rows"]) for pair in zip(mine, right) if pair[0] != pair[1]]
    if any("\ufffd" in str(right) for _, right in cells):
        return "half a character is U+FFFD"
    spread = re.search(r"(stddev|var|covar|corr)(Pop|Samp)?\(", query["query"])
    if spread and all(right in (0, None) and mine is None or near(mine, right) for mine, right in cells):
        return "the spread of numbers whose squares overflow, or drown all others"
    if "avgIf(toInt(" in query["query"] or "avg(toInt(" in query["query"]:
        return "the mean of whole numbers does not wrap round"
    if any("2149-" in str(right) for _, right in cells):
        return "a day before 1970 is that day"
    zones = re.findall(r"toDateTime\('[^']*', '([^']+)'\)", query["query"])
    if re.search(r"(dateDiff|age)\('(hour|minute)'", query["query"]) and len({*zones, query["zone"]}) > 1:
        return "hours between times of two zones are those that pass"
    return None
