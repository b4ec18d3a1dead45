# cython: annotation_typing=True
"""One client connection: its requests in their order, until it ends. It may fail alone."""

import logging
from collections.abc import Awaitable, Callable

from webqx_supervisor.core.wire.messages import Malformed, RequestHead
from webqx_supervisor.core.wire.parser import find_head, parse_request
from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.net.poller import ENDED
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy import losses
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.forward import forward
from webqx_supervisor.proxy.gateway import Client, Gateway
from webqx_supervisor.proxy.refusal import Again, Cut, Refused, Settled
from webqx_supervisor.proxy.upload import Upload
from webqx_supervisor.proxy.way import Way

LINGER = 1.0
"""s, and octets, that are still read after the last answer (RFC 9112 section 9.6)."""
LINGER_OCTETS = 64 * 1024

_LOG = logging.getLogger(__name__)
_PIECE = 16 * 1024
# Stands for a request whose head could not be understood.
_UNREAD = RequestHead(
    method=b"",
    target=b"",
    path="",
    host=b"",
    authority=b"",
    minor=1,
    kept=b"",
    block=b"",
    length=0,
    keep_alive=False,
    expects_continue=False,
    upgrade=b"",
    via_self=False,
)


Talk = Callable[[Gateway, Client], Awaitable[None]]


async def serve(gateway: Gateway, client: Client, talk: Talk) -> None:
    """Serve a client in the protocol of its listener, then close its connection."""
    try:
        await talk(gateway, client)
    except Broken:
        pass  # between two exchanges nobody is owed anything
    except Exception:  # noqa: BLE001 - one connection may fail alone
        _LOG.exception("request %s of %s failed", gateway.log.request_id(client.request), client.ip)
        client.channel.abort()
    finally:
        client.channel.close()
        gateway.forget(client)


async def talk_http(gateway: Gateway, client: Client) -> None:
    """Serve every request of the connection. Raises Broken."""
    channel = client.channel
    channel.hook(ENDED, client.hung_up)
    while True:
        if gateway.heir is not None:
            gateway.heir.take(client)
            return
        octets = client.ahead or channel.take(_PIECE)
        if octets is None:
            await channel.ready(client.door.limits.idle_timeout)
            continue
        # Held by nobody but the client: what becomes a tunnel may last for days.
        client.ahead, octets = octets, None
        if not client.ahead or not await _serve_next(gateway, client):
            return
        if client.ahead:  # who pipelines must not keep others from their turn
            await channel.yield_turn()


async def _serve_next(gateway: Gateway, client: Client) -> bool:
    """Serve the request whose beginning is there; say whether another may follow."""
    try:
        head = _head_at_hand(client)
        if head is None:
            head = await _read_head(gateway, client)
    except Malformed as fault:
        await refuse_unread(gateway, client, Refused(fault.status, fault.reason))
        return False
    if head is None:
        return not client.over
    client.busy = True
    exchange = Exchange(gateway, client, head)
    try:
        await _serve(exchange)
    finally:
        exchange.end()
        client.busy = False
    if not exchange.keep and not client.channel.closed:
        client.over = True
        await linger(gateway.reactor, client.channel)
    return exchange.keep


def _head_at_hand(client: Client) -> RequestHead | None:
    """Return the head that is there, None if it is not whole. Raises Malformed."""
    octets = client.ahead
    end = find_head(octets, client.door.limits.max_head)
    if end < 0:
        return None
    client.ahead = octets[end:]
    return parse_request(octets[:end])


async def _read_head(gateway: Gateway, client: Client) -> RequestHead | None:
    """Read on until the head is whole. Raises Malformed, Broken.

    Returns None if the client ends, who is `over` then, or is to go on with another proxy.
    """
    channel, limits = client.channel, client.door.limits
    until = gateway.reactor.now + limits.head_timeout
    end = -1
    try:
        while end < 0:
            data = channel.take(_PIECE)
            if data is None:
                if gateway.heir is not None:
                    return None
                await channel.ready(until - gateway.reactor.now)
                continue
            if not data:
                client.over = True
                return None
            searched = len(client.ahead)
            client.ahead += data
            end = find_head(client.ahead, limits.max_head, searched)
    except Stalled:
        raise Malformed(408, "the request's head did not come in time") from None
    octets, client.ahead = client.ahead[:end], client.ahead[end:]
    return parse_request(octets)


async def _serve(exchange: Exchange) -> None:  # noqa: C901 - in parts it would be a coroutine more
    try:
        try:
            way = _way_for(exchange)
            if way is None:
                await exchange.answer_options()
            else:
                if not way.plain:
                    for ask in way.filters:
                        waiting = ask(exchange)
                        if waiting is not None:
                            await waiting
                if way.carry is None:
                    await forward(exchange, way)
                else:
                    await way.carry(exchange)
        except Again:
            await _serve(exchange)
        except Refused as refused:
            await exchange.refuse(refused)
        except Settled as settled:
            await exchange.settle(settled)
    except Cut as cut:
        losses.note(exchange)
        exchange.cut(cut.reason)
    except Broken as broken:
        exchange.lost(broken)


def _way_for(exchange: Exchange) -> Way | None:
    """Return the way that the request takes; None: the server as such is asked. Raises Refused."""
    head, client = exchange.head, exchange.client
    if client.vouch is not None:
        client.vouch(exchange)
    if head.length and exchange.upload is None:
        exchange.upload = Upload(exchange.gateway.reactor, client, head.length)
    if head.via_self:
        raise Refused(508, "the request runs in a circle")
    if head.target == b"*":
        return None
    way = exchange.gateway.way(client.door.name, head.host, head.path, head)
    if way.meter is not None:
        exchange.count_as(way.meter)
    if way.plain and exchange.upload is not None:
        exchange.upload.bound(client.door.limits.max_body)
    exchange.extra = way.lines
    exchange.strip = way.strip
    return way


async def refuse_unread(gateway: Gateway, client: Client, refused: Refused) -> None:
    """Refuse whatever the client has sent, and let it get to see that."""
    exchange = Exchange(gateway, client, _UNREAD)
    try:
        await exchange.refuse(refused)
    finally:
        exchange.record()
    client.over = True
    await linger(gateway.reactor, client.channel)


async def linger(reactor: Reactor, channel: Channel) -> None:
    """Read what the client still sends: closing over unread octets would destroy the answer."""
    channel.shutdown_write()
    until = reactor.now + LINGER
    octets = 0
    while octets < LINGER_OCTETS and (data := await channel.recv(_PIECE, until - reactor.now)):
        octets += len(data)
