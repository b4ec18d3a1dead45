"""Whatever comes of a request is counted, once, by the proxy that sees its end."""

import bisect
import os
from contextlib import suppress

import pytest
import trio
from helpers import auntil
from hypothesis import given
from hypothesis import strategies as st
from stage import Peer, Stage, echo, ok, request

from webqx_supervisor.core import counting
from webqx_supervisor.core.counting import BOUNDS, BUCKETS, NONE, Kind
from webqx_supervisor.core.traffic import Traffic, by_route, by_worker, waits
from webqx_supervisor.model.filters import Filters
from webqx_supervisor.model.gateway import FixedAnswer, Forwarding, Protocol, Route, Table
from webqx_supervisor.model.link import CountIn
from webqx_supervisor.model.resilience import Retry
from webqx_supervisor.net.sheets import Sheets, create
from webqx_supervisor.proxy.meters import Meters


@pytest.fixture
def book():
    book = Sheets(create())
    yield book
    book.close()


async def count_in(stage: Stage, book: Sheets, number: int = 0) -> None:
    book.give(number, 100 + number)
    await stage.link.send(CountIn(number), [book.fd])


def route(book: Sheets, key=("web:/", "api")) -> Traffic:
    return by_route(book.all()).get(key, Traffic())


async def ask(stage: Stage, *words) -> int:
    client = await stage.connect()
    await client.send(request(*words))
    status, _, _ = await client.answer()
    await client.stream.aclose()
    await auntil(lambda: not stage.proxy.gateway.clients)
    return status


async def test_an_answer_is_counted_for_its_route_and_its_worker(stage: Stage, book):
    async def answers(peer: Peer) -> None:
        for status in ("200 OK", "404 Not Found"):
            await peer.head()
            await peer.send(f"HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nabc".encode())

    await count_in(stage, book)
    await stage.apply(await stage.upstream(answers, "7"))
    client = await stage.connect()
    for wanted in (200, 404):
        await client.send(request("POST", "/any", body=b"hello"))
        assert (await client.answer())[0] == wanted
    await auntil(lambda: route(book).requests == 2)
    assert route(book).answered == (0, 1, 0, 1, 0)
    assert route(book).durations.count == 2
    assert (route(book).sent, route(book).received) == (6, 10)
    assert route(book).errors == ()
    assert by_worker(book.all())["api", 7].answered == (0, 1, 0, 1, 0)


async def test_one_that_is_not_over_is_in_flight(stage: Stage, book):
    go = trio.Event()

    async def slow(peer: Peer) -> None:
        await peer.head()
        await go.wait()
        await peer.send(ok())

    await count_in(stage, book)
    await stage.apply(await stage.upstream(slow))
    client = await stage.connect()
    await client.send(request())
    await auntil(lambda: route(book).in_flight == 1)
    assert route(book).requests == 0
    go.set()
    await client.answer()
    await auntil(lambda: route(book).in_flight == 0)
    assert route(book).requests == 1


async def test_what_the_proxy_says_itself_is_an_error_of_no_worker(stage: Stage, book):
    async def hangs_up(peer: Peer) -> None:
        await peer.head()

    await count_in(stage, book)
    await stage.apply(await stage.upstream(hangs_up))
    assert await ask(stage, "POST") == 502
    await auntil(lambda: route(book).errors)
    assert route(book).errors == ((502, 1),)
    assert route(book).answered == (0, 0, 0, 0, 1)
    worker = by_worker(book.all())["api", 1]
    assert (worker.requests, worker.failures) == (0, 1)


async def test_a_request_that_goes_elsewhere_is_a_retry_of_one(stage: Stage, book):
    async def hangs_up(peer: Peer) -> None:
        await peer.head()

    await count_in(stage, book)
    dead, alive = await stage.upstream(hangs_up, "1"), await stage.upstream(echo, "2")
    await stage.apply(dead, alive)
    for _ in range(2):
        assert await ask(stage) == 200
    await auntil(lambda: route(book).requests == 2)
    assert route(book).retries == by_worker(book.all())["api", 1].failures == 2
    assert by_worker(book.all())["api", 2].requests == 2


