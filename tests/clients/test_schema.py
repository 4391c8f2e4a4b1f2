"""schemathesis asks everything that the served document describes, in ways it allows and in ways it does not."""

import json
import os
import subprocess

import pytest

from conftest import KEY, TOKEN

SCHEMATHESIS = os.environ.get("HEDGEROW_SCHEMATHESIS", "")
# A longer run with another seed asks for more.
SECONDS = os.environ.get("HEDGEROW_SCHEMATHESIS_SECONDS", "100")
SEED = os.environ.get("HEDGEROW_SCHEMATHESIS_SEED", "6")
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
]
# Its alias is the same code: asking it as well would only take time.
ALIAS = "^/api/environments/"

pytestmark = pytest.mark.skipif(
    not os.path.exists(SCHEMATHESIS), reason="schemathesis is not installed: see scripts/sdk-tests.sh"
)


def fill(server):
    """Something of everything, so that there are answers to be checked; and what it is called."""
    batch = [
        {
            "event": f"e{n % 3}",
            "distinct_id": f"u{n % 40}",
            "properties": {"n": n, "$set": {"email": f"u{n % 40}@example.com"}, "$groups": {"company": "acme"}},
        }
        for n in range(200)
    ]
    group = {"$group_type": "company", "$group_key": "acme", "$group_set": {"name": "Acme"}}
    batch.append({"event": "$groupidentify", "distinct_id": "g", "properties": group})
    batch.append({"event": "$identify", "distinct_id": "id", "properties": {"$anon_distinct_id": "guest"}})
    server.post("/batch/", {"api_key": TOKEN, "batch": batch})
    leaf = {"type": "person", "key": "email", "value": "u1@example.com", "operator": "exact"}
    filters = {"properties": {"type": "OR", "values": [{"type": "AND", "values": [leaf]}]}}
    cohorts = [
        server.post("/api/projects/1/cohorts/", {"name": "dynamic", "filters": filters}),
        server.post("/api/projects/1/cohorts/", {"name": "static", "is_static": True}),
    ]
    actions = [server.post("/api/projects/1/actions/", {"name": "a", "steps": [{"event": "e1"}]})]
    server.wait_until_ingested()
    asked = {"query": {"kind": "HogQLQuery", "query": "SELECT event, count() FROM events GROUP BY event"}, "refresh": "async"}
    queries = [server.post("/api/projects/1/query/", asked)["query_status"]["id"]]
    # The key it works with must live: what is done to a key is done to another one.
    spare = server.post("/api/personal_api_keys/", {"label": "spare", "scopes": ["query:read"]})["id"]

    def listed(path):
        return server.get(f"/api/projects/1/{path}/?limit=100")["results"]

    names = {
        "events": [row["id"] for row in listed("events")],
        "persons": [row["uuid"] for row in listed("persons")],
        "event_definitions": [row["id"] for row in listed("event_definitions")],
        "property_definitions": [row["id"] for row in listed("property_definitions")],
        "cohorts": [str(row["id"]) for row in cohorts],
        "actions": [str(row["id"]) for row in actions],
        "query": queries,
    }
    return names, spare


def configuration(names, spare):
    """The one project, and ids that exist most of the time."""
    lines = []
    for name, values in names.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines += ["[parameters]", 'project = "1"', 'organization = "@current"']
    for name in names:
        lines += ["[[operations]]", f"include-path-regex = '/{name.rstrip('s')}s?/\\{{id\\}}'"]
        lines += ["[operations.parameters]", f'id = {{ dictionary = "{name}", probability = 0.85 }}']
    lines += ["[[operations]]", "include-path-regex = '/personal_api_keys/\\{id\\}'", "[operations.parameters]", f'id = "{spare}"']
    return "\n".join(lines) + "\n"


def test_answers_are_as_the_document_says(server):
    settings = server.directory / "schemathesis.toml"
    settings.write_text(configuration(*fill(server)))
    done = subprocess.run(
        [
            SCHEMATHESIS, "--config-file", str(settings), "run", server.url + "/api/schema/",
            "--header", f"Authorization: Bearer {KEY}", "--checks", ",".join(CHECKS), "--exclude-path-regex", ALIAS,
            "--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--max-time", SECONDS, "--seed", SEED,
            "--request-timeout", "30", "--continue-on-failure", "--generation-database", "none", "--no-color",
        ],
        cwd=server.directory, capture_output=True, text=True, timeout=int(SECONDS) + 120,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    # A run that was refused everything, or found nothing, shows nothing.
    assert "Authentication failed" not in done.stdout, done.stdout[-5_000:]
    assert server.get("/api/users/@me/")["email"] == "owner@localhost"
