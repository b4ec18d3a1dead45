"""One client connection: its requests in their order, until it ends. It may fail alone."""

import logging
from collections.abc import Awaitable, Callable

from webqx_supervisor.core.wire.messages import Malformed, RequestHead
from webqx_supervisor.core.wire.parser import find_head, parse_request
from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.net.poller import BROKEN, ENDED
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.answer import HALF_CLOSED_PATIENCE
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.forward import forward
from webqx_supervisor.proxy.gateway import Client, Gateway
from webqx_supervisor.proxy.refusal import Cut, Refused
from webqx_supervisor.proxy.upload import Upload

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

    def hung_up(events: int) -> None:
        if not client.busy or client.task is None:
            return  # whoever reads will see it
        if events & BROKEN:
            client.task.cancel()
        else:
            client.task.hurry(HALF_CLOSED_PATIENCE)

    client.channel.hook(ENDED, hung_up)
    while await _serve_next(gateway, client):
        if client.ahead:  # who pipelines must not keep others from their turn
            await client.channel.yield_turn()


async def _serve_next(gateway: Gateway, client: Client) -> bool:
    """Serve one request; say whether the connection may carry another."""
    try:
        head = await _read_head(gateway, client)
    except Malformed as fault:
        await _refuse_head(gateway, client, Refused(fault.status, fault.reason))
        return False
    if head is None:
        return False
    client.busy = True
    exchange = Exchange(gateway, client, head)
    try:
        await _serve(exchange)
    finally:
        exchange.record()
        client.busy = False
    if not exchange.keep and not client.channel.closed:
        await _linger(gateway.reactor, client.channel)
    return exchange.keep


async def _read_head(gateway: Gateway, client: Client) -> RequestHead | None:
    """Return the next head, None when the client is done. Raises Malformed, Broken."""
    limits = client.door.limits
    buffer = client.ahead or await client.channel.recv(_PIECE, limits.idle_timeout)
    if not buffer:
        return None
    end = find_head(buffer, limits.max_head)
    if end < 0:
        until = gateway.reactor.now + limits.head_timeout
        try:
            while end < 0:
                data = await client.channel.recv(_PIECE, until - gateway.reactor.now)
                if not data:
                    return None
                searched = len(buffer)
                buffer += data
                end = find_head(buffer, limits.max_head, searched)
        except Stalled:
            raise Malformed(408, "the request's head did not come in time") from None
    client.ahead = buffer[end:]
    return parse_request(buffer[:end])


async def _serve(exchange: Exchange) -> None:
    try:
        try:
            await _route(exchange)
        except Refused as refused:
            await exchange.refuse(refused)
    except Cut as cut:
        exchange.cut(cut.reason)
    except Broken as broken:
        exchange.lost(broken)


async def _route(exchange: Exchange) -> None:
    head, client = exchange.head, exchange.client
    if head.length:
        exchange.upload = Upload(exchange.gateway.reactor, client, head.length)
    if head.via_self:
        raise Refused(508, "the request runs in a circle")
    if head.target == b"*":
        await exchange.answer_options()
        return
    await forward(exchange, exchange.gateway.route(client.door.name, head.host, head.path))


async def _refuse_head(gateway: Gateway, client: Client, refused: Refused) -> None:
    exchange = Exchange(gateway, client, _UNREAD)
    try:
        await exchange.refuse(refused)
    finally:
        exchange.record()
    await _linger(gateway.reactor, client.channel)


async def _linger(reactor: Reactor, channel: Channel) -> None:
    """Read what the client still sends: closing over unread octets would destroy the answer."""
    channel.shutdown_write()
    until = reactor.now + LINGER
    octets = 0
    while octets < LINGER_OCTETS and (data := await channel.recv(_PIECE, until - reactor.now)):
        octets += len(data)
