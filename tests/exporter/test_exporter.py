"""The exporter as a process: spans come by datagrams, a receiver gets them by OTLP."""

import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest
from helpers import free_port, until
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp import attributes_of, receiving

from webqx_supervisor import __version__
from webqx_supervisor.model.codec import to_plain
from webqx_supervisor.model.tracing import Tracing

pytestmark = pytest.mark.timeout(60)

OWN = {
    "trace": "0af7651916cd43dd8448eb211c80319c",
    "span": "b7ad6b7169203331",
    "parent": "",
    "kind": "server",
    "name": "GET /a",
    "begin": 1_700_000_000_000_000_001,
    "end": 1_700_000_001_000_000_002,
    "attributes": {"http.request.method": "GET", "server.port": 80},
    "error": "",
}
ATTEMPT = OWN | {"span": "c" * 16, "parent": OWN["span"], "kind": "client", "error": "it died"}


class Exporter:
    def __init__(self, path, tracing):
        self.path = path
        self.process = subprocess.Popen(
            [sys.executable, "-m", "webqx_supervisor.exporter", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.process.stdin.write(json.dumps(to_plain(tracing)).encode() + b"\n")
        self.process.stdin.flush()

    def send(self, *spans, lost=0):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(self.path))
            sender.send(json.dumps({"lost": lost, "spans": spans}).encode())

    def send_octets(self, octets):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(self.path))
            sender.send(octets)

    def says(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        assert ready, "it says nothing"
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        return self.process.wait(20)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def _inode(path):
    with suppress(FileNotFoundError):  # between the socket of the one before and its own
        return path.stat().st_ino
    return None


@contextmanager
def exporting(tmp_path, tracing, name="spans.sock"):
    path = tmp_path / name
    before = _inode(path)
    exporter = Exporter(path, tracing)
    try:
        until(lambda: _inode(path) not in (None, before))
        yield exporter
    finally:
        exporter.kill()


def test_spans_come_as_opentelemetry_has_them(tmp_path):
    with receiving() as receiver:
        tracing = Tracing(f"{receiver.url}/v1/traces", (("X-Key", "k"),), service_name="clinic")
        with exporting(tmp_path, tracing) as exporter:
            exporter.send(OWN, ATTEMPT)
            until(lambda: len(receiver.spans()) == 2)
            assert exporter.says() == {"failing": "", "lost": 0}
        own, attempt = receiver.spans()
        resource, *_ = receiver.resources()
    assert {*receiver.paths} == {"/v1/traces"}
    assert receiver.headers[0]["x-key"] == "k"
    assert (resource["service.name"], resource["service.version"]) == ("clinic", __version__)
    assert own.trace_id.hex() == OWN["trace"]
    assert own.span_id.hex() == OWN["span"]
    assert own.parent_span_id == b""
    assert own.kind == Span.SPAN_KIND_SERVER
    assert (own.start_time_unix_nano, own.end_time_unix_nano) == (OWN["begin"], OWN["end"])
    assert attributes_of(own) == OWN["attributes"]
    assert own.status.code == Status.STATUS_CODE_UNSET
    assert attempt.parent_span_id == own.span_id
    assert attempt.kind == Span.SPAN_KIND_CLIENT
    assert attempt.status.code == Status.STATUS_CODE_ERROR
    assert attempt.status.message == "it died"


def test_at_its_end_it_sends_what_has_come(tmp_path):
    with receiving() as receiver, exporting(tmp_path, Tracing(receiver.url)) as exporter:
        exporter.send(OWN)
        exporter.process.send_signal(signal.SIGTERM)  # as systemd sends it to all at once
        exporter.send(ATTEMPT)
        assert exporter.end() == 0
        assert len(receiver.spans()) == 2


def test_nobody_else_can_send_spans(tmp_path):
    with exporting(tmp_path, Tracing()) as exporter:
        assert stat.S_IMODE(exporter.path.stat().st_mode) == 0o600


def test_a_receiver_that_refuses_is_told_once_and_its_return_with_what_is_lost(tmp_path):
    with receiving() as receiver, exporting(tmp_path, Tracing(receiver.url)) as exporter:
        receiver.status = 400
        exporter.send(OWN, lost=3)
        told = exporter.says()
        assert "Bad Request" in told["failing"]
        exporter.send(OWN)
        until(lambda: len(receiver.paths) == 2)
        receiver.status = 200
        exporter.send(ATTEMPT)
        assert exporter.says() == {"failing": "", "lost": 5}
        assert len(receiver.spans()) == 1


def test_nobody_there_is_no_reason_to_stay_long(tmp_path):
    tracing = Tracing(f"http://127.0.0.1:{free_port()}/v1/traces")
    with exporting(tmp_path, tracing) as exporter:
        exporter.send(OWN)
        assert exporter.says() == {"failing": "Connection refused", "lost": 0}
        assert exporter.end() == 0


def test_one_takes_the_place_of_another(tmp_path):
    with (
        receiving() as receiver,
        exporting(tmp_path, Tracing(receiver.url)) as one,
        exporting(tmp_path, Tracing(receiver.url)) as other,
    ):
        assert one.end() == 0
        other.send(OWN)
        until(receiver.spans)


def test_what_is_kept_elsewhere_is_read_at_the_start(tmp_path):
    (tmp_path / "key").write_text("secret\n")
    headers = (("Authorization", f"file:{tmp_path / 'key'}"),)
    with receiving() as receiver:
        with exporting(tmp_path, Tracing(receiver.url, headers)) as exporter:
            exporter.send(OWN)
            until(receiver.spans)
        assert receiver.headers[0]["authorization"] == "secret"


def test_a_missing_place_is_its_end(tmp_path):
    path = tmp_path / "none"
    exporter = Exporter(tmp_path / "spans.sock", Tracing(headers=(("A", f"file:{path}"),)))
    try:
        assert exporter.says()["failing"] == f"cannot read {path}: No such file or directory"
        assert exporter.process.wait(20) == 1
    finally:
        exporter.kill()


@pytest.mark.parametrize("octets", [b"no JSON", b"{}", b'{"lost": 0, "spans": [{}]}', b"[]", b""])
def test_what_it_does_not_understand_costs_it_nothing(tmp_path, octets):
    with receiving() as receiver, exporting(tmp_path, Tracing(receiver.url)) as exporter:
        exporter.send_octets(octets)
        exporter.send(OWN)
        until(receiver.spans)


def test_it_outlives_nobody(tmp_path):
    """Whoever has started it may die at any time, without a word."""
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'webqx_supervisor.exporter', sys.argv[1]],"
        " stdin=subprocess.PIPE)\n"
        "child.stdin.write(b'{}\\n'); child.stdin.flush()\n"
        "print(child.pid, flush=True); time.sleep(60)\n"
    )
    path = tmp_path / "spans.sock"
    parent = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    try:
        exporter = os.pidfd_open(int(parent.stdout.readline()))
        until(path.exists)
    finally:
        parent.kill()
        parent.communicate()
    ready, _, _ = select.select([exporter], [], [], 20)
    os.close(exporter)
    assert ready
