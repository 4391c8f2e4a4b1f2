"""Hedgerow: a server, asked over HTTP for everything."""

import http.client
import json
import os
import signal
import subprocess
import urllib.parse

import questions
from processes import disk_bytes, measured, settle

# As in bench/src/events.rs and bench/src/server.rs, which fill the data directory.
TOKEN = "phc_benchBenchBenchBenchBenchBenchBenchBenchBen"
KEY = "phx_benchBenchBenchBenchBenchBenchBenchBenchBen"
NOW = "2026-06-30T00:00:00Z"
PROJECT = "/api/projects/@current"
PIECE = 1 << 20


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
            self.queries, self.out = questions.hedgerow(), ids["out"]
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
            "D": newest(before=questions.DEEP.replace(" ", "T") + "Z"),
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
        return self.send("GET", path, None).read()

    def query(self, query):
        """The answer to a query that is computed now, whatever was answered before."""
        return self.send("POST", f"{PROJECT}/query/", {"query": query, "refresh": "force_blocking"}).read()

    def export(self, query):
        """Writes the answer as lines of JSON and tells its size."""
        response = self.send("POST", f"{PROJECT}/query/", {"query": query}, accept="application/x-ndjson")
        with open(self.out, "wb") as file:
            while piece := response.read(PIECE):
                file.write(piece)
            return file.tell()

    def send(self, method, path, content, accept="application/json"):
        headers = {"Authorization": f"Bearer {KEY}", "Accept": accept}
        body = None
        if content is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(content)
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"{path} was answered {response.status}: {response.read()[:300]!r}")
        return response

    def ask(self, question):
        try:
            if question in self.paths:
                body, cost = measured(self.process.pid, lambda: self.get(self.paths[question]))
            elif question == "Q13":
                size, cost = measured(self.process.pid, lambda: self.export(self.queries[question]))
                return cost | {"bytes": size}
            else:
                body, cost = measured(self.process.pid, lambda: self.query(self.queries[question]))
        except (RuntimeError, OSError, http.client.HTTPException) as error:
            self.connection.close()
            return {"error": str(error)[:400]}
        answer = json.loads(body)
        if question in self.queries:
            return cost | {"text": questions.hedgerow_rows(question, answer["results"])}
        if question == "V":
            return cost | {"text": "".join(f"{entry['name']}\n" for entry in answer)}
        rows = [answer] if question == "Q11" else answer["results"]
        return cost | {"uuids": [row["id"] for row in rows]}

    def close(self):
        """Stops the server in order, so that the directory is free."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()

