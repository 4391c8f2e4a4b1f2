"""Airbyte's PostHog source, unpatched: copies two projects whole, and then only what is new.

It pages through windows of thirty days with limit and offset, so it needs pages as long as it asks for, and an order that
does not change between them.
"""

import collections
import datetime
import json
import os
import subprocess
import uuid

import pytest

from conftest import KEY, TOKEN

SOURCE = os.environ.get("HEDGEROW_AIRBYTE", "")
DAYS = 120
EVENTS = {1: 30_000, 2: 20_000}
PERSONS = 450
BATCH = 1_000
EMPTY = {"annotations", "insights", "feature_flags"}

pytestmark = pytest.mark.skipif(not os.path.exists(SOURCE), reason="Airbyte's source is not installed: see scripts/sdk-tests.sh")


class Source:
    """The connector's program, with a configuration of its own."""

    def __init__(self, directory, url, start):
        self.directory = directory
        self.config = self.write("config.json", {"api_key": KEY, "base_url": url, "start_date": f"{start:%Y-%m-%dT%H:%M:%SZ}"})

    def write(self, name, content):
        path = self.directory / name
        path.write_text(json.dumps(content))
        return str(path)

    def run(self, command, *arguments):
        """The messages of one run, by type."""
        done = subprocess.run(
            [SOURCE, command, "--config", self.config, *arguments], cwd=self.directory, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        messages = collections.defaultdict(list)
        for line in done.stdout.splitlines():
            message = json.loads(line)
            messages[message["type"]].append(message)
        complaints = [log for log in messages["LOG"] if log["log"]["level"] in ("WARN", "ERROR", "FATAL")]
        assert complaints == []
        return messages

    def read(self, catalog, state):
        """The records by stream, and the state after them."""
        messages = self.run("read", "--catalog", catalog, "--state", self.write("state.json", state))
        records = collections.defaultdict(list)
        for message in messages["RECORD"]:
            records[message["record"]["stream"]].append(message["record"]["data"])
        states = {message["state"]["stream"]["stream_descriptor"]["name"]: message["state"] for message in messages["STATE"]}
        return records, list(states.values())


def history(project, start):
    """The events of a project: every seventh at the same instant as the one before it."""
    count = EVENTS[project]
    step = datetime.timedelta(days=DAYS) / count
    for number in range(count):
        at = start + step * (number - (number % 7 == 1)) + datetime.timedelta(microseconds=137)
        yield event(project, number, at)


def event(project, number, at):
    person = number % PERSONS
    return {
        "event": f"e{number % 5}",
        "distinct_id": f"p{project}-{person}",
        "uuid": str(uuid.UUID(int=(project << 96) | (7 << 76) | (8 << 60) | number)),
        "timestamp": at.isoformat(),
        "properties": {"n": number, "$set": {"number": person}},
    }


def send(server, token, events):
    for first in range(0, len(events), BATCH):
        server.post("/batch/", {"api_key": token, "batch": events[first : first + BATCH]})


def cohort(server, project, name, number):
    leaf = {"type": "person", "key": "number", "operator": "lt", "value": number}
    filters = {"properties": {"type": "OR", "values": [{"type": "AND", "values": [leaf]}]}}
    return server.post(f"/api/projects/{project}/cohorts/", {"name": name, "filters": filters})["id"]


def configured(catalog):
    """Every stream that was discovered, incremental where it can be."""
    streams = []
    for stream in catalog["streams"]:
        mode = "incremental" if "incremental" in stream["supported_sync_modes"] else "full_refresh"
        streams.append({"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"})
    return {"streams": streams}


def ids(records):
    counts = collections.Counter(str(record["id"]) for record in records)
    assert max(counts.values(), default=1) == 1, "a record came twice"
    return counts.keys()


def test_two_projects_are_copied_whole_and_then_what_is_new(server, tmp_path):
    other = server.post("/api/projects/", {"name": "Other"})
    assert other["id"] == 2
    tokens = {1: TOKEN, 2: other["api_token"]}
    start = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(days=DAYS, hours=1)
    sent = {project: list(history(project, start)) for project in EVENTS}
    for project, events in sent.items():
        send(server, tokens[project], events)
    server.wait_until_ingested()
    cohorts = {cohort(server, project, f"c{number}", number) for project in EVENTS for number in (10, 20, 30)}

    source = Source(tmp_path, server.url, start - datetime.timedelta(days=1))
    [check] = source.run("check")["CONNECTION_STATUS"]
    assert check["connectionStatus"]["status"] == "SUCCEEDED"
    [found] = source.run("discover")["CATALOG"]
    names = {stream["name"] for stream in found["catalog"]["streams"]}
    assert names == {"projects", "cohorts", "persons", "events"} | EMPTY
    catalog = source.write("catalog.json", configured(found["catalog"]))

    records, state = source.read(catalog, [])
    assert ids(records["projects"]) == {"1", "2"}
    assert ids(records["cohorts"]) == {str(number) for number in cohorts}
    assert {record["count"] for record in records["cohorts"]} == {10, 20, 30}
    people = collections.Counter(record["distinct_ids"][0].split("-")[0] for record in records["persons"])
    assert (people, len(ids(records["persons"]))) == ({"p1": PERSONS, "p2": PERSONS}, 2 * PERSONS)
    expected = {event["uuid"]: event for events in sent.values() for event in events}
    assert ids(records["events"]) == expected.keys()
    for record in records["events"]:
        original = expected[record["id"]]
        assert (record["event"], record["properties"]["n"]) == (original["event"], original["properties"]["n"])
    assert not EMPTY & records.keys()

    # The last window is read again from the last event on, and nothing of before.
    new = {project: [event(project, EVENTS[project] + n, datetime.datetime.now(datetime.timezone.utc)) for n in range(20)] for project in EVENTS}
    for project, events in new.items():
        send(server, tokens[project], events)
    server.wait_until_ingested()
    records, _ = source.read(catalog, state)
    assert ids(records["events"]) == {event["uuid"] for events in new.values() for event in events}
