import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import trio
from helpers import auntil
from stage import Peer, Stage, echo, ok, request

from webqx_supervisor.model.gateway import Limits, Listener, Protocol, Route, Table, UpstreamGroup
from webqx_supervisor.model.link import Applied, TableMessage
from webqx_supervisor.net import descriptors
from webqx_supervisor.net.listeners import listen


async def test_new_limits_hold_for_connections_that_are_open(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request("POST", body=b"12345"))
    assert (await client.answer())[0] == 200
    stage.limits = Limits(max_body=4)
    await stage.apply(worker)
    await client.send(request("POST", body=b"12345"))
    assert (await client.answer())[0] == 413


async def test_a_listener_may_gain_an_address_and_get_another_socket_for_one(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    table = Table(
        9,
        (Listener("web", ("here", "there")),),
        (Route("web", "api"),),
        (UpstreamGroup("api", (worker.model,)),),
    )
    with listen("127.0.0.1:0") as other_here, listen("127.0.0.1:0") as there:
        sockets = (("web", "here"), ("web", "there"))
        message = TableMessage(table, sockets)
        await stage.link.send(message, [other_here.fileno(), there.fileno()])
        await stage.hears(Applied(9))
        for listening in (other_here, there):
            port = listening.getsockname()[1]
            client = Peer(await trio.open_tcp_stream("127.0.0.1", port))
            await client.send(request())
            assert (await client.answer())[0] == 200
            await client.stream.aclose()


async def test_a_socket_that_the_table_does_not_name_is_closed(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    stray = listen("127.0.0.1:0")
    port = stray.getsockname()[1]
    table = Table(9, (Listener("web", ("here",)),))
    await stage.link.send(TableMessage(table, (("who", "knows"),)), [stray.fileno()])
    stray.close()
    await stage.hears(Applied(9))
    with listen(f"127.0.0.1:{port}"):
        pass  # nobody else holds it


def clients_of(stage: Stage) -> int:
    return len(stage.proxy.gateway.clients)


async def test_one_address_gets_no_more_connections_than_it_may_have(stage: Stage):
    stage.limits = Limits(max_connections_per_client=2)
    await stage.apply(await stage.upstream(echo))
    first, second = await stage.connect(), await stage.connect()
    for client in (first, second):
        await client.send(request())
        assert (await client.answer())[0] == 200
    third = await stage.connect()
    status, fields, body = await third.answer()
    assert status == 429
    assert fields["retry-after"] == "5"
    assert fields["connection"] == "close"
    assert fields["x-request-id"].encode() in body
    assert " 429 " in stage.log_lines()[-1]
    await first.stream.aclose()
    await auntil(lambda: clients_of(stage) == 1)
    assert (await stage.ask(request()))[0] == 200


async def test_a_limit_for_one_address_counts_who_was_there_before_it(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    await stage.connect()
    await auntil(lambda: clients_of(stage) == 1)
    stage.limits = Limits(max_connections_per_client=1)
    await stage.apply(worker)
    assert (await (await stage.connect()).answer())[0] == 429


async def test_when_all_may_come_have_come_the_longest_idle_makes_room(stage: Stage):
    stage.limits = Limits(max_connections=2)
    await stage.apply(await stage.upstream(echo))
    older, younger = await stage.connect(), await stage.connect()
    for client in (older, younger):
        await client.send(request())
        assert (await client.answer())[0] == 200
    newest = await stage.connect()
    await newest.send(request())
    assert (await newest.answer())[0] == 200
    assert await older.ended()
    await younger.send(request())
    assert (await younger.answer())[0] == 200


async def test_when_nobody_can_make_room_new_clients_get_503_and_the_others_their_answers(stage):
    stage.limits = Limits(max_connections=2)
    go_on = trio.Event()

    async def late(peer):
        await peer.head()
        await go_on.wait()
        await peer.send(ok(b"late"))

    await stage.apply(await stage.upstream(late))
    served = [await stage.connect() for _ in range(2)]
    for client in served:
        await client.send(request())
    await auntil(lambda: stage.proxy.gateway.upstreams.all()[0].in_flight == 2)
    refused = await stage.connect()
    status, fields, _ = await refused.answer()
    assert status == 503
    assert fields["retry-after"] == "5"
    assert await refused.ended()
    go_on.set()
    for client in served:
        assert (await client.answer())[2] == b"late"


async def test_a_tcp_client_too_many_is_closed_without_a_word(stage: Stage):
    stage.protocol = Protocol.TCP
    stage.limits = Limits(max_connections=1)
    await stage.apply(await stage.upstream(echo))
    await stage.connect()
    await auntil(lambda: clients_of(stage) == 1)
    assert await (await stage.connect()).ended()
    assert clients_of(stage) == 1


async def test_short_of_descriptors_the_idle_make_room_too(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    idle = await stage.connect()
    await idle.send(request())
    assert (await idle.answer())[0] == 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        taken = max(stack.enter_context(socket.socket()).fileno() for _ in range(300))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken * 8 // 7, hard))  # an eighth is reserved
        await stage.apply(worker)
        assert (await stage.ask(request()))[0] == 200
        assert await idle.ended()


@contextmanager
def slowloris(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Have many connections each of which has sent a part of a head."""
    descriptors.raise_limit()
    with ExitStack() as stack:
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        for each in slow:
            stack.enter_context(each)
            each.send(b"GET / HTTP/1.1\r\nHost: example.org\r\nX-Slow: ")
        yield slow


async def test_a_thousand_slow_heads_stop_nobody(stage: Stage):
    stage.limits = Limits(head_timeout=60)
    await stage.apply(await stage.upstream(echo))
    with slowloris(stage.port, 1000) as slow:
        await auntil(lambda: clients_of(stage) == len(slow))
        for _ in range(20):
            for each in slow:
                each.send(b"x")
            assert (await stage.ask(request()))[0] == 200
        assert clients_of(stage) >= len(slow)


async def test_slow_heads_that_fill_the_listener_do_not_keep_others_out(stage: Stage):
    stage.limits = Limits(max_connections=400)
    await stage.apply(await stage.upstream(echo))
    with slowloris(stage.port, 1000):
        await auntil(lambda: clients_of(stage) > 380)
        for _ in range(20):
            assert (await stage.ask(request()))[0] == 200
