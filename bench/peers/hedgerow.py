"""Hedgerow in its two forms: a server that is asked over HTTP, and an engine that is asked directly."""

import http.client
import json
import os
import signal
import subprocess
import urllib.parse

import questions
from processes import Child, disk_bytes, measured, settle

# As in bench/src/events.rs and bench/src/server.rs, which fill the data directory.
TOKEN = "phc_benchBenchBenchBenchBenchBenchBenchBenchBen"
KEY = "phx_benchBenchBenchBenchBenchBenchBenchBenchBen"
NOW = "2026-06-30T00:00:00Z"
PROJECT = "/api/projects/@current"


def load(bench, binary, directory, bodies):
    """Fills an empty directory through capture; returns what `bench load` tells, and what lies on the disk."""
    command = [bench, "load", "--hedgerow", binary, "--dir", directory, "--bodies", bodies]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    account = json.loads(done.stdout)
    sizes = {name: disk_bytes(os.path.join(directory, name)) for name in sorted(os.listdir(directory))}
    # What grows with events: files, indexes and metadata. The log is bounded and the ballast constant.
    growing = sum(size for name, size in sizes.items() if name == "segments" or name.startswith("meta.sqlite"))
    return account | {"sizes": sizes, "bytes": growing}


class Server:
    """A server on a loaded directory, whose clock stands at the end of the data."""

    def __init__(self, binary, directory, ids):
        environment = os.environ | {"HEDGEROW_PROJECT_TOKEN": TOKEN, "HEDGEROW_PERSONAL_API_KEY": KEY}
        command = [binary, "serve", "--data-dir", directory, "--listen", "127.0.0.1:0", "--clock", NOW]
        with open(directory + ".stderr", "a") as log:
            self.process = subprocess.Popen(
                [*command, "--query-threads", "2"], stdout=subprocess.PIPE, stderr=log, env=environment, text=True
            )
        first = self.process.stdout.readline()
        _, found, address = first.partition("http://")
        if not found:
            self.close()
            raise RuntimeError(f"the server did not start (it said {first!r}); see {directory}.stderr")
        self.connection = http.client.HTTPConnection(address.strip(), timeout=600)
        try:
            # Work left over from loading is not to be measured with the questions.
            settle(self.process.pid)
            self.paths = self.question_paths(ids)
        except Exception:
            self.close()
            raise

    def question_paths(self, ids):
        def newest(**conditions):
            query = {"limit": 100, "after": "all"} | conditions
            return f"{PROJECT}/events/?{urllib.parse.urlencode(query)}"

        rare = {"key": questions.RARE_KEY, "value": questions.RARE_VALUE, "operator": "exact"}
        values = urllib.parse.urlencode({"key": "$current_url", "value": questions.URL_PART})
        return {
            "Q8": newest(),
            "Q9": newest(distinct_id=ids["distinct_id"]),
            "Q10": newest(properties=json.dumps([rare])),
            "Q11": f"{PROJECT}/events/{ids['uuid']}/",
            "P": newest(person_id=self.person_id(ids["person_distinct_id"])),
            "V": f"{PROJECT}/events/values/?{values}",
        }

    def person_id(self, distinct_id):
        """The id Hedgerow gave the person; its own, for those of the generated rows are not sent."""
        query = urllib.parse.urlencode({"distinct_id": distinct_id})
        found = json.loads(self.get(f"{PROJECT}/persons/?{query}"))["results"]
        return found[0]["uuid"] if found else "00000000-0000-0000-0000-000000000000"

    def get(self, path):
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
        response = self.connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} was answered {response.status}: {body[:300]!r}")
        return body

    def ask(self, question):
        try:
            body, cost = measured(self.process.pid, lambda: self.get(self.paths[question]))
        except (RuntimeError, OSError, http.client.HTTPException) as error:
            self.connection.close()
            return {"error": str(error)[:400]}
        answer = json.loads(body)
        if question == "V":
            return cost | {"text": "".join(f"{entry['name']}\n" for entry in answer)}
        rows = [answer] if question == "Q11" else answer["results"]
        return cost | {"uuids": [row["id"] for row in rows]}

    def close(self):
        """Stops the server in order, so that the directory is free."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()


def engine(binary, directory, ids_file):
    """The engine on a directory that no server has open."""
    return Child([binary, "--data-dir", directory, "--ids", ids_file])
