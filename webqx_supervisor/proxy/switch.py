"""An exchange that becomes a tunnel: after 101 there are no more messages, only octets."""

from webqx_supervisor.core.wire.messages import ResponseHead
from webqx_supervisor.core.wire.writer import render_response
from webqx_supervisor.model.link import HandedTunnel
from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.group import Group
from webqx_supervisor.proxy.meters import names_of
from webqx_supervisor.proxy.tunnel import Tunnel
from webqx_supervisor.proxy.upstream import LiveUpstream


class Switch:
    """The end of an exchange, and the tunnel that follows it."""

    __slots__ = (
        "_channel",
        "_exchange",
        "_first",
        "_forwarding",
        "_service",
        "_tunnel",
        "_upstream",
    )

    def __init__(
        self, exchange: Exchange, group: Group, upstream: LiveUpstream, channel: Channel
    ) -> None:
        self._channel = channel
        self._exchange = exchange
        self._first = b""
        self._forwarding = group.forwarding
        self._service = group.service
        self._upstream = upstream
        self._tunnel = Tunnel(
            exchange.gateway.reactor,
            exchange.client.channel,
            channel,
            group.forwarding.tunnel_timeout,
        )

    def begin(self, head: ResponseHead, ahead: bytes) -> None:
        """Take in the worker's 101, and what came with it of the other protocol."""
        exchange, client = self._exchange, self._exchange.client
        exchange.status = 101
        exchange.sent = len(ahead)
        exchange.endless = True
        if exchange.meter is not None:
            exchange.meter.carried(len(client.ahead), len(ahead))
            self._tunnel.meter = exchange.meter
        client.channel.unhook()
        if head.upgrade == b"websocket":
            self._tunnel.follow_frames(client.ahead, ahead)
        self._upstream.begin_endless(self._channel, self._tunnel)
        octets = render_response(head, close=False, client_minor=1, length=0, upgrade=head.upgrade)
        self._first = octets + ahead
        # A tunnel may last for days, beside thousands of others: it keeps nothing of the heads.
        head.block = head.kept = exchange.head.block = exchange.head.kept = b""

    async def run(self) -> None:
        """Carry the tunnel to its end, or to another proxy."""
        exchange, client = self._exchange, self._exchange.client
        channel, tunnel = self._channel, self._tunnel
        try:
            await exchange.answer(self._first)
            self._first = b""
            await channel.send_all(client.ahead, self._forwarding.response_timeout)
            client.ahead = b""
            if exchange.gateway.heir is not None:
                tunnel.interrupt()
            if await tunnel.run():
                await self._hand_on()
        except Broken as broken:
            exchange.reason = f"tunnel: {broken}"
            if not isinstance(broken, Stalled):
                client.channel.abort()  # a reset is passed on as one
        exchange.sent += tunnel.sent

    async def _hand_on(self) -> None:
        """Let another proxy go on with the tunnel, if it is not over."""
        exchange, client = self._exchange, self._exchange.client
        if exchange.gateway.heir is None:
            return
        exchange.reason, exchange.handed = "handed on to another proxy", True
        entry = HandedTunnel(
            client.door.name,
            client.ip,
            self._upstream.id,
            self._service,
            exchange.head.method.decode("latin-1"),
            exchange.target.decode("latin-1"),
            asked_by=exchange.ip,
            counted_as=names_of(exchange.meter),
        )
        await exchange.gateway.heir.take_endless(client, self._channel, self._tunnel.handed(entry))
