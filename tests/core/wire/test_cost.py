"""Four times as many hostile octets cost about four times as much, not sixteen times.

Time of this process only, and the best of several tries: another process cannot spoil it.
"""

import itertools
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from webqx_supervisor.core.wire.framing import ChunkedDecoder
from webqx_supervisor.core.wire.messages import Malformed, MalformedAnswer
from webqx_supervisor.core.wire.parser import (
    HEAD_LIMIT,
    RESPONSE_HEAD_LIMIT,
    find_head,
    parse_request,
    parse_response,
)

GROWTH = 4
BOUND = 10
"""Between 4, which is linear, and 16, which is quadratic."""
_numbers = itertools.count()


def fill(line: bytes, unit: bytes, size: int) -> bytes:
    """Return a head with this beginning of a line, never the same twice: there are caches."""
    start = b"GET /%d HTTP/1.1\r\nHost: a\r\n" % next(_numbers)
    return start + line + unit * ((size - len(start) - len(line) - 4) // len(unit)) + b"\r\n\r\n"


def whole_head(line: bytes, unit: bytes) -> Callable[[int], None]:
    def work(size: int) -> None:
        for _ in range(30):
            octets = fill(line, unit, size)
            with suppress(Malformed):
                parse_request(octets[: find_head(octets, HEAD_LIMIT)])

    return work


def path(unit: bytes) -> Callable[[int], None]:
    def work(size: int) -> None:
        for _ in range(30):
            target = b"/%d/" % next(_numbers) + unit * (size // 3 // len(unit))
            with suppress(Malformed):
                parse_request(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)

    return work


def head_in_pieces(size: int) -> None:
    octets = fill(b"A: ", b"b", size)
    searched = 0
    for end in range(0, len(octets) - 1, 64):
        assert find_head(octets[:end], HEAD_LIMIT, searched) < 0 or not end
        searched = end


def answer_head(size: int) -> None:
    for unit in (b"A: b\r\n", b"A:" + b" " * 100 + b"\r\n", b"A: \xff\r\n"):
        octets = b"HTTP/1.1 200 OK\r\n" + unit * (4 * size // len(unit)) + b"\r\n"
        with suppress(Malformed, MalformedAnswer):
            parse_response(octets[: find_head(octets, RESPONSE_HEAD_LIMIT)], b"GET")


def chunks(unit: bytes, piece: int) -> Callable[[int], None]:
    def work(size: int) -> None:
        decoder = ChunkedDecoder()
        body = (unit * (4 * size // len(unit) + 1))[: 4 * size]
        with suppress(Malformed):
            for at in range(0, len(body), piece):
                decoder.receive(body[at : at + piece])

    return work


WORKS = {
    "connection-commas": whole_head(b"Connection: ", b","),
    "connection-names": whole_head(b"Connection: ", b"a,"),
    "via-words": whole_head(b"Via: ", b"a "),
    "via-blanks": whole_head(b"Via: a", b" "),
    "via-own": whole_head(b"Via: ", b"1.1 webqx-sv,"),
    "te-commas": whole_head(b"Transfer-Encoding: ", b" ,"),
    "cl-zeros": whole_head(b"Content-Length: ", b"0"),
    "cl-digits": whole_head(b"Content-Length: ", b"9"),
    "blanks-at-end": whole_head(b"A: ", b" "),
    "blanks-inside": whole_head(b"A: ", b" b"),
    "fields": whole_head(b"", b"A: b\r\n"),
    "bare-cr": whole_head(b"A: ", b"\r"),
    "bare-lf": whole_head(b"A: ", b"\n"),
    "no-colon": whole_head(b"", b"a"),
    "dots": path(b"./"),
    "escapes": path(b"%41"),
    "slashes": path(b"//."),
    "backslash": path(b"/.\\"),
    "head-in-pieces": head_in_pieces,
    "answer-head": answer_head,
    "chunks": chunks(b"1\r\na\r\n", 16 * 1024),
    "chunks-at-once": chunks(b"1\r\na\r\n", 1 << 30),
    "chunks-in-octets": chunks(b"1\r\na\r\n", 1),
    "chunk-in-octets": chunks(b"7fffffff\r\n" + b"a" * (1 << 20), 1),
    "chunk-lines-refused": chunks(b"g", 7),
    "trailers": chunks(b"0\r\n" + b"A: b\r\n" * 2000, 16),
}


def cost(work: Callable[[int], None], size: int) -> float:
    """Return the least time (s) of five tries."""
    times = []
    for _ in range(5):
        begin = time.process_time()
        work(size)
        times.append(time.process_time() - begin)
    return min(times)


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
def test_hostile_octets_cost_in_proportion(work: Callable[[int], None]):
    size = HEAD_LIMIT // GROWTH - 64
    fixed = 0.0005  # s; below it nothing is worth telling apart
    assert cost(work, GROWTH * size) <= BOUND * max(cost(work, size), fixed)
