"""Real clients through real proxies to real programs: TCP, WebSocket, SSE, big bodies, routes."""

import contextlib
import json
import shutil
import socket
import subprocess

import helpers
import httpx
import psutil
import pytest
from project import APP, PYTHON
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

DEMO = f"{PYTHON} -m webqx_supervisor.demo"


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_redis_behind_a_tcp_listener(project):
    project.write(f"""
[services.cache]
command = "redis-server --port {{port}} --save '' --dir {project.folder}"
port = {project.port}
listen = {{ bind = "127.0.0.1:{project.listen}", protocol = "tcp" }}
""").cli("start")
    cli = ["redis-cli", "-p", str(project.listen)]
    assert (
        subprocess.run([*cli, "set", "k", "v"], capture_output=True, text=True, check=True).stdout
        == "OK\n"
    )
    assert (
        subprocess.run([*cli, "get", "k"], capture_output=True, text=True, check=True).stdout
        == "v\n"
    )


def test_websocket_and_event_stream_of_the_demo(project):
    project.service(DEMO).cli("start")
    with connect(f"ws://127.0.0.1:{project.listen}/ws") as websocket:
        websocket.send("hello")
        assert websocket.recv() == "hello"
        websocket.send(b"\0\1")
        assert websocket.recv() == b"\0\1"
    with httpx.stream("GET", f"{project.url}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        seen = [line for line in (next(lines) for _ in range(8)) if line.startswith("data")]
    assert len(seen) >= 2


def test_a_websocket_on_another_service_outlives_a_reload(project):
    project.write(f"""
[services.api]
command = "{APP}"
port = {project.port}
[services.demo]
command = "{DEMO}"
port = {project.port + 4}
listen = {project.listen}
""").cli("start")
    with connect(f"ws://127.0.0.1:{project.listen}/ws") as websocket:
        project.cli("reload", "api")
        project.cli("scale", "demo", "2")
        websocket.send("still here")
        assert websocket.recv() == "still here"


@pytest.mark.parametrize("verb", [("restart",), ("stop", "api"), ("scale", "api", "0"), ("stop",)])
def test_open_streams_hold_up_no_stop(project, verb):
    project.service(DEMO, more='stop = { drain = "1h" }').cli("start")
    with (
        connect(f"ws://127.0.0.1:{project.listen}/ws") as websocket,
        httpx.stream("GET", f"{project.url}/events") as stream,
    ):
        websocket.send("open")
        assert websocket.recv() == "open"
        lines = stream.iter_lines()
        next(lines)
        project.cli(*verb, timeout=20)
        with pytest.raises(ConnectionClosed):
            websocket.recv(timeout=10)
        with contextlib.suppress(httpx.RemoteProtocolError):  # cut, or ended in good order
            for _ in lines:
                pass


def test_a_big_upload_streams_through_without_growing_the_proxy(project):
    project.service().cli("start")
    httpx.get(project.url)
    proxy = psutil.Process(project.status()["proxies"][0]["pid"])
    before = proxy.memory_info().rss
    piece = b"x" * 65536

    def body():
        for _ in range(4800):  # 300 MB
            yield piece

    length = {"Content-Length": str(4800 * 65536)}
    answer = httpx.post(project.url, content=body(), headers=length, timeout=60)
    assert answer.status_code == 200
    assert proxy.memory_info().rss - before < 16 * 1024 * 1024


def test_forwarded_headers_are_ours_alone(project):
    project.service().cli("start")
    forged = {
        "X-Forwarded-For": "1.2.3.4",
        "X-Real-IP": "1.2.3.4",
        "Connection": "x-secret",
        "X-Secret": "1",
    }
    seen = httpx.get(project.url, headers=forged).json()["headers"]
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert seen["X-Real-IP"] == "127.0.0.1"
    assert seen["X-Forwarded-Proto"] == "http"
    assert seen["X-Forwarded-Host"] == f"127.0.0.1:{project.listen}"
    assert "X-Secret" not in seen


def test_routes_by_host_and_path(project):
    project.write(f"""
[services.a]
command = "{APP}"
port = {project.port}
env = {{ NOTE = "a" }}
[services.b]
command = "{APP}"
port = {project.port + 1}
env = {{ NOTE = "b" }}
[listeners.web]
bind = "127.0.0.1:{project.listen}"
[[routes]]
listener = "web"
path = "/api/"
service = "a"
[[routes]]
listener = "web"
host = "b.test"
service = "b"
""").cli("start")
    assert httpx.get(f"{project.url}/api/x").json()["note"] == "a"
    assert httpx.get(project.url, headers={"Host": "b.test"}).json()["note"] == "b"
    assert httpx.get(f"{project.url}/apix").status_code == 404


def test_a_backup_service_answers_while_the_first_is_down(project):
    project.write(f"""
[services.a]
command = "{APP}"
port = {project.port}
env = {{ NOTE = "a" }}
[services.b]
command = "{APP}"
port = {project.port + 1}
env = {{ NOTE = "b" }}
[listeners.web]
bind = "127.0.0.1:{project.listen}"
[[routes]]
listener = "web"
service = "a"
backup = "b"
""").cli("start")
    assert httpx.get(project.url).json()["note"] == "a"
    project.cli("stop", "a")
    assert httpx.get(project.url).json()["note"] == "b"
    project.cli("start", "a")
    helpers.until(lambda: httpx.get(project.url).json()["note"] == "a")


def test_a_stopped_service_answers_503_at_once_with_an_id(project):
    project.service().cli("start")
    project.cli("stop", "api")
    answer = httpx.get(project.url)
    assert answer.status_code == 503
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (
            (
                b"POST / HTTP/1.1\r\nHost: a\r\n"
                b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            b"400",
        ),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\nHost: a\n\n", b"400"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", b"405"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", b"505"),
    ],
)
def test_malformed_requests_are_refused_before_a_worker_sees_them(project, raw, status):
    project.service(more="instances = 1").cli("start")
    with socket.create_connection(("127.0.0.1", project.listen), timeout=10) as client:
        client.sendall(raw)
        answer = client.makefile("rb").read()
    assert answer.split(b" ", 2)[1] == status
    assert project.workers()[0]["requests"] == 0


def test_the_access_log_has_a_line_for_each_request(project):
    project.service().cli("start")
    httpx.get(f"{project.url}/hello")
    log = project.state_dir() / "logs" / "access.log"
    helpers.until(lambda: log.exists() and "/hello" in log.read_text())


def test_status_counts_requests(project):
    project.service().cli("start")
    for _ in range(10):
        httpx.get(project.url)
    # A proxy that is late with its figures is left out of the answer.
    helpers.until(lambda: sum(worker["requests"] for worker in project.workers()) == 10)
    helpers.until(
        lambda: json.loads(project.cli("status", "--json"))["proxies"][0]["requests"] == 10
    )
