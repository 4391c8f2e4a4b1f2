"""PostHog's JavaScript SDKs, unchanged but for their host (T88): on a server, and in a real browser on a page of another origin."""

import collections
import functools
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import threading

import pytest

from checks import check_fixed_events
from conftest import TOKEN
from relay import Relay

NODE = pathlib.Path(__file__).parent / "node"
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
ARRAY_JS = pathlib.Path(__file__).parents[2] / "crates/api/assets/posthog-js/array.js"

needs_node = pytest.mark.skipif(
    not (NODE / "node_modules/posthog-node").exists(), reason="node or its packages are not installed: see scripts/sdk-tests.sh"
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: on Debian, 'apt-get install chromium'")


def run(script, *arguments, **variables):
    done = subprocess.run(
        ["node", script, *arguments], cwd=NODE, env=os.environ | variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_node(server, package):
    # The newer library also tells that a flag was asked for.
    check_fixed_events(server, {"$feature_flag_called": 1} if package == "posthog-node" else {})


@needs_node
@pytest.mark.parametrize("package, mode", [("posthog-node", "v0"), ("posthog-node", "v1"), ("posthog-node-2024", "v0")])
def test_node_events_arrive_exactly_once(server, package, mode):
    told = run("events.mjs", package, server.url, TOKEN, POSTHOG_CAPTURE_MODE=mode)
    assert told["complaints"] == []
    assert told["flag"] in (False, None)
    check_node(server, package)


@needs_node
@pytest.mark.parametrize("mode", ["v0", "v1"])
def test_node_sends_again_after_503_and_nothing_is_doubled(server, mode):
    relay = Relay(server.url, failures=1)
    told = run("events.mjs", "posthog-node", relay.url, TOKEN, POSTHOG_CAPTURE_MODE=mode)
    assert [complaint for complaint in told["complaints"] if "error event" in complaint] == []
    paths, statuses = zip(*relay.captures)
    assert statuses[0] == 503
    assert set(paths) == {"/i/v1/analytics/events" if mode == "v1" else "/batch/"}
    relay.close()
    check_node(server, "posthog-node")


@needs_node
def test_node_sends_less_at_a_time_after_413_and_nothing_is_lost_or_doubled(server):
    relay = Relay(server.url, failures=0)
    told = run("events.mjs", "posthog-node", relay.url, TOKEN, POSTHOG_CAPTURE_MODE="v0", TOO_LARGE="1")
    statuses = [status for _, status in relay.captures]
    relay.close()
    # From a full batch to the one event that is too large: 100, 50, 25, 12, 6, 3, 1.
    assert statuses.count(413) == 7 and set(statuses) == {200, 413}, statuses
    assert any("413" in complaint for complaint in told["complaints"]), told["complaints"]
    check_node(server, "posthog-node")


# What the snippet does, in our own words: remember calls until the library is there and takes over.
SNIPPET = """
<script>
  const waiting = (window.posthog = []);
  waiting.__SV = 1;
  waiting._i = [["TOKEN", CONFIG, "posthog"]];
  waiting.people = [];
</script>
<script src="HOST/static/array.js"></script>
"""
PACKAGE = """
<script type="module">
  import posthog from "/node_modules/posthog-js/dist/module.js";
  posthog.init("TOKEN", CONFIG);
  window.posthog = posthog;
</script>
"""
PAGE = """<!doctype html><title>Shop</title><button id="buy">Buy</button>
<script>
  window.onStart = (posthog) => { window.anonymous = posthog.get_distinct_id(); window.started = true; };
</script>
INSTALL
"""


def page(install, host):
    config = """{api_host: "HOST", loaded: window.onStart, opt_out_useragent_filter: true}"""
    html = PAGE.replace("INSTALL", install).replace("CONFIG", config)
    return html.replace("TOKEN", TOKEN).replace("HOST", host)


class Site:
    """Serves one page and the packages, on an origin of its own."""

    def __init__(self, html):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                if self.path.startswith("/node_modules/"):
                    return super().do_GET()
                body = html.encode() if self.path == "/" else b""
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=NODE))
        self.server.daemon_threads = True
        # Another name than the server's, so that it is another site too.
        self.url = f"http://localhost:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def visit(server, install, host, patience="4000"):
    site = Site(page(install, host))
    try:
        told = run("browser.mjs", site.url, CHROMIUM, PATIENCE_MS=patience)
    finally:
        site.close()
    expected = {
        "$pageview": 1, "$autocapture": 1, "bought": 1, "$identify": 1, "$groupidentify": 1, "bought again": 1,
        "last words": 1, "$pageleave": 1,
    }
    server.wait_for(sum(expected.values()), 5.0)
    rows = server.follow("/api/projects/@current/events/?limit=77")
    assert collections.Counter(row["event"] for row in rows) == expected
    assert max(collections.Counter(row["id"] for row in rows).values()) == 1
    [person] = server.get("/api/projects/@current/persons/?distinct_id=user-1")["results"]
    assert set(person["distinct_ids"]) == {"user-1", told["anonymous"]}
    mine = server.follow(f"/api/projects/@current/events/?person_id={person['uuid']}&limit=7")
    assert len(mine) == len(rows), "anonymous events read as those of the person that was identified"
    click = next(row for row in rows if row["event"] == "$autocapture")
    assert [element["tag_name"] for element in click["elements"]][0] == "button"
    assert person["properties"]["email"] == "user-1@example.com"
    return told


@needs_node
@needs_browser
@pytest.mark.parametrize("install", ["package", "snippet"])
def test_a_page_of_another_origin_is_captured_whole(server, install):
    if install == "snippet" and not ARRAY_JS.exists():
        pytest.skip("the program was built without posthog-js: see scripts/assets.sh")
    told = visit(server, SNIPPET if install == "snippet" else PACKAGE, server.url)
    assert told["complaints"] == []


@needs_node
@needs_browser
def test_a_browser_sends_again_after_503_and_nothing_is_doubled(server):
    relay = Relay(server.url, failures=1)
    told = visit(server, PACKAGE, relay.url, patience="9000")
    statuses = [status for _, status in relay.captures]
    relay.close()
    assert statuses.count(503) == 1 and statuses.count(200) >= 2
    # The browser itself tells of the one that failed; the library does not.
    assert len(told["complaints"]) <= 1 and all("503" in complaint for complaint in told["complaints"]), told["complaints"]