async def test_a_status_that_is_not_taken_is_a_failure_of_the_worker(stage: Stage, book):
    async def busy(peer: Peer) -> None:
        while True:
            await peer.head()
            await peer.send(b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n")

    stage.routes = (Route("web", "api", filters=Filters(retry=Retry(statuses=(503,)))),)
    await count_in(stage, book)
    await stage.apply(await stage.upstream(busy, "1"), await stage.upstream(echo, "2"))
    for _ in range(2):
        assert await ask(stage) == 200
    await auntil(lambda: route(book).requests == 2)
    assert (route(book).retries, route(book).answered[1]) == (2, 2)


async def test_a_client_that_does_not_wait_is_counted_as_that(stage: Stage, book):
    asked = trio.Event()

    async def sleeps(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await trio.sleep_forever()

    await count_in(stage, book)
    await stage.apply(await stage.upstream(sleeps))
    client = await stage.connect()
    await client.send(request())
    await asked.wait()
    await client.reset()
    await auntil(lambda: route(book).requests == 1, seconds=30)
    assert route(book).errors == ((499, 1),)
    assert route(book).answered == (0, 0, 0, 1, 0)
    assert by_worker(book.all())["api", 1].requests == 0


async def test_an_answer_that_breaks_off_is_cut(stage: Stage, book):
    seen = trio.Event()

    async def breaks(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await seen.wait()

    await count_in(stage, book)
    await stage.apply(await stage.upstream(breaks))
    client = await stage.connect()
    await client.send(request())
    assert await client.until(b"half")
    seen.set()
    await auntil(lambda: route(book).errors)
    assert route(book).errors == ((counting.CUT, 1),)
    assert by_worker(book.all())["api", 1].failures == 1


async def test_what_no_route_takes_is_counted_too(stage: Stage, book):
    stage.routes = (Route("web", "api", host="there.example"),)
    await count_in(stage, book)
    await stage.apply(await stage.upstream(echo))
    assert await ask(stage, "GET", "/random") == 404
    client = await stage.connect()
    await client.send(b"nonsense\r\n\r\n")
    await client.rest()
    await auntil(lambda: route(book, (NONE, NONE)).requests == 2)
    assert route(book, (NONE, NONE)).errors == ((400, 1), (404, 1))


async def test_a_route_without_a_service_is_one_as_well(stage: Stage, book):
    stage.routes = (Route("web", answer=FixedAnswer(204), name="nothing"),)
    await count_in(stage, book)
    await stage.apply()
    assert await ask(stage) == 204
    await auntil(lambda: route(book, ("nothing", NONE)).requests == 1)


async def test_who_waits_for_a_worker_is_counted_while_and_after(stage: Stage, book):
    def queue():
        return waits(book.all()).get("api", (0, None))

    await count_in(stage, book)
    await stage.apply()
    client = await stage.connect()
    await client.send(request())
    await auntil(lambda: queue()[0] == 1)
    await stage.apply(await stage.upstream(echo))
    await client.answer()
    await auntil(lambda: queue()[0] == 0)
    assert queue()[1].count == 1


async def test_one_that_waits_in_vain_has_waited(stage: Stage, book):
    stage.forwarding = Forwarding(queue_timeout=0.05)
    await count_in(stage, book)
    await stage.apply()
    assert await ask(stage) == 503
    await auntil(lambda: waits(book.all())["api"][1].count == 1)
    assert waits(book.all())["api"][0] == 0


async def shouts(peer: Peer) -> None:
    while data := await peer.stream.receive_some(65536):
        await peer.send(bytes(data))


async def test_connections_over_tcp_are_counted_with_their_octets_while_they_last(stage, book):
    stage.protocol = Protocol.TCP
    await count_in(stage, book)
    await stage.apply(await stage.upstream(shouts))
    client = await stage.connect()
    await client.send(b"12345")
    assert await client.exactly(5) == b"12345"
    await auntil(lambda: (route(book).received, route(book).sent) == (5, 5))
    assert route(book).in_flight == 1
    await client.stream.aclose()
    await auntil(lambda: route(book).in_flight == 0)
    numbers = book.all()[Kind.ROUTE, "web:/", "api"]
    assert (numbers[counting.TCP_CARRIED], numbers[counting.TCP_REFUSED]) == (1, 0)


async def test_a_connection_that_no_worker_takes_is_refused(stage: Stage, book):
    stage.protocol = Protocol.TCP
    await count_in(stage, book)
    await stage.apply(expecting=False)
    with suppress(OSError):  # it may end before connect(2) has returned
        client = await stage.connect()
        assert await client.ended()
    await auntil(lambda: book.all()[Kind.ROUTE, "web:/", "api"][counting.TCP_REFUSED] == 1)
    assert route(book).in_flight == 0


async def test_listeners_count_who_comes_and_who_is_there(stage: Stage, book):
    def door():
        return book.all()[Kind.LISTENER, "web"]

    await count_in(stage, book)
    await stage.apply(await stage.upstream(echo))
    clients = [await stage.connect() for _ in range(3)]
    await auntil(lambda: door()[counting.OPEN] == 3)
    await clients[0].stream.aclose()
    await auntil(lambda: door()[counting.OPEN] == 2)
    assert door()[counting.ACCEPTED] == 3


async def test_a_route_that_is_gone_leaves_nothing_and_harms_nobody(stage: Stage, book):
    go, asked = trio.Event(), trio.Event()

    async def slow(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await go.wait()
        await peer.send(ok())

    await count_in(stage, book)
    worker = await stage.upstream(slow)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request())
    await asked.wait()
    stage.routes = (Route("web", "api", name="new"),)
    await stage.apply(worker)
    assert ("web:/", "api") not in by_route(book.all())
    go.set()
    assert (await client.answer())[0] == 200
    await auntil(lambda: not next(iter(stage.proxy.gateway.clients)).busy)
    assert route(book, ("new", "api")) == Traffic()


async def test_what_was_counted_before_there_was_a_map_is_not_lost(stage: Stage, book):
    await stage.apply(await stage.upstream(echo))
    await ask(stage)
    await count_in(stage, book)
    await auntil(lambda: route(book).requests == 1)
    await count_in(stage, book)  # as a new daemon says it again
    await ask(stage)
    await auntil(lambda: route(book).requests == 2)


async def test_a_map_that_is_none_changes_nothing(stage: Stage, tmp_path):
    await stage.apply(await stage.upstream(echo))
    with (tmp_path / "empty").open("wb+") as file:
        await stage.link.send(CountIn(0), [os.dup(file.fileno())])
    assert await ask(stage) == 200


async def websocket(peer: Peer) -> None:
    await peer.head()
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    await peer.send(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade)
    await shouts(peer)


async def events(peer: Peer) -> None:
    await peer.head()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    await peer.send(b"data: 1\n\n")
    with trio.move_on_after(20):
        await peer.rest()


FRAME = b"\x81\x05hello"


async def begin_websocket(stage: Stage) -> Peer:
    client = await stage.connect()
    await client.send(request("GET", "/", "Connection: upgrade", "Upgrade: websocket"))
    await client.head()
    await client.send(FRAME)
    assert await client.exactly(len(FRAME)) == FRAME
    return client


async def begin_events(stage: Stage) -> Peer:
    client = await stage.connect()
    await client.send(request())
    await client.until(b"data: 1\n\n")
    return client


@pytest.mark.parametrize(
    ("script", "begin", "group"), [(websocket, begin_websocket, 1), (events, begin_events, 2)]
)
async def test_what_has_no_end_is_counted_once_without_its_time_wherever_it_ends(
    succession, book, script, begin, group
):
    for number, stage in enumerate((succession.old, succession.new)):
        await count_in(stage, book, number)
    await succession.host(script)
    client = await begin(succession.old)
    await succession.happens()
    await succession.is_over()
    await auntil(lambda: route(book).in_flight == 1)
    assert route(book).requests == 0
    await client.reset()
    await auntil(lambda: route(book).in_flight == 0, seconds=30)
    assert route(book).answered[group - 1] == route(book).requests == 1
    assert route(book).durations.count == 0
    assert route(book).sent > 0
    assert by_worker(book.all())["api", 1].answered[group - 1] == 1


async def test_a_tunnel_over_tcp_is_counted_once_as_well(succession, book):
    for number, stage in enumerate((succession.old, succession.new)):
        stage.protocol = Protocol.TCP
        await count_in(stage, book, number)
    await succession.host(shouts)
    client = await succession.old.connect()
    for _ in range(2):
        await client.send(b"12345")
        assert await client.exactly(5) == b"12345"
        if not succession.old.has_left.is_set():
            await succession.happens()
            await succession.is_over()
    await client.stream.aclose()
    await auntil(lambda: route(book).in_flight == 0)
    assert book.all()[Kind.ROUTE, "web:/", "api"][counting.TCP_CARRIED] == 1
    assert (route(book).received, route(book).sent) == (10, 10)


def test_a_meter_of_what_is_gone_counts_for_nobody():
    meters = Meters()
    meter = meters.named(("web:/", "api"))
    meter.ended(200, 0.1, 5, timed=True)
    meters.retain(Table(1))
    meter.ended(200, 0.1, 5, timed=True)
    meter.failed(502)
    assert all(counting.NONE in key for key in meters._sheet.entries() if key[0] == Kind.ROUTE)
    again = meters.named(("web:/", "api"))
    again.ended(200, 0.1, 5, timed=True)
    assert by_route(meters._sheet.entries())["web:/", "api"].requests == 1


@pytest.mark.parametrize("status", [0, 99, 600, 999])
def test_a_status_of_no_class_breaks_nothing(status):
    meters = Meters()
    meters.named(("web:/", "api")).ended(status, 0.0, 0, timed=True)
    meters.worker("api:1@5").answered(status, 0.0, timed=True)
    assert by_route(meters._sheet.entries())["web:/", "api"].requests == 1


@given(st.floats(0, 100) | st.sampled_from(BOUNDS))
def test_a_time_is_counted_in_the_bucket_whose_bound_it_does_not_exceed(seconds):
    meters = Meters()
    meters.named(("web:/", "api")).ended(200, seconds, 0, timed=True)
    meters.worker("api:1@5").answered(200, seconds, timed=True)
    entries = meters._sheet.entries()
    expected = [0] * BUCKETS
    expected[bisect.bisect_left(BOUNDS, seconds)] = 1
    for found in (by_route(entries)["web:/", "api"], by_worker(entries)["api", 1]):
        assert list(found.durations.buckets) == expected
        assert found.durations.seconds == pytest.approx(seconds, abs=1e-6)
