"""A daemon that says what it is told to say, and remembers what it was asked."""

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner

from webqx_supervisor.cli.main import main
from webqx_supervisor.config.files import locate, prepare

TOML = """\
[services.api]
command = "true"
instances = 2
port = 3001
listen = 3000
"""


class FakeDaemon:
    """Answers the control API on a Unix socket, from a thread.

    `answers` maps (method, path without query) to (status, JSON value) or to pieces of a stream;
    `asked` holds (method, path with query, JSON body) of every request but /ping.
    """

    def __init__(self) -> None:
        self.answers = {("GET", "/ping"): (200, {"pid": 1, "version": "0"})}
        self.asked = []

    def serve(self, path) -> socketserver.UnixStreamServer:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                body = json.loads(self.rfile.read(length)) if length else None
                if self.path != "/ping":
                    fake.asked.append((self.command, self.path, body))
                answer = fake.answers[self.command, self.path.partition("?")[0]]
                if isinstance(answer, tuple):
                    self.whole(*answer)
                else:
                    self.in_pieces(answer)

            do_POST = do_GET  # noqa: N815 - the name that http.server looks for

            def whole(self, status, value) -> None:
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def in_pieces(self, pieces) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                with suppress(BrokenPipeError):  # the end that Ctrl-C makes
                    for piece in pieces:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_) -> None:
                pass

        return socketserver.ThreadingUnixStreamServer(str(path), Handler)


@pytest.fixture
def file(tmp_path, monkeypatch) -> Iterator[Path]:
    """Yield a services.toml whose state folder is this test's own."""
    file = tmp_path / "services.toml"
    file.write_text(TOML)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with tempfile.TemporaryDirectory(prefix="sv-") as home:  # short, since sockets live in it
        monkeypatch.setenv("WEBQX_SV_HOME", home)
        yield file


@pytest.fixture
def places(file):
    return locate(file)


@pytest.fixture
def daemon(places) -> Iterator[FakeDaemon]:
    """Yield a fake daemon for `file`."""
    fake = FakeDaemon()
    prepare(places)
    with fake.serve(places.socket) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture
def run(file):
    """Return a function that runs webqx-sv with these words, on `file`."""

    def run(verb, *words):
        return CliRunner().invoke(main, [verb, "-c", str(file), *words], prog_name="webqx-sv")

    return run
