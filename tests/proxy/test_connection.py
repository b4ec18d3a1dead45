import trio
from helpers import auntil
from stage import Stage, echo, ok, request

from webqx_supervisor.model.gateway import Limits


async def test_a_kept_alive_connection_carries_many_requests(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    client = await stage.connect()
    for number in range(5):
        await client.send(request("GET", f"/{number}"))
        status, fields, body = await client.answer()
        assert status == 200
        assert "connection" not in fields
        assert body.startswith(b"GET /%d HTTP/1.1\r\n" % number)
    assert worker.connections == 1


async def test_pipelined_requests_are_answered_in_their_order(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    post = request("POST", "/2", body=b"two")
    await client.send(request("GET", "/1") + post + request("HEAD", "/3") + request("GET", "/4"))
    assert (await client.answer())[2].startswith(b"GET /1 ")
    assert (await client.answer())[2].endswith(b"two")
    assert (await client.answer(to_head=True))[0] == 200
    assert (await client.answer())[2].startswith(b"GET /4 ")


async def test_pipelined_requests_behind_a_chunked_body_are_not_lost(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    chunked = request("POST", "/1", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n"
    await client.send(chunked + request("GET", "/2"))
    assert (await client.answer())[2].endswith(b"3\r\nabc\r\n0\r\n\r\n")
    assert (await client.answer())[2].startswith(b"GET /2 ")


async def test_a_head_may_come_octet_by_octet(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    for octet in request("GET", "/slow"):
        await client.send(bytes([octet]))
    assert (await client.answer())[2].startswith(b"GET /slow ")


async def test_a_malformed_request_is_refused_with_its_status_and_the_connection_closed(stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    status, fields, body = await client.answer()
    assert status == 400
    assert fields["connection"] == "close"
    assert fields["x-request-id"].encode() in body
    assert await client.ended()


async def test_a_refusal_survives_a_body_that_is_still_coming(stage: Stage):
    stage.limits = Limits(max_body=10)
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request("POST", "/", "Content-Length: 40000") + b"x" * 40000)
    assert (await client.answer())[0] == 413
    assert await client.ended()


async def test_an_oversized_head_gets_431(stage: Stage):
    stage.limits = Limits(max_head=1000)
    await stage.apply(await stage.upstream(echo))
    assert (await stage.ask(request("GET", "/", "A: " + "a" * 1000)))[0] == 431


async def test_a_head_that_does_not_end_in_time_gets_408(stage: Stage):
    stage.limits = Limits(head_timeout=0.2)
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(b"GET / HTTP/1.1\r\n")
    assert (await client.answer())[0] == 408
    assert await client.ended()


async def test_an_idle_connection_is_closed_without_a_word(stage: Stage):
    stage.limits = Limits(idle_timeout=0.2)
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request())
    assert (await client.answer())[0] == 200
    assert await client.ended()


async def test_a_connection_is_closed_when_the_client_says_so(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request("GET", "/", "Connection: close"))
    assert (await client.answer())[1]["connection"] == "close"
    assert await client.ended()


async def test_an_http_1_0_connection_carries_one_request(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (await client.answer())[0] == 200
    assert await client.ended()


async def test_a_client_that_resets_ends_the_exchange_at_the_worker_too(stage: Stage):
    hung_up = trio.Event()

    async def never(peer):
        await peer.head()
        await peer.ended()
        hung_up.set()

    await stage.apply(await stage.upstream(never))
    client = await stage.connect()
    await client.send(request())
    await auntil(lambda: stage.proxy.gateway.upstreams.all()[0].in_flight)
    await client.reset()
    with trio.fail_after(5):
        await hung_up.wait()
    await auntil(lambda: not stage.proxy.gateway.upstreams.all()[0].in_flight)
    assert " 499 " in stage.log_lines()[0]


async def test_a_client_that_half_closes_still_gets_its_answer(stage: Stage):
    go_on = trio.Event()

    async def late(peer):
        await peer.head()
        await go_on.wait()
        await peer.send(ok(b"late"))

    await stage.apply(await stage.upstream(late))
    client = await stage.connect()
    await client.send(request())
    await client.stream.send_eof()
    await auntil(lambda: next(iter(stage.proxy.gateway.clients)).channel.ended)
    go_on.set()
    assert (await client.answer())[2] == b"late"


async def test_a_defect_in_one_exchange_ends_that_connection_only(stage: Stage, caplog):
    await stage.apply(await stage.upstream(echo))
    healthy = await stage.connect()
    victim = await stage.connect()
    await victim.send(request()[:-2])
    await auntil(lambda: len(stage.proxy.gateway.clients) == 2)
    newest = max(stage.proxy.gateway.clients, key=lambda client: client.channel.fd)
    newest.forwarded = None  # type: ignore[assignment]
    await victim.send(b"\r\n")
    assert await victim.ended()
    assert "failed" in caplog.text
    await healthy.send(request())
    assert (await healthy.answer())[0] == 200
