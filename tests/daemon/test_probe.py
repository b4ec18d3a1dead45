"""One question over HTTP, to servers that answer well, badly, for ever or not at all."""

from functools import partial

import pytest
import trio
from helpers import free_port

from webqx_supervisor.daemon.probe import Prober
from webqx_supervisor.model.service import Health

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SECONDS = 20


class Server:
    """Answers each connection with the next of its answers, the last one again and again."""

    def __init__(self, port: int, *answers: bytes, hold: bool = False) -> None:
        self.port = port
        self.requests: list[bytes] = []
        self._answers = answers
        self._hold = hold

    async def talk(self, stream: trio.SocketStream) -> None:
        async with stream:
            request = bytes(await stream.receive_some(65536))
            if not request:
                return
            answer = self._answers[min(len(self.requests), len(self._answers) - 1)]
            self.requests.append(request)
            await stream.send_all(answer)
            while self._hold and await stream.receive_some(65536):
                pass


@pytest.fixture
async def serve(nursery):
    async def serve(*answers: bytes, hold: bool = False) -> Server:
        server = Server(free_port(), *answers, hold=hold)
        await nursery.start(partial(trio.serve_tcp, server.talk, server.port, host="127.0.0.1"))
        return server

    return serve


@pytest.fixture
async def prober():
    prober = Prober()
    yield prober
    await prober.aclose()


@pytest.mark.parametrize(("status", "ok"), [(200, True), (302, True), (404, False), (503, False)])
async def test_two_and_three_hundreds_are_well(serve, prober, status, ok):
    server = await serve(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
    answer = await prober.ask(server.port, "/health", SECONDS)
    assert (answer.status, answer.ok) == (status, ok)
    assert answer.text == f"answered {status} to /health"
    assert server.requests[0].startswith(b"GET /health HTTP/1.1\r\n")


async def test_a_body_without_end_is_an_answer_all_the_same(serve, prober):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = await serve(head, hold=True)
    answer = await prober.ask(server.port, "/", SECONDS)
    assert answer.ok
    assert not answer.silent


async def test_a_refused_connection_is_told_from_silence(prober):
    answer = await prober.ask(free_port(), "/", SECONDS)
    assert not answer.ok
    assert not answer.silent
    assert answer.status is None


async def test_no_answer_in_time_is_silence(serve, prober):
    server = await serve(b"", hold=True)
    answer = await prober.ask(server.port, "/", 0.1)
    assert answer.silent
    assert answer.text == "no answer to / within 0.1 s"


async def test_every_question_is_a_connection_of_its_own(serve, prober):
    server = await serve(OK, hold=True)
    for _ in range(2):
        assert (await prober.ask(server.port, "/", SECONDS)).ok
    assert len(server.requests) == 2


async def test_it_is_ready_with_the_first_good_answer(serve, prober):
    bad = b"HTTP/1.1 503 Wait\r\nContent-Length: 0\r\n\r\n"
    server = await serve(bad, bad, OK)
    with trio.fail_after(SECONDS):
        await prober.until_ready(server.port, Health(path="/health"))
    assert len(server.requests) == 3


async def test_without_a_path_it_is_ready_when_it_accepts(serve, prober):
    server = await serve(OK)
    with trio.fail_after(SECONDS):
        await prober.until_ready(server.port, Health())
    assert server.requests == []
