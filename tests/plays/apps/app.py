"""A plain Python server for the plays; what it does beside answering, the environment says.

NOTE: comes back in every answer. BROKEN=crash: ends at once with 3; BROKEN=deaf: never listens;
BROKEN=ill: answers 500. CHILD=1: starts a grandchild in a session of its own that ignores SIGTERM.
STUBBORN=1: ignores SIGTERM. NEXT=file: what the next processes are to be, as BROKEN, by its text.

Beside / there are /slow (200 ms), /hang (no answer), /garbage, /midbody (breaks off), /download
(50 MB), /events (server-sent, 20 a second), /ws (WebSocket echo), /exit7 (ends the process), and
what is in taking.py: /eat/80 (MB), /fork/30 (processes), /hide. CHILD_EATS=60: a child takes 60 MB.
"""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from taking import TAKING

from webqx_supervisor.demo.websocket import Echo, accept_token

GRANDCHILD = (
    "import os, signal, time; os.setsid(); signal.signal(15, signal.SIG_IGN); time.sleep(600)"
)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/exit7":
            os._exit(7)
        if self.path in SPECIAL:
            SPECIAL[self.path](self)
            return
        _, word, *rest = self.path.split("/")
        if word in TAKING:
            self.answer(200, **TAKING[word](int(rest[0] if rest else 0)))
            return
        if self.path.startswith("/slow"):
            time.sleep(0.2)
        if self.path.startswith("/say/"):
            print(self.path[5:], file=sys.stderr, flush=True)
        self.answer(500 if broken == "ill" else 200)

    def do_POST(self):
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            piece = self.rfile.read(min(left, 1 << 20))
            if not piece:
                raise ConnectionAbortedError("the client left in the middle of a body")
            left -= len(piece)
        self.answer(200)

    def answer(self, status, **more):
        seen = {"pid": os.getpid(), "note": os.environ.get("NOTE", ""), "port": os.environ["PORT"]}
        body = json.dumps(seen | more | {"headers": dict(self.headers)}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang(self):
        time.sleep(600)

    def garbage(self):
        self.wfile.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        self.close_connection = True

    def break_off(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")  # more than is held back until whole
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def download(self):
        self.send_response(200)
        self.send_header("Content-Length", str(50 * len(BLOCK)))
        self.end_headers()
        for _ in range(50):
            self.wfile.write(BLOCK)

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        number = 0
        while True:
            number += 1
            event = f"data: {os.getpid()} {number}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(0.05)

    def echo_messages(self):
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        token = accept_token(self.headers["Sec-WebSocket-Key"].encode())
        self.send_header("Sec-WebSocket-Accept", token.decode())
        self.end_headers()
        echo = Echo()
        while not echo.closed and (data := self.rfile.read1(65536)):
            self.wfile.write(echo.receive(data))
        self.close_connection = True

    def log_message(self, *_):
        pass

    def handle(self):
        with contextlib.suppress(ConnectionError):  # a client that went away is no news
            super().handle()


BLOCK = bytes(range(256)) * 4096
SPECIAL = {
    "/hang": Handler.hang,
    "/garbage": Handler.garbage,
    "/midbody": Handler.break_off,
    "/download": Handler.download,
    "/events": Handler.events,
    "/ws": Handler.echo_messages,
}

broken = os.environ.get("BROKEN")
if os.environ.get("NEXT"):
    broken = Path(os.environ["NEXT"]).read_text().strip()
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.environ.get("CHILD"):
    child = subprocess.Popen([sys.executable, "-c", GRANDCHILD])
    print("grandchild", child.pid, flush=True)
if os.environ.get("CHILD_EATS"):
    size = int(os.environ["CHILD_EATS"]) << 20
    subprocess.Popen([sys.executable, "-c", f"import time; kept = b'x' * {size}; time.sleep(600)"])
if broken == "crash":
    print("cannot open the database", file=sys.stderr, flush=True)
    sys.exit(3)
if broken == "deaf":
    time.sleep(600)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("listening", flush=True)
server.serve_forever()
