import os
import signal
import socket
import sys

import pytest
import trio
from helpers import auntil
from stage import Peer, Stage, echo, ok, open_stage, request

from webqx_supervisor.control.link import Link
from webqx_supervisor.model.gateway import Listener, Route, Table, Upstream, UpstreamGroup
from webqx_supervisor.model.link import Applied, Count, Leave, TableMessage
from webqx_supervisor.net.listeners import listen


async def test_a_report_tells_the_figures(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    client = await stage.connect()
    for _ in range(2):
        await client.send(request())
        await client.answer()
    report = await stage.report()
    assert (report.pid, report.connections, report.requests) == (os.getpid(), 1, 2)
    (count,) = report.counts
    assert count == Count(worker.model.id, 0, 2, heard_at=count.heard_at)


async def test_a_listener_that_the_table_no_longer_names_is_closed_its_clients_stay(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request())
    await client.answer()
    stage.listening.close()
    group = UpstreamGroup("api", (worker.model,))
    await stage.link.send(TableMessage(Table(9, (), (Route("web", "api"),), (group,))))
    await stage.hears(Applied(9))
    with pytest.raises(OSError, match="connect"):
        await stage.connect()
    await client.send(request())
    assert (await client.answer())[0] == 200


async def test_without_the_link_the_last_table_stays_in_force(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    stage.go_silent()
    assert (await stage.ask(request()))[0] == 200


async def test_no_route_is_a_404(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    table = Table(9, (Listener("web", ("here",)),), (Route("web", "api", path="/api"),))
    await stage.link.send(TableMessage(table))
    await stage.hears(Applied(9))
    assert (await stage.ask(request("GET", "/other")))[0] == 404
    assert (await stage.ask(request("GET", "/api")))[0] == 503


async def test_leaving_closes_the_doors_lets_the_busy_finish_and_the_quiet_go(tmp_path):
    go_on = trio.Event()

    async def slow(peer):
        await peer.head()
        await go_on.wait()
        await peer.send(ok(b"finished"))
        await peer.rest()

    async with open_stage(tmp_path) as stage:
        await stage.apply(await stage.upstream(slow))
        quiet, busy = await stage.connect(), await stage.connect()
        await busy.send(request())
        await auntil(lambda: stage.proxy.gateway.upstreams.all()[0].in_flight)
        await stage.link.send(Leave(10.0))
        assert await quiet.ended()
        assert not stage.has_left.is_set()
        go_on.set()
        status, fields, body = await busy.answer()
        assert (status, body, fields["connection"]) == (200, b"finished", "close")
        with trio.fail_after(5):
            await stage.has_left.wait()


async def test_a_request_on_its_way_while_leaving_is_still_served(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request()[:-2])
    await auntil(lambda: stage.proxy.gateway.clients)
    await stage.link.send(Leave(10.0))
    await auntil(lambda: stage.proxy.gateway.leaving)
    await client.send(b"\r\n")
    assert (await client.answer())[1]["connection"] == "close"


async def test_what_does_not_finish_in_time_is_cut(tmp_path):
    async def never(peer):
        await peer.head()
        await peer.rest()

    async with open_stage(tmp_path) as stage:
        await stage.apply(await stage.upstream(never))
        client = await stage.connect()
        await client.send(request())
        await auntil(lambda: stage.proxy.gateway.upstreams.all()[0].in_flight)
        await stage.link.send(Leave(0.1))
        assert await client.ended()
        with trio.fail_after(5):
            await stage.has_left.wait()


async def test_a_proxy_process_serves_and_leaves_on_sigterm(stage: Stage, tmp_path):
    worker = await stage.upstream(echo)
    ours, theirs = socket.socketpair()
    with Link(ours) as link, theirs, listen("127.0.0.1:0") as listening:
        command = [sys.executable, "-m", "webqx_supervisor.proxy", str(theirs.fileno()), tmp_path]
        process = await trio.lowlevel.open_process(command, pass_fds=[theirs.fileno()])
        try:
            await _serve_one_request(link, listening, worker.model)
            process.send_signal(signal.SIGTERM)
            with trio.fail_after(20):
                assert await process.wait() == 0
        finally:
            process.kill()
    assert "GET / 200" in (tmp_path / "access.log").read_text()


async def _serve_one_request(link: Link, listening: socket.socket, worker: Upstream) -> None:
    table = Table(
        1,
        (Listener("web", ("here",)),),
        (Route("web", "api"),),
        (UpstreamGroup("api", (worker,)),),
    )
    await link.send(TableMessage(table, (("web", "here"),)), [listening.fileno()])
    with trio.fail_after(20):
        assert await link.receive() == (Applied(1), [])
    client = Peer(await trio.open_tcp_stream("127.0.0.1", listening.getsockname()[1]))
    await client.send(request())
    assert (await client.answer())[0] == 200
    await client.stream.aclose()
