"""The events that the differential suite asks about: `events.jsonl`, one request to `/batch/` a line.

Deterministic: `python dataset.py` writes the same file every time. Odd values are the point: conflicting types under one name,
numbers at their limits and in unusual spellings, empty and `null` texts, quotes, escapes, every plane of Unicode, names with dots,
deep documents, persons that are merged, groups that change, days on which clocks are put back.
"""

import json
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
EVENTS = HERE / "events.jsonl"
NOW = "2026-01-19T12:00:00Z"
#: Instants of the first and the last event, in seconds; clocks in New York are put back on 2025-11-02.
FIRST, LAST = 1761955200, 1768800000
COUNT = 2400
BATCH = 200

NAMES = ["$pageview"] * 9 + ["purchase"] * 4 + ["signup", "$autocapture", "$autocapture", "$screen", "Événement «é»", "it's", "a,b|c", "$pageleave"]
BROWSERS = ["Chrome"] * 4 + ["Firefox", "Firefox", "Safari", "null", "", "Edge"]
CURRENCIES = ["USD", "EUR", "usd", "¥", "gbp"]
HOSTS = ["https://www.a.io", "http://blog.a.co.uk:8080", "https://b.example.com", "https://user:pw@münchen.example"]
PATHS = ["/", "/home", "/pricing/", "/docs/intro?x=1&utm_source=news", "/a%20b?q=%C3%A9#frag", "/p/1/2;v=3"]
ODD_TEXT = ["", " ", "null", "NULL", "true", "0", "-1", "12.5", "1e3", "nan", "inf", "a,b", "it's", 'say "hi"', "back\\slash", "line\nbreak", "tab\there",
            "%", "_", "100%_sure", "Ünï", "日本語テキスト", "👩‍👩‍👧 family", "ǅ", "ß", "İstanbul", "ZZ", "zz", "[1,2]", '{"a":1}', "\u0001", "é"]
ODD_NUMBER = ["0", "-0.0", "1", "-1", "255", "256", "65536", "2147483648", "9007199254740993", "9223372036854775807", "-9223372036854775808",
              "18446744073709551615", "1.50", "1e3", "2.5E-7", "0.1", "0.30000000000000004", "1e300", "-1.0", "123456789.987654321"]
ODD_PRICE = ['"20.5"', '"abc"', "null", "true", '""', '" 1"', '"1e2"', "[1]", '{"a":1}', '"-0"']
DATES = ["2026-01-09T10:00:00Z", "2026-01-09 10:00:00", "2026-01-09", "2025-11-02T05:30:00Z", "2026-01-09T10:00:00.123456+05:30", "not a date", ""]
TAGS = ["x", "y", "z", "", "é", "x,y", "it's"]
CHAINS = ['a.btn:href="/buy"nth-child="1"text="Buy now"attr_id="b1";div:nth-child="2"', 'button:text="Ok ✓"nth-of-type="1"', 'input:attr_id="mail"', ""]
PLANS = ["pro", "free", "Free", "", "null", "team"]


class Raw(str):
    """JSON as it is to be written."""


