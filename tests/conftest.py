"""Starts the real binary for the suites that use other people's clients and readers."""

import json
import os
import pathlib
import subprocess
import time
import urllib.request

import pytest

TOKEN = "phc_test"
KEY = "phx_test"


class Server:
    """A Hedgerow process on a directory of its own."""

    def __init__(self, directory: pathlib.Path, *flags: str):
        self.directory = directory
        self.flags = flags
        self.start()

    def start(self):
        environment = os.environ | {"HEDGEROW_PROJECT_TOKEN": TOKEN, "HEDGEROW_PERSONAL_API_KEY": KEY}
        self.log = open(self.directory / "stderr", "a")
        self.process = subprocess.Popen(
            [os.environ["HEDGEROW_BIN"], "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.directory / "data"),
             *self.flags],
            stdout=subprocess.PIPE, stderr=self.log, env=environment, cwd=self.directory, text=True,
        )
        first = self.process.stdout.readline().strip()
        assert first.startswith("Hedgerow is listening on "), (first, (self.directory / "stderr").read_text())
        self.url = first.removeprefix("Hedgerow is listening on ")

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.terminate()
        return self.process.wait(timeout=30)

    def get(self, path: str):
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def post(self, path: str, body):
        """What a JSON body is answered with; capture paths do not look at the key."""
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def follow(self, path: str):
        """Every row from the list at `path` on, following `next` as it is."""
        rows = []
        while path:
            page = self.get(path)
            rows += page["results"]
            path = page["next"]
        return rows

    def metric(self, name: str) -> float:
        """One figure of /metrics."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=60) as response:
            lines = response.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))

    def wait_until(self, is_so, seconds: float):
        """Waits until `is_so` returns true."""
        start = time.monotonic()
        while not is_so():
            assert time.monotonic() - start < seconds, "it did not happen in time"
            time.sleep(0.01)

    def wait_until_ingested(self):
        """Waits until everything that was acknowledged can be listed."""
        self.wait_until(lambda: self.metric("hedgerow_ingest_lag_records") == 0, 120)

    def wait_for(self, count: int, seconds: float):
        """Waits until that many events are listed; the time it took."""
        start = time.monotonic()
        while True:
            rows = self.get(f"/api/projects/@current/events/?limit={count + 1}")["results"]
            took = time.monotonic() - start
            if len(rows) >= count or took > seconds:
                return len(rows), took
            time.sleep(0.01)


@pytest.fixture
def busy_server(tmp_path):
    """A server that seals all the time, so that there is always something to compact."""
    running = Server(tmp_path, "--seal-interval-ms", "100")
    yield running
    running.process.kill()
    running.process.wait()


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path)
    yield running
    running.process.kill()
    running.process.wait()
