"""Stands between an SDK and the server: passes everything on, but answers the first captures 503, and keeps a record."""

import http.server
import threading
import urllib.error
import urllib.request

CAPTURE = ("/batch", "/e", "/i/v0/e", "/i/v1/analytics/events")
# Those of the connection, not of the request.
HOP_BY_HOP = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}


class Relay:
    def __init__(self, target: str, failures: int):
        self.failures = failures
        self.captures = []
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                is_capture = self.command == "POST" and self.path.split("?")[0].rstrip("/") in CAPTURE
                if is_capture and relay.failures > 0:
                    relay.failures -= 1
                    relay.captures.append((self.path, 503))
                    origin = self.headers.get("origin")
                    cors = [("access-control-allow-origin", origin)] if origin else []
                    return self.answer(503, [("retry-after", "1"), *cors], b"transient error, please retry")
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                request = urllib.request.Request(target + self.path, body or None, headers, method=self.command)
                try:
                    response = urllib.request.urlopen(request, timeout=30)
                except urllib.error.HTTPError as error:
                    response = error
                with response:
                    if is_capture:
                        relay.captures.append((self.path, response.status))
                    self.answer(response.status, response.getheaders(), response.read())

            do_GET = do_POST = do_OPTIONS = pass_on

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
