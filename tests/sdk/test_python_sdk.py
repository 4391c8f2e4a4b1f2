"""The official Python SDK, unchanged but for its host (T88): what it sends is listed at once, once, and for good."""

import collections
import datetime
import logging
import time

import pytest
from posthog import Posthog

from conftest import TOKEN
from relay import Relay

EVENTS = 1_000
IDS = 50
PER_ROUND = 100


MODES = {
    "default": {},
    "gzip": {"gzip": True},
    "v1": {"capture_mode": "v1"},
    "v1 gzip": {"capture_mode": "v1", "capture_compression": "gzip"},
}


@pytest.mark.parametrize("mode", MODES)
def test_a_thousand_events_arrive_exactly_once(server, mode, caplog):
    caplog.set_level(logging.WARNING)
    failures = []
    client = Posthog(TOKEN, host=server.url, on_error=lambda error, batch: failures.append(error), **MODES[mode])
    sent = {
        client.capture("viewed", distinct_id=f"anon-{n % IDS}", properties={"n": n}, groups={"company": f"c{n % 3}"})
        for n in range(EVENTS)
    }
    assert len(sent) == EVENTS
    for n in range(IDS):
        identify = {"$anon_distinct_id": f"anon-{n}", "$set": {"email": f"user-{n}@example.com"}}
        client.capture("$identify", distinct_id=f"user-{n}", properties=identify)
    client.alias("user-0", "alias-0")
    client.group_identify("company", "c0", {"name": "Acme"})
    # Returns once everything sent was acknowledged.
    client.flush()
    total = EVENTS + IDS + 2
    listed, seconds = server.wait_for(total, 1.0)
    assert listed == total, f"{listed} of {total} events listed within a second of the acknowledgement"
    client.shutdown()
    assert failures == []
    assert [record for record in caplog.records if record.name.startswith("posthog")] == []

    def check():
        rows = server.follow("/api/projects/@current/events/?limit=77")
        counts = collections.Counter(row["id"] for row in rows)
        assert max(counts.values()) == 1, "a row came twice"
        assert sent <= counts.keys(), "an event is missing"
        assert len(rows) == total
        viewed = [row for row in rows if row["event"] == "viewed"]
        assert sorted(row["properties"]["n"] for row in viewed) == list(range(EVENTS))
        assert all(row["properties"]["$group_0"] == f"c{row['properties']['n'] % 3}" for row in viewed)
        # Anonymous events read as the identified person.
        assert all(row["person"]["properties"]["email"].startswith("user-") for row in viewed)
        people = server.follow("/api/projects/@current/persons/?limit=20")
        assert len([person for person in people if person["is_identified"]]) == IDS
        first = server.get("/api/projects/@current/persons/?distinct_id=anon-0")["results"][0]
        assert {"anon-0", "user-0"} <= set(first["distinct_ids"])
        mine = server.follow(f"/api/projects/@current/events/?person_id={first['uuid']}&limit=7")
        assert len([row for row in mine if row["event"] == "viewed"]) == EVENTS // IDS

    check()
    server.kill9()
    server.start()
    check()
    assert server.terminate() == 0
    server.start()
    check()


@pytest.mark.parametrize("mode", ["default", "v1"])
def test_events_are_sent_again_after_503_and_none_is_doubled(server, mode):
    relay = Relay(server.url, failures=1)
    failures = []
    client = Posthog(TOKEN, host=relay.url, on_error=lambda error, batch: failures.append(error), **MODES[mode])
    sent = {client.capture("again", distinct_id="u1", properties={"n": n}) for n in range(50)}
    client.flush()
    client.shutdown()
    assert failures == []
    paths, statuses = zip(*relay.captures)
    assert statuses[0] == 503
    assert set(paths) == {"/i/v1/analytics/events" if mode == "v1" else "/batch/"}
    relay.close()
    listed, _ = server.wait_for(50, 5.0)
    rows = server.follow("/api/projects/@current/events/?limit=77")
    assert (listed, {row["id"] for row in rows}, len(rows)) == (50, sent, 50)


def test_a_flag_that_nobody_has_is_off_and_quiet(server, caplog):
    caplog.set_level(logging.WARNING)
    client = Posthog(TOKEN, host=server.url)
    flags = client.evaluate_flags("u1")
    assert not flags.is_enabled("beta")
    client.flush()
    client.shutdown()
    assert [record for record in caplog.records if record.name.startswith("posthog")] == []


def test_questions_count_what_was_acknowledged_while_it_is_sealed_and_compacted(busy_server):
    """Rows move from memory to fresh and to compacted files meanwhile; no question ever sees one twice or misses one."""
    server = busy_server
    question = "select count(), uniq(distinct_id), sum(properties.n), countIf(properties.plan = 'pro') from events"

    def ask():
        answer = server.post("/api/projects/@current/query/", {"query": {"kind": "HogQLQuery", "query": question}})
        return answer["results"][0]

    client = Posthog(TOKEN, host=server.url)
    sent, before = 0, 0
    now = datetime.datetime.now(datetime.timezone.utc)
    while sent < 20 * PER_ROUND or server.metric("hedgerow_compactions_total") < 2:
        assert sent < 500 * PER_ROUND, "nothing was compacted"
        for n in range(sent, sent + PER_ROUND):
            client.capture(
                "viewed", distinct_id=f"user-{n % IDS}", timestamp=now - datetime.timedelta(days=n % 3),
                properties={"n": n, "plan": "pro" if n % 4 == 0 else "free"},
            )
        sent += PER_ROUND
        client.flush()
        start = time.monotonic()
        while (answer := ask())[0] < sent:
            assert before <= answer[0], "a row was gone"
            assert time.monotonic() - start < 1.0, f"{answer[0]} of {sent} events counted a second after the acknowledgement"
            before = answer[0]
        assert answer == [sent, IDS, sent * (sent - 1) // 2, sent // 4]
        before = sent
    client.shutdown()
    assert server.metric("hedgerow_seals_total") > 5
