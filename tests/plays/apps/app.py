"""A plain Python server for the plays; what it does beside answering, the environment says.

NOTE: comes back in every answer. BROKEN=crash: ends at once with 3; BROKEN=deaf: never listens;
BROKEN=ill: answers 500. CHILD=1: starts a grandchild in a session of its own that ignores SIGTERM.
STUBBORN=1: ignores SIGTERM.
"""

import http.server
import json
import os
import signal
import subprocess
import sys
import time

GRANDCHILD = (
    "import os, signal, time; os.setsid(); signal.signal(15, signal.SIG_IGN); time.sleep(600)"
)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/exit7":
            os._exit(7)
        if self.path.startswith("/slow"):
            time.sleep(0.2)
        if self.path.startswith("/say/"):
            print(self.path[5:], file=sys.stderr, flush=True)
        self.answer(500 if os.environ.get("BROKEN") == "ill" else 200)

    def do_POST(self):
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.answer(200)

    def answer(self, status):
        seen = {"pid": os.getpid(), "note": os.environ.get("NOTE", ""), "port": os.environ["PORT"]}
        body = json.dumps(seen | {"headers": dict(self.headers)}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


broken = os.environ.get("BROKEN")
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.environ.get("CHILD"):
    child = subprocess.Popen([sys.executable, "-c", GRANDCHILD])
    print("grandchild", child.pid, flush=True)
if broken == "crash":
    print("cannot open the database", file=sys.stderr, flush=True)
    sys.exit(3)
if broken == "deaf":
    time.sleep(600)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("listening", flush=True)
server.serve_forever()
