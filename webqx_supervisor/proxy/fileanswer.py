"""The answer that a file is: its head, then its octets, never others and never fewer."""

import os
from collections.abc import Awaitable

from webqx_supervisor.core.wire.framing import LAST_CHUNK, encode_chunk
from webqx_supervisor.core.wire.messages import CHUNKED, UNTIL_CLOSE
from webqx_supervisor.core.wire.writer import render_own_head
from webqx_supervisor.net.channel import PIECE
from webqx_supervisor.net.sendfile import send_file
from webqx_supervisor.proxy.answer import framing_for
from webqx_supervisor.proxy.exchange import Encoder, Exchange
from webqx_supervisor.proxy.knownfiles import LONGEST, Answerable
from webqx_supervisor.proxy.refusal import Cut, Refused

WITH_HEAD = LONGEST
"""Octets that are read and sent with the head; what comes after them goes by sendfile(2)."""

_SHORTER = "the file has become shorter"


def send_part(
    exchange: Exchange, file: Answerable, status: int, span: tuple[int, int], lines: bytes
) -> Awaitable[None] | None:
    """Send a part of a file, where it begins and its length; `lines` tell about it.

    Returns what is to be awaited if that cannot be done at once. Raises, or has that raise, Refused
    or Cut when the file is not that long any more, Broken.
    """
    begin, length = span
    first = b""
    if exchange.head.method == b"HEAD":
        octets = _begin(exchange, status, length, lines)
        length = 0
    else:
        first = _read(file, min(length, WITH_HEAD), begin)
        octets = _begin(exchange, status, length, lines) + first
    exchange.sent = len(first)
    sent = exchange.client.channel.send(octets)
    if sent == len(octets) and len(first) == length:
        return None
    return _send_rest(exchange, file, octets, sent, (begin + len(first), length - len(first)))


async def _send_rest(
    exchange: Exchange, file: Answerable, octets: bytes, sent: int, span: tuple[int, int]
) -> None:
    channel, seconds = exchange.client.channel, exchange.client.door.limits.write_timeout
    if sent < len(octets):
        await channel.send_rest(octets, sent, seconds)
    begin, left = span

    def moved(count: int) -> None:
        exchange.sent += count

    if left and not await send_file(channel, file.fd, begin, left, seconds, moved):
        raise Cut(_SHORTER)


async def send_encoded(
    exchange: Exchange, file: Answerable, encoder: Encoder, lines: bytes
) -> None:
    """Send the whole of a file encoded; `lines` tell about it.

    Raises Refused, Cut, Broken, as send_part().
    """
    size = file.size
    if size <= WITH_HEAD:
        body = encoder.encode(_read(file, size, 0)) + encoder.finish()
        exchange.sent = len(body)
        await exchange.answer(_begin(exchange, 200, len(body), lines) + body)
        return
    framing = framing_for(CHUNKED, exchange.head.minor)
    await exchange.answer(_begin(exchange, 200, framing, lines))
    done = 0
    while done < size:
        data = os.pread(file.fd, min(PIECE, size - done), done)
        if not data:
            raise Cut(_SHORTER)
        done += len(data)
        body = encoder.encode(data)
        if done == size:
            body += encoder.finish()
        framed = encode_chunk(body) if framing == CHUNKED else body
        if done == size and framing == CHUNKED:
            framed += LAST_CHUNK
        exchange.sent += len(body)
        await exchange.answer(framed)
        await exchange.client.channel.yield_turn()  # to encode a piece takes its time


def stripped(exchange: Exchange, lines: bytes) -> bytes:
    """Return the lines without those that the route writes itself."""
    return lines if exchange.strip is None else exchange.strip(lines)


def _read(file: Answerable, count: int, begin: int) -> bytes:
    """Read all of that. Raises Refused where it is not there: nothing has been sent yet."""
    if file.body is not None:
        return file.body[begin : begin + count]
    try:
        data = os.pread(file.fd, count, begin)
    except OSError as error:
        raise Refused(500, f"the file cannot be read: {error.strerror}") from error
    if len(data) < count:
        raise Refused(503, _SHORTER, b"Retry-After: 1\r\n")
    return data


def _begin(exchange: Exchange, status: int, length: int, lines: bytes) -> bytes:
    """Return the head, after which the answer has begun."""
    exchange.keep = exchange.may_keep() and length != UNTIL_CLOSE
    exchange.status = status
    extra = exchange.gateway.date() + stripped(exchange, lines) + exchange.extra
    return render_own_head(status, length, b"", close=not exchange.keep, extra=extra)
