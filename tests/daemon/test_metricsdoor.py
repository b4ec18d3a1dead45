"""The address where Prometheus fetches the metrics."""

import os
import socket
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
import trio.lowlevel
from helpers import auntil, free_port

from webqx_supervisor.daemon import metricsdoor
from webqx_supervisor.daemon.metricsdoor import ScrapeDoor
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.auth import Source, SourceKind
from webqx_supervisor.model.config import MetricsDoor
from webqx_supervisor.net.listeners import listen


async def text() -> str:
    await trio.lowlevel.checkpoint()
    return "webqx_x 1.0\n"


class Stage:
    def __init__(self, text=text):
        self.registry = Registry()
        self.door = ScrapeDoor(self.registry, text)
        self.port = free_port()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def opens(self, token=None):
        """Have it open, and return when it is."""
        told = self.registry.told
        self.door.follow(MetricsDoor(f"127.0.0.1:{self.port}", token))
        await self.says("listening", told)

    async def says(self, kind, since=0):
        with trio.fail_after(20):
            await self.registry.until(
                lambda: any(event.kind == kind for event in self.registry.events(since))
            )

    async def ask(self, method="GET", path="/metrics", **more):
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.request(method, self.url + path, timeout=20, **more)


@asynccontextmanager
async def running(stage):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.door.run)
        yield stage
        nursery.cancel_scope.cancel()


async def test_the_metrics_are_told_there_and_nothing_else():
    async with running(Stage()) as stage:
        await stage.opens()
        answer = await stage.ask()
        assert (answer.status_code, answer.text) == (200, "webqx_x 1.0\n")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert (await stage.ask("HEAD")).headers["content-length"] == "12"
        assert (await stage.ask(path="/status")).status_code == 404
        refused = await stage.ask("POST")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_only_who_knows_the_token_is_told(tmp_path):
    file = tmp_path / "token"
    file.write_text("secret\n")
    async with running(Stage()) as stage:
        await stage.opens(Source(SourceKind.SECRET, f"file:{file}"))
        refused = await stage.ask()
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        for said in ("Bearer wrong", "Basic secret", "secret", "Bearer"):
            assert (await stage.ask(headers={"Authorization": said})).status_code == 401
        right = {"Authorization": "Bearer secret"}
        assert (await stage.ask(headers=right)).status_code == 200
        file.write_text("another")
        assert (await stage.ask(headers=right)).status_code == 401
        file.unlink()
        assert (await stage.ask(headers=right)).status_code == 401


async def test_a_token_may_stand_in_the_environment(monkeypatch):
    monkeypatch.setitem(os.environ, "METRICS_TOKEN", "secret")
    async with running(Stage()) as stage:
        await stage.opens(Source(SourceKind.SECRET, "env:METRICS_TOKEN"))
        assert (await stage.ask()).status_code == 401
        right = {"Authorization": "bearer secret"}
        assert (await stage.ask(headers=right)).status_code == 200


async def test_without_its_token_it_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(metricsdoor, "RETRY", 0.01)
    file = tmp_path / "token"
    async with running(Stage()) as stage:
        door = MetricsDoor(f"127.0.0.1:{stage.port}", Source(SourceKind.SECRET, f"file:{file}"))
        stage.door.follow(door)
        await stage.says("unbound")
        file.write_text("secret")
        await stage.says("listening")
        assert (await stage.ask()).status_code == 401


async def test_it_moves_and_closes_as_it_is_told():
    async with running(Stage()) as stage:
        await stage.opens()
        before, stage.port = stage.port, free_port()
        await stage.opens()
        assert (await stage.ask()).status_code == 200
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", before)) != 0
        stage.door.follow(None)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(httpx.ConnectError):
            await stage.ask()


async def test_a_port_that_is_taken_is_tried_again_and_told_once(monkeypatch):
    tries = []

    def tried(bind):
        tries.append(bind)
        return listen(bind)

    monkeypatch.setattr(metricsdoor, "RETRY", 0.01)
    monkeypatch.setattr(metricsdoor, "listen", tried)
    async with running(Stage()) as stage:
        with socket.create_server(("127.0.0.1", stage.port)):
            stage.door.follow(MetricsDoor(f"127.0.0.1:{stage.port}"))
            await auntil(lambda: len(tries) > 3)
        await stage.says("listening")
        assert [event.kind for event in stage.registry.events()] == ["unbound", "listening"]


async def test_a_fault_of_ours_costs_one_answer(caplog):
    async def fails():
        raise RuntimeError("a fault of ours")

    async with running(Stage(fails)) as stage:
        await stage.opens()
        assert (await stage.ask()).status_code == 500
        assert (await stage.ask()).status_code == 500
    assert "a fault of ours" in caplog.text


@pytest.mark.parametrize(
    "octets", [b"nonsense\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n", b"A" * 20000]
)
async def test_nonsense_is_refused(octets):
    async with running(Stage()) as stage:
        await stage.opens()
        stream = await trio.open_tcp_stream("127.0.0.1", stage.port)
        await stream.send_all(octets)
        assert b" 4" in (await stream.receive_some())[:15]
        await stream.aclose()


async def test_who_says_nothing_and_who_hangs_up_harm_nobody(monkeypatch):
    async with running(Stage()) as stage:
        await stage.opens()
        silent = [
            await trio.open_tcp_stream("127.0.0.1", stage.port) for _ in range(metricsdoor.MOST)
        ]
        with trio.fail_after(20):
            while stage.door._clients < metricsdoor.MOST:
                await trio.lowlevel.checkpoint()
        one_more = await trio.open_tcp_stream("127.0.0.1", stage.port)
        assert await one_more.receive_some() == b""
        for stream in (*silent, one_more):
            await stream.aclose()
        with trio.fail_after(20):
            while stage.door._clients:
                await trio.lowlevel.checkpoint()
        assert (await stage.ask()).status_code == 200


async def test_an_exchange_has_a_bounded_time(autojump_clock):
    door = ScrapeDoor(Registry(), text)
    theirs, ours = socket.socketpair()
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    began = trio.current_time()
    await door._let_in(stream, MetricsDoor("127.0.0.1:1"))
    assert trio.current_time() - began == pytest.approx(metricsdoor.PATIENCE)
    theirs.close()
