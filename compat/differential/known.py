"""Differences from ClickHouse that are meant, by what tells them; each has a row in docs/compatibility.md."""


def reason(query, ours, theirs, how):
    return None
