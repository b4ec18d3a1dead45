import pytest
import trio
from octets import answering
from stage import Stage, ok, request

from webqx_supervisor.model.gateway import Forwarding, Limits

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "octets"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    ],
)
async def test_an_answer_without_body_leaves_both_connections_usable(stage, method, octets):
    worker = await stage.upstream(answering(octets))
    await stage.apply(worker)
    client = await stage.connect()
    for _ in range(3):
        await client.send(request(method))
        await client.answer(to_head=True)
    assert worker.connections == 1


async def test_a_head_answer_keeps_the_length_that_get_would_have(stage: Stage):
    octets = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    await stage.apply(await stage.upstream(answering(octets)))
    assert (await stage.ask(request("HEAD")))[1]["content-length"] == "5"


async def test_a_chunked_answer_is_chunked_anew(stage: Stage):
    octets = CHUNKED + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: dropped\r\n\r\n"
    worker = await stage.upstream(answering(octets))
    await stage.apply(worker)
    client = await stage.connect()
    for _ in range(2):
        await client.send(request())
        assert (await client.answer())[2] == b"abcde"
    assert worker.connections == 1


async def test_a_chunked_answer_goes_to_http_1_0_until_close(stage: Stage):
    await stage.apply(await stage.upstream(answering(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n")))
    status, fields, body = await stage.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert (status, body) == (200, b"abc")
    assert "transfer-encoding" not in fields


async def test_an_answer_until_close_is_chunked_for_http_1_1(stage: Stage):
    octets = b"HTTP/1.0 200 OK\r\n\r\nto the end"
    await stage.apply(await stage.upstream(answering(octets, close=True)))
    client = await stage.connect()
    for _ in range(2):
        await client.send(request())
        status, fields, body = await client.answer()
        assert (status, body) == (200, b"to the end")
        assert fields["transfer-encoding"] == "chunked"


async def test_each_event_of_a_stream_is_sent_on_at_once(stage: Stage):
    heard = trio.Event()

    async def stream(peer):
        await peer.head()
        await peer.send(CHUNKED + b"8\r\ndata: 1\n\r\n")
        await heard.wait()
        await peer.send(b"8\r\ndata: 2\n\r\n0\r\n\r\n")

    await stage.apply(await stage.upstream(stream))
    client = await stage.connect()
    await client.send(request())
    await client.head()
    assert await client.until(b"data: 1\n\r\n") == b"8\r\ndata: 1\n\r\n"
    heard.set()
    assert await client.until(b"0\r\n\r\n") == b"8\r\ndata: 2\n\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nnot all",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhel",
    ],
)
async def test_a_truncated_answer_is_cut_never_completed(stage: Stage, octets):
    await stage.apply(await stage.upstream(answering(octets, close=True)))
    client = await stage.connect()
    await client.send(request())
    await client.head()
    with pytest.raises(trio.BrokenResourceError):
        await client.rest()
    assert "the worker ended inside its answer" in stage.log_lines()[0]


SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize("octets", [SHORT, SHORT + b"whol"])
async def test_a_worker_that_dies_inside_a_small_answer_is_not_seen(stage: Stage, octets):
    await stage.apply(
        await stage.upstream(answering(octets, close=True), "1"),
        await stage.upstream(answering(SHORT + b"whole"), "2"),
    )
    for _ in range(2):
        assert (await stage.ask(request()))[::2] == (200, b"whole")
    assert [line.split()[-2] for line in stage.log_lines()] == ["1", "1"]


async def test_nor_is_a_post_carried_out_twice_for_it(stage: Stage):
    await stage.apply(
        await stage.upstream(answering(SHORT, close=True), "1"),
        await stage.upstream(answering(SHORT, close=True), "2"),
    )
    assert (await stage.ask(request("POST", body=b"x")))[0] == 502
    assert "ended inside its answer" in stage.log_lines()[0]
    assert " 0 worker api:" in stage.log_lines()[0]


async def test_a_small_answer_that_comes_drop_by_drop_is_not_held_to_its_end(stage: Stage):
    seen = trio.Event()

    async def drips(peer):
        await peer.head()
        await peer.send(SHORT + b"who")
        await seen.wait()
        await peer.send(b"le")

    await stage.apply(await stage.upstream(drips))
    client = await stage.connect()
    await client.send(request())
    await client.head()
    assert await client.until(b"who") == b"who"
    seen.set()
    assert await client.until(b"le") == b"le"


async def test_a_chunked_answer_that_turns_malformed_is_cut(stage: Stage):
    go_on = trio.Event()

    async def play(peer):
        await peer.head()
        await peer.send(CHUNKED + b"3\r\nabc\r\n")
        await go_on.wait()
        await peer.send(b"nonsense\r\n")

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request())
    await client.until(b"abc\r\n")
    go_on.set()
    with pytest.raises(trio.BrokenResourceError):
        await client.rest()


async def test_a_chunked_answer_malformed_from_the_start_is_a_502(stage: Stage):
    await stage.apply(await stage.upstream(answering(CHUNKED + b"nonsense\r\n")))
    assert (await stage.ask(request()))[0] == 502


async def test_octets_behind_an_answer_reach_nobody_and_the_connection_is_not_reused(stage: Stage):
    worker = await stage.upstream(answering(ok(b"mine") + ok(b"whose?")))
    await stage.apply(worker)
    client = await stage.connect()
    for _ in range(3):
        await client.send(request())
        assert (await client.answer())[2] == b"mine"
    assert worker.connections == 3


async def test_a_worker_that_falls_silent_inside_its_answer_is_cut_off(stage: Stage):
    stage.forwarding = Forwarding(response_timeout=0.2)

    async def play(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
        await peer.ended()

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request())
    await client.until(b"some")
    with pytest.raises(trio.BrokenResourceError):
        await client.rest()


async def test_a_client_that_takes_nothing_is_cut_off(stage: Stage):
    stage.limits = Limits(write_timeout=0.3)
    gone = trio.Event()

    async def play(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        try:
            await peer.stream.send_all(bytes(50_000_000))
        except trio.BrokenResourceError:
            gone.set()

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request())
    with trio.fail_after(10):
        await gone.wait()


async def test_a_large_answer_passes_whole_while_little_of_it_is_held(stage: Stage):
    size, sent, most_held = 100_000_000, 0, 0
    piece = bytes(range(256)) * 256

    async def play(peer):
        nonlocal sent
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            await peer.stream.send_all(piece[: size - sent])
            sent += min(len(piece), size - sent)
        await peer.ended()

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request())
    await client.head()

    def progress(received: int) -> None:
        nonlocal most_held
        most_held = max(most_held, sent - received)

    await client.swallow(size, progress)
    # The sockets' buffers of both hops, which the kernel grows to a few MB each, and a pipe.
    assert most_held < 30_000_000


async def test_a_date_is_added_where_the_worker_gives_none(stage: Stage):
    await stage.apply(await stage.upstream(answering(ok())))
    assert (await stage.ask(request()))[1]["date"].endswith("gmt")