def dumps(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def iso(micros):
    seconds, fraction = divmod(micros, 1_000_000)
    days, rest = divmod(seconds, 86_400)
    import datetime
    date = datetime.date(1970, 1, 1) + datetime.timedelta(days)
    text = f"{date}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{text}.{fraction:06}Z" if fraction else text + "Z"


def number(r):
    kind = r.random()
    if kind < 0.5:
        return r.randint(-20, 120)
    if kind < 0.8:
        return Raw(f"{r.randint(-5000, 20000) / 100}")
    return Raw(r.choice(ODD_NUMBER))


def person_set(r, who):
    out = {}
    if r.random() < 0.7:
        out["plan"] = r.choice(PLANS)
    if r.random() < 0.5:
        out["email"] = f"{who.lower()}@{r.choice(['x.com', 'y.org'])}"
    if r.random() < 0.5:
        out["age"] = r.choice([18, 31, 31, 64, Raw("40.5")])
    if r.random() < 0.1:
        out["address"] = {"city": r.choice(["Zürich", "Oslo"]), "zip": r.choice(["0150", 8001])}
    return out


def properties(r, name, who):
    p = {}
    if r.random() < 0.85:
        p["$browser"] = r.choice(BROWSERS) if r.random() < 0.95 else None
    if name == "purchase" or r.random() < 0.25:
        p["price"] = number(r) if r.random() < 0.85 else Raw(r.choice(ODD_PRICE))
    if name == "purchase":
        p["currency"] = r.choice(CURRENCIES)
        p["items"] = [{"sku": r.choice(["A1", "B2", "C é"]), "qty": r.randint(0, 3)} for _ in range(r.randint(0, 3))]
    if name in ("$pageview", "$pageleave") or r.random() < 0.1:
        p["$current_url"] = r.choice(HOSTS) + r.choice(PATHS)
        if r.random() < 0.5:
            p["$pathname"] = r.choice(PATHS).split("?")[0]
        if r.random() < 0.3:
            p["$referring_domain"] = r.choice(["$direct", "www.google.com", "t.co", "news.ycombinator.com", ""])
        if r.random() < 0.2:
            p["utm_source"] = r.choice(["google", "newsletter", "Facebook", "null"])
        if r.random() < 0.2:
            p["utm_medium"] = r.choice(["cpc", "email", "social", "affiliate"])
    if name == "$autocapture":
        p["$elements_chain"] = r.choice(CHAINS)
    if r.random() < 0.3:
        p["is_vip"] = r.choice([True, False, True, "true", "false", 1, None, "yes"])
    if r.random() < 0.25:
        p["signup_at"] = r.choice(DATES)
    if r.random() < 0.4:
        p["tags"] = [r.choice(TAGS) for _ in range(r.randint(0, 4))]
    if r.random() < 0.3:
        p["nums"] = [r.choice([0, 1, 2, 3.5, -4, 10, 1000000]) for _ in range(r.randint(0, 5))]
    if r.random() < 0.3:
        p["nested"] = {"a": {"b": r.choice(ODD_TEXT), "c": [r.randint(0, 9), "k"]}, "n": r.randint(-3, 9)}
    if r.random() < 0.35:
        p["odd"] = r.choice(ODD_TEXT) if r.random() < 0.7 else Raw(r.choice(ODD_NUMBER + ["true", "false", "null", "[1, 2.50]", '{"b": 1, "a": [null]}']))
    if r.random() < 0.3:
        p["n"] = r.randint(-10, 10)
    if r.random() < 0.1:
        p["a.b"] = r.choice(["dot", 7])
    if r.random() < 0.05:
        p["sp ace'd"] = r.choice(["q", "w"])
    if r.random() < 0.5:
        p["$groups"] = {"company": r.choice(["acme", "beta", "gamma é", "nobody"])}
        if r.random() < 0.3:
            p["$groups"]["project"] = r.choice(["p1", "p2"])
    if r.random() < 0.25:
        p["$set"] = person_set(r, who)
    if r.random() < 0.05:
        p["$set_once"] = {"first": r.choice(["ad", "search"])}
    return p


def events():
    r = random.Random(20260119)
    people = [f"user-{n}" for n in range(60)] + ["Ünï-1", "日本", "quote'd", "anon-1", "anon-2", "anon-3", "anon-4"]
    micros = sorted({r.randrange(FIRST * 1_000_000, LAST * 1_000_000) if r.random() < 0.6 else r.randrange(FIRST, LAST) * 1_000_000 for _ in range(COUNT)})
    sessions = {}
    out = []

    def add(name, who, at, p):
        n = len(out) + 1
        out.append({"uuid": f"0190a000-0000-7000-8000-{n:012d}", "event": name, "distinct_id": who, "timestamp": iso(at), "properties": p})

    start = FIRST * 1_000_000
    # The first value decides the type of a property.
    add("first", "user-0", start, {"odd": "text", "signup_at": "2026-01-09T10:00:00Z"})
    for key, values in (("acme", {"tier": "gold", "seats": 10, "name": "Acme é"}), ("beta", {"tier": "tin", "seats": Raw("2.5")}), ("gamma é", {"tier": "", "seats": "many"})):
        add("$groupidentify", "user-0", start, {"$group_type": "company", "$group_key": key, "$group_set": values})
    add("$groupidentify", "user-0", start + 1, {"$group_type": "project", "$group_key": "p1", "$group_set": {"name": "One"}})
    for at in micros:
        name = r.choice(NAMES)
        who = people[min(int(r.expovariate(1 / 14)), len(people) - 1)]
        p = properties(r, name, who)
        last = sessions.get(who)
        if last is None or at - last[1] > 3 * 3_600_000_000 or r.random() < 0.1:
            last = (f"0190a000-0000-7000-9000-{len(out):012d}", at)
        sessions[who] = (last[0], at)
        if r.random() < 0.8:
            p["$session_id"] = last[0]
            if r.random() < 0.5:
                p["$window_id"] = f"w{r.randint(1, 3)}"
        if r.random() < 0.01:
            p["$process_person_profile"] = False
            p.pop("$set", None), p.pop("$set_once", None)
        add(name, who, at, p)
        if r.random() < 0.03 and p.get("$session_id"):
            # Several within one session, some of them at the same instant.
            for n in range(r.randint(1, 4)):
                add("$pageview", who, at + n * r.choice([0, 1_000_000, 7_500_000]), {"$session_id": p["$session_id"], "$current_url": r.choice(HOSTS) + r.choice(PATHS)})
    end = LAST * 1_000_000
    add("$identify", "user-1", end, {"$anon_distinct_id": "anon-1", "$set": {"plan": "pro", "email": "user-1@x.com"}})
    add("$create_alias", "user-2", end + 1, {"alias": "anon-2"})
    add("$identify", "user-3", end + 2, {"$anon_distinct_id": "anon-3"})
    add("$groupidentify", "user-0", end + 3, {"$group_type": "company", "$group_key": "acme", "$group_set": {"seats": 12}})
    return out


def main():
    rows = events()
    lines = [dumps(rows[at:at + BATCH]) for at in range(0, len(rows), BATCH)]
    EVENTS.write_text("\n".join(lines) + "\n")
    print(len(rows), "events,", EVENTS.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
