"""The official Rust SDK, unchanged but for its host (T88), in both of its protocols."""

import json
import os
import pathlib
import subprocess

import pytest

from checks import check_fixed_events
from conftest import TOKEN
from relay import Relay

PROGRAMS = pathlib.Path(os.environ.get("HEDGEROW_RUST_SDK", ""))

pytestmark = pytest.mark.skipif(
    not (PROGRAMS / "v0").exists(), reason="posthog-rs could not be built: see scripts/sdk-tests.sh"
)


def run(mode, host):
    done = subprocess.run([PROGRAMS / mode, host, TOKEN], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr.splitlines()


@pytest.mark.parametrize("mode", ["v0", "v1"])
def test_events_arrive_exactly_once(server, mode):
    told, complaints = run(mode, server.url)
    assert (told, complaints) == ({"flag": False}, [])
    check_fixed_events(server, {"$feature_flag_called": 1})


@pytest.mark.parametrize("mode", ["v0", "v1"])
def test_events_are_sent_again_after_503_and_none_is_doubled(server, mode):
    relay = Relay(server.url, failures=1)
    _, complaints = run(mode, relay.url)
    relay.close()
    assert [complaint for complaint in complaints if complaint.startswith("error")] == []
    assert [status for _, status in relay.captures].count(503) == 1
    check_fixed_events(server, {"$feature_flag_called": 1})
