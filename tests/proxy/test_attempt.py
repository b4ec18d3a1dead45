import threading

import pytest
import trio
from helpers import auntil
from stage import Stage, echo, ok, request
from websockets.sync.client import connect
from websockets.sync.server import serve

from webqx_supervisor.model.gateway import Forwarding, Upstream

UPGRADE = ("Connection: Upgrade", "Upgrade: websocket")
SWITCHED = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


async def test_a_worker_is_told_who_its_client_is(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    _, _, seen = await stage.ask(request("GET", "/", "X-Forwarded-For: 6.6.6.6", "X-Kept: yes"))
    assert b"X-Forwarded-For: 127.0.0.1\r\n" in seen
    assert b"X-Forwarded-Proto: http\r\n" in seen
    assert b"X-Forwarded-Host: example.org\r\n" in seen
    assert b"X-Kept: yes\r\n" in seen
    assert b"6.6.6.6" not in seen


async def test_nonsense_from_a_worker_is_a_502_that_names_it(stage: Stage):
    async def play(peer):
        await peer.head()
        await peer.send(b"SSH-2.0-OpenSSH\r\n\r\n")

    worker = await stage.upstream(play)
    await stage.apply(worker)
    status, fields, body = await stage.ask(request())
    assert status == 502
    assert worker.model.id.encode() in body
    assert fields["x-request-id"] in stage.log_lines()[0]


async def test_a_worker_that_does_not_answer_in_time_is_a_504(stage: Stage):
    stage.forwarding = Forwarding(response_timeout=0.2)

    async def never(peer):
        await peer.head()
        await peer.ended()

    await stage.apply(await stage.upstream(never))
    assert (await stage.ask(request()))[0] == 504


async def test_the_time_for_an_answer_begins_when_the_request_is_sent(stage: Stage):
    stage.forwarding = Forwarding(response_timeout=0.3)
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request("POST", "/", "Content-Length: 6"))
    for octet in b"abcdef":
        await trio.sleep(0.1)  # a slow client, not a wait for something to have happened
        await client.send(bytes([octet]))
    assert (await client.answer())[2].endswith(b"abcdef")


async def test_interim_answers_are_relayed_but_not_without_end(stage: Stage):
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    count = 2

    async def play(peer):
        while True:
            await peer.head()
            await peer.send(hint * count + ok(b"final"))

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request())
    for _ in range(2):
        assert (await client.head()).startswith(b"HTTP/1.1 103 ")
    assert (await client.answer())[2] == b"final"
    assert (await stage.ask(b"GET / HTTP/1.0\r\n\r\n"))[2] == b"final"
    count = 9
    client = await stage.connect()
    await client.send(request())
    for _ in range(8):
        assert (await client.head()).startswith(b"HTTP/1.1 103 ")
    assert (await client.answer())[0] == 502


async def test_the_workers_100_continue_is_relayed_before_the_body_is_asked_for(stage: Stage):
    async def play(peer):
        assert b"Expect: 100-continue\r\n" in await peer.head()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await peer.send(ok(b"got " + await peer.exactly(4)))

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 4"))
    assert (await client.head()).startswith(b"HTTP/1.1 100 ")
    await client.send(b"body")
    assert (await client.answer())[2] == b"got body"


async def test_the_proxy_says_100_continue_when_the_worker_does_not(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 4"))
    assert (await client.head()).startswith(b"HTTP/1.1 100 ")
    await client.send(b"body")
    assert (await client.answer())[2].endswith(b"body")


async def test_a_refusal_instead_of_100_continue_ends_the_connection(stage: Stage):
    async def play(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 4"))
    status, fields, _ = await client.answer()
    assert (status, fields["connection"]) == (401, "close")
    assert await client.ended()


async def test_an_early_answer_is_relayed_and_the_connection_closed(stage: Stage):
    async def play(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too much\r\nContent-Length: 3\r\n\r\nno!")

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request("POST", "/", "Content-Length: 1000000") + bytes(1000))
    status, fields, body = await client.answer()
    assert (status, fields["connection"], body) == (413, "close", b"no!")


async def test_101_that_nobody_asked_for_is_a_502(stage: Stage):
    async def play(peer):
        await peer.head()
        await peer.send(SWITCHED)

    await stage.apply(await stage.upstream(play))
    assert (await stage.ask(request()))[0] == 502


async def test_an_upgrade_that_the_service_does_not_speak_is_an_ordinary_request(stage: Stage):
    stage.forwarding = Forwarding(upgrade=("mqtt",))
    await stage.apply(await stage.upstream(echo))
    status, _, seen = await stage.ask(request("GET", "/", *UPGRADE))
    assert status == 200
    assert b"upgrade" not in seen.lower()


async def test_an_upgraded_connection_carries_octets_both_ways(stage: Stage):
    async def play(peer):
        assert b"Upgrade: websocket\r\n" in await peer.head()
        await peer.send(SWITCHED + b"ahead")
        await peer.send(await peer.exactly(5))
        assert await peer.rest() == b""

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request("GET", "/", *UPGRADE) + b"early")
    assert (await client.head()).startswith(b"HTTP/1.1 101 ")
    assert await client.exactly(10) == b"aheadearly"
    live = stage.proxy.gateway.upstreams.all()[0]
    assert live.in_flight == 1
    await client.stream.send_eof()
    assert await client.ended()
    await auntil(lambda: not live.in_flight)
    assert " 101 10 " in stage.log_lines()[0]


async def test_a_refused_upgrade_is_an_answer_like_any_other(stage: Stage):
    async def play(peer):
        while True:
            await peer.head()
            await peer.send(ok(b"no sockets here"))

    worker = await stage.upstream(play)
    await stage.apply(worker)
    client = await stage.connect()
    for _ in range(2):
        await client.send(request("GET", "/", *UPGRADE))
        assert (await client.answer())[2] == b"no sockets here"
    assert worker.connections == 1


@pytest.fixture
def websocket_echo():
    def talk(connection):
        for message in connection:
            connection.send(message)

    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


async def test_a_websocket_of_an_independent_library_works(stage: Stage, websocket_echo):
    worker = await stage.upstream(echo)
    worker.model = Upstream("api:1@1", "127.0.0.1", websocket_echo, 1)
    await stage.apply(worker)

    def talk() -> list[str | bytes]:
        with connect(f"ws://127.0.0.1:{stage.port}/chat") as client:
            messages = ["hello", b"\x00" * 200_000, "bye"]
            for message in messages:
                client.send(message)
            return [client.recv(timeout=10) for _ in messages]

    answers = await trio.to_thread.run_sync(talk)
    assert answers == ["hello", b"\x00" * 200_000, "bye"]
