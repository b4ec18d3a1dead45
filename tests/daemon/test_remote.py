"""Workers elsewhere: real sockets on addresses of this machine, names that the test resolves."""

import socket
from dataclasses import replace
from functools import partial

import pytest
import trio
from fakes import SECONDS, supervised
from helpers import free_port

from webqx_supervisor.daemon.entries import entry
from webqx_supervisor.daemon.probe import Answer, Prober
from webqx_supervisor.model.gateway import UpstreamState
from webqx_supervisor.model.readiness import Check, Means, Readiness
from webqx_supervisor.model.service import Health, Service, Stop
from webqx_supervisor.model.status import WorkerState

QUICK = Health(interval=0.01, timeout=2.0, fall=2)


def standby(*addresses, health=QUICK):
    return Service(
        "standby",
        (),
        "/",
        instances=len(addresses),
        health=health,
        stop=Stop(drain=10),
        remote=addresses,
    )


async def swallow(stream):
    async with stream:
        while await stream.receive_some(65536):
            pass


@pytest.fixture
async def listening(nursery):
    """Have somebody accept at an address; the scope ends it."""

    async def listen(port, host="127.0.0.1"):
        scope = trio.CancelScope()

        async def serve(*, task_status):
            with scope:
                await trio.serve_tcp(swallow, port, host=host, task_status=task_status)

        await nursery.start(serve)
        return scope

    return listen


@pytest.fixture
async def names():
    """Resolve names as the test says: a dict of lists of addresses."""
    known = {}

    class Resolver(trio.abc.HostnameResolver):
        async def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):  # noqa: A002, ARG002 - as trio has it
            await trio.lowlevel.checkpoint()
            name = host.decode() if isinstance(host, bytes) else host
            if name not in known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            kind = socket.SOCK_STREAM
            return [(socket.AF_INET, kind, 6, "", (address, port)) for address in known[name]]

        async def getnameinfo(self, sockaddr, flags):
            raise NotImplementedError

    trio.socket.set_custom_hostname_resolver(Resolver())  # for this run of trio
    return known


async def test_a_remote_that_accepts_is_up_without_a_process(stage, listening):
    port = free_port()
    await listening(port)
    async with supervised(standby(f"127.0.0.1:{port}"), stage) as service:
        await service.start()
        assert await service.settle() == []
        (worker,) = service.everyone
        assert (worker.state, worker.pid, worker.port) == (WorkerState.RUNNING, None, port)
        upstream = worker.upstream
        assert (upstream.host, upstream.port, upstream.remote) == ("127.0.0.1", port, True)
        assert upstream.id == worker.identity == f"standby:1@127.0.0.1:{port}"
        assert upstream.state is UpstreamState.UP
        assert entry(worker) is None
        assert stage.kinds == ["ready"]


async def test_a_remote_where_nobody_is_fails_its_start_with_the_reason(stage, listening):
    port = free_port()
    async with supervised(standby(f"127.0.0.1:{port}"), stage) as service:
        await service.start()
        (failed,) = await service.settle()
        assert failed.reason == f"nobody accepts at 127.0.0.1:{port}"
        assert failed.upstream is None
        assert not service.expecting
        await listening(port)
        await stage.until(lambda: failed.state is WorkerState.RUNNING)
        assert (failed.healthy, failed.reason) == (True, "")
        assert stage.kinds == ["unhealthy", "ready"]


async def test_a_remote_that_goes_leaves_the_rotation_and_comes_back(stage, listening):
    port = free_port()
    scope = await listening(port)
    async with supervised(standby(f"127.0.0.1:{port}"), stage) as service:
        await service.start()
        await service.settle()
        (worker,) = service.everyone
        scope.cancel()
        await stage.until(lambda: not worker.healthy)
        assert worker.upstream.state is UpstreamState.DRAINING
        assert service.state == "UNHEALTHY"
        await listening(port)
        await stage.until(lambda: worker.healthy)
        assert worker.upstream.state is UpstreamState.UP
        assert stage.kinds == ["ready", "unhealthy", "healthy"]


async def test_with_a_path_it_is_asked_over_http_under_its_own_name(stage, nursery):
    port, asked = free_port(), []

    async def serve(stream):
        async with stream:
            asked.append(bytes(await stream.receive_some(65536)))
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    await nursery.start(partial(trio.serve_tcp, serve, port, host="127.0.0.1"))
    prober = Prober()
    stage.resources = replace(stage.resources, prober=prober)
    health = replace(QUICK, path="/health")
    async with supervised(standby(f"localhost:{port}", health=health), stage) as service:
        await service.start()
        assert await service.settle() == []
    await prober.aclose()
    assert asked[0].startswith(b"GET /health HTTP/1.1\r\n")
    assert f"\r\nHost: localhost:{port}\r\n".encode() in asked[0]


