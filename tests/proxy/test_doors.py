import trio
from stage import Peer, Stage, echo, request

from webqx_supervisor.model.gateway import Limits, Listener, Route, Table, UpstreamGroup
from webqx_supervisor.model.link import Applied, TableMessage
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
