"""The demo backend as a process, with independent clients."""

import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from helpers import free_port, until
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect


@pytest.fixture
def demo():
    """Yield (process, port) of a demo that accepts."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "webqx_supervisor.demo"],
        env={
            **os.environ,
            "PORT": str(port),
            "WEBQX_SV_SERVICE": "shop",
            "WEBQX_SV_INSTANCE": "2",
        },
        stderr=subprocess.PIPE,
    )
    try:
        until(lambda: accepts(port))
        yield process, port
    finally:
        process.kill()
        _, complaint = process.communicate()
        assert complaint == b""


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def client(demo):
    with httpx.Client(base_url=f"http://127.0.0.1:{demo[1]}", trust_env=False) as client:
        yield client


def test_the_front_page_says_which_worker_answered(demo, client):
    process, port = demo

    assert f"shop:2 (pid {process.pid}, port {port})" in client.get("/").text


def test_a_connection_carries_many_requests(client):
    local = {
        client.get("/health/").extensions["network_stream"].get_extra_info("client_addr")
        for _ in range(3)
    }

    assert len(local) == 1


def test_health_is_ok(client):
    answer = client.get("/health/")

    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_an_unknown_path_is_404(client):
    assert client.get("/nowhere").status_code == 404


def test_head_brings_the_length_and_no_body(client):
    answer = client.head("/health/")

    assert (answer.headers["Content-Length"], answer.content) == ("3", b"")


@pytest.mark.parametrize("body", [b"x" * 300_000, iter([b"x" * 70_000, b"y"])])
def test_a_body_is_read_before_the_next_request(client, body):
    assert client.post("/", content=body).status_code == 200
    assert client.get("/health/").text == "ok\n"


def test_expect_100_continue_is_granted(client):
    with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
        raw.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )

        assert raw.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(b"hi")
        assert raw.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_a_malformed_request_is_refused(client):
    with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")

        assert raw.makefile("rb").read().startswith(b"HTTP/1.1 400 ")


def test_events_come_with_growing_ids(client):
    with client.stream("GET", "/events") as answer:
        ids = (line for line in answer.iter_lines() if line.startswith("id: "))

        assert answer.headers["Content-Type"] == "text/event-stream"
        assert [next(ids), next(ids)] == ["id: 1", "id: 2"]


def test_text_and_binary_messages_come_back(demo):
    with connect(f"ws://127.0.0.1:{demo[1]}/ws", proxy=None) as socket_:
        socket_.send("grüezi")
        socket_.send(bytes(100_000))
        socket_.send(["in ", "three ", "pieces"])

        assert [socket_.recv() for _ in range(3)] == ["grüezi", bytes(100_000), "in three pieces"]


def test_a_ping_is_answered(demo):
    with connect(f"ws://127.0.0.1:{demo[1]}/ws", proxy=None) as socket_:
        assert socket_.ping().wait(timeout=10)


def test_a_plain_get_of_the_websocket_is_told_to_upgrade(client):
    answer = client.get("/ws")

    assert (answer.status_code, answer.headers["Upgrade"]) == (426, "websocket")


def test_sigterm_ends_streams_and_tunnels_well_and_exits_0(demo, client):
    process, port = demo
    client.get("/")  # leaves an idle connection behind
    with (
        connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as tunnel,
        client.stream("GET", "/events") as events,
    ):
        lines = events.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)

        list(lines)  # raises if the stream does not end as chunked framing demands
        with pytest.raises(ConnectionClosedOK, match="1001"):
            tunnel.recv(timeout=10)
    assert process.wait(timeout=10) == 0


def test_sigterm_lets_a_request_finish_that_has_begun(demo):
    process, port = demo
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"POST /health/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n")
        raw.sendall(b"Expect: 100-continue\r\n\r\n")
        assert b"100" in raw.recv(100)
        process.send_signal(signal.SIGTERM)
        until(lambda: not accepts(port))
        raw.sendall(b"hi")

        answer = raw.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Connection: close" in answer
    assert process.wait(timeout=10) == 0