async def test_it_is_ready_as_the_service_says_that_has_it_asked_elsewhere(stage, listening):
    port, side = free_port(), free_port()
    await listening(port)
    asked = Check(Means.TCP, port=side, interval=0.01, rise=2, fall=1)
    remote = replace(standby(f"127.0.0.1:{port}"), readiness=Readiness(ready=asked))
    async with supervised(remote, stage) as service:
        await service.start()
        (failed,) = await service.settle()
        assert failed.reason == f"nobody accepts at 127.0.0.1:{side}"
        scope = await listening(side)
        await stage.until(lambda: failed.healthy)
        scope.cancel()
        await stage.until(lambda: not failed.healthy)
        assert failed.reason == f"nobody accepts at 127.0.0.1:{side}"


async def test_what_answers_badly_over_http_is_not_up(stage):
    stage.prober.answer = lambda: Answer(503, "answered 503 to /health")
    health = replace(QUICK, path="/health")
    async with supervised(standby("127.0.0.1:9", health=health), stage) as service:
        await service.start()
        (failed,) = await service.settle()
        assert failed.reason == "answered 503 to /health"


async def test_a_name_without_an_address_is_told_and_tried_again(stage, listening, names):
    port = free_port()
    await listening(port)
    async with supervised(standby(f"other-host:{port}"), stage) as service:
        await service.start()
        (worker,) = await service.settle()
        assert worker.reason == "no address of other-host: Name or service not known"
        names["other-host"] = ["127.0.0.1"]
        await stage.until(lambda: worker.healthy)


async def test_a_name_that_leads_elsewhere_by_now_is_followed_when_nobody_answers(
    stage, listening, names
):
    port = free_port()
    scope = await listening(port, "127.0.0.1")
    names["other-host"] = ["127.0.0.1"]
    async with supervised(standby(f"other-host:{port}"), stage) as service:
        await service.start()
        await service.settle()
        (worker,) = service.everyone
        names["other-host"] = ["127.0.0.2"]
        await listening(port, "127.0.0.2")
        scope.cancel()
        await stage.until(lambda: worker.upstream.host == "127.0.0.2" and worker.healthy)
        assert worker.identity == f"standby:1@127.0.0.2:{port}"


async def test_of_several_addresses_the_one_that_answers_is_used(stage, listening, names):
    port = free_port()
    await listening(port, "127.0.0.3")
    names["other-host"] = ["127.0.0.2", "127.0.0.3"]
    async with supervised(standby(f"other-host:{port}"), stage) as service:
        await service.start()
        (worker,) = service.everyone
        await stage.until(lambda: worker.healthy)
        assert worker.upstream.host == "127.0.0.3"


async def test_stopping_it_takes_it_out_of_the_rotation(stage, listening):
    port = free_port()
    await listening(port)
    async with supervised(standby(f"127.0.0.1:{port}"), stage) as service:
        await service.start()
        await service.settle()
        (worker,) = service.everyone
        await service.stop()
        assert worker.state is WorkerState.STOPPED
        assert worker.upstream is None
        assert service.everyone == []


async def test_a_reload_of_a_remote_touches_nothing(stage, listening):
    port = free_port()
    await listening(port)
    async with supervised(standby(f"127.0.0.1:{port}"), stage) as service:
        await service.start()
        await service.settle()
        before = service.everyone
        await service.reload()
        assert service.everyone == before
        assert before[0].state is WorkerState.RUNNING


async def test_other_addresses_are_taken_over_at_once(stage, listening):
    one, other, third = free_port(), free_port(), free_port()
    await listening(one)
    await listening(third)
    async with supervised(standby(f"127.0.0.1:{one}"), stage) as service:
        await service.start()
        await service.settle()
        await service.reload(standby(f"127.0.0.1:{other}", f"127.0.0.1:{third}"))
        with trio.fail_after(SECONDS):
            (failed,) = await service.settle()
        assert failed.reason == f"nobody accepts at 127.0.0.1:{other}"
        assert [worker.port for worker in service.everyone] == [other, third]
        assert service.state == "DEGRADED"


async def test_a_service_may_move_here_from_elsewhere_and_back(stage, listening):
    port = free_port()
    await listening(port)
    elsewhere = standby(f"127.0.0.1:{port}")
    here = replace(elsewhere, command=("sleep", "1000"), remote=())
    async with supervised(elsewhere, stage) as service:
        await service.start()
        await service.settle()
        await service.reload(here)
        assert await service.settle() == []
        assert service.workers[1].pid is not None
        await service.reload(elsewhere)
        assert await service.settle() == []
        assert service.workers[1].pid is None
