"""One client connection of a TCP listener: a tunnel to the first upstream that accepts it."""

from functools import partial

from webqx_supervisor.core.counting import RETRIES, TCP_CARRIED, TCP_REFUSED
from webqx_supervisor.model.link import HandedTunnel
from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.net.poller import BROKEN
from webqx_supervisor.proxy.accesslog import Record
from webqx_supervisor.proxy.gateway import Client, Gateway
from webqx_supervisor.proxy.group import Elsewhere, Group, Wish
from webqx_supervisor.proxy.guard import Pass
from webqx_supervisor.proxy.meters import RouteMeter, names_of
from webqx_supervisor.proxy.reach import reach
from webqx_supervisor.proxy.refusal import Refused, Unreachable
from webqx_supervisor.proxy.tunnel import Tunnel
from webqx_supervisor.proxy.upstream import LiveUpstream


class Stream:
    """Knows what its line in the access log will say."""

    def __init__(self, gateway: Gateway, client: Client) -> None:
        self._began = gateway.reactor.now
        self._client = client
        self._gateway = gateway
        self._handed = False
        self._meter: RouteMeter | None = None
        self._carried = False
        self._reason = ""
        self._retries = 0
        self._sent = 0
        self._upstream = ""
        client.request = gateway.log.next_request()

    async def run(self) -> None:
        """Carry the whole connection, then close it; with a reset if no worker took it."""
        channel = self._client.channel
        try:
            await self._serve()
        except Refused as refused:
            self._reason = refused.reason
            channel.abort()
        except Broken as broken:
            self._reason = str(broken)
            if not isinstance(broken, Stalled):
                channel.abort()
        finally:
            self._record()

    def refuse(self, refused: Refused) -> None:
        """Carry nothing, and say in the log why."""
        self._reason = refused.reason
        self._client.channel.abort()
        self._record()

    async def _serve(self) -> None:
        client, gateway = self._client, self._gateway
        way = gateway.way(client.door.name, b"", "/")
        self._meter = way.meter
        if way.meter is not None:
            way.meter.enter()
        if way.allowed is not None and client.ip not in way.allowed:
            raise Refused(403, "this address may not connect here")
        route = way.route
        group = gateway.group(route)

        def hung_up(_channel: Channel, _events: int) -> None:
            if client.task is not None:
                client.task.cancel()

        client.channel.hook(BROKEN, hung_up)
        until = gateway.reactor.now + group.forwarding.queue_timeout
        wish = group.wish(None, client.ip) if group.wishful else None
        while True:
            try:
                upstream = await group.claim(until, wish, partial(gateway.leads_away, route, group))
            except Elsewhere:
                group = gateway.group(route)
                wish = group.wish(None, client.ip) if group.wishful else None
                continue
            self._upstream = upstream.id
            try:
                await self._carry(group, upstream)
            except Unreachable:
                wish = wish or Wish()
                wish.tried.append(upstream)
                self._retries += 1
                group = gateway.group(route)
            else:
                return

    async def _carry(self, group: Group, upstream: LiveUpstream) -> None:
        gateway = self._gateway
        channel: Channel | None = None
        tunnel: Tunnel | None = None
        let_through = None if upstream.guard is None else upstream.guard.take()
        try:
            channel = await _reach(gateway, group, upstream, let_through)
            self._client.channel.unhook()
            seconds = group.forwarding.tunnel_timeout
            tunnel = Tunnel(gateway.reactor, self._client.channel, channel, seconds)
            tunnel.meter = self._meter
            upstream.begin_endless(channel, tunnel)
            if self._client.ahead:  # what came with a PROXY header
                ahead, self._client.ahead = self._client.ahead, b""
                await channel.send_all(ahead, group.forwarding.response_timeout)
            if gateway.heir is not None:
                tunnel.interrupt()
            if await tunnel.run() and gateway.heir is not None:
                self._reason, self._handed = "handed on to another proxy", True
                client = self._client
                entry = HandedTunnel(
                    *(client.door.name, client.ip, upstream.id, group.service, "TCP", ""),
                    counted_as=names_of(self._meter),
                )
                await gateway.heir.take_endless(client, channel, tunnel.handed(entry))
        finally:
            if let_through is not None:
                let_through.end()
            if channel is not None:
                upstream.end_endless(channel)
                channel.close()
            if tunnel is not None:
                self._carried, self._sent = True, tunnel.sent
            gateway.upstreams.release(group, upstream, answered=tunnel is not None)

    def _record(self) -> None:
        meter = self._meter
        if meter is not None:
            meter.leave()
        if meter is not None and not self._handed:  # else it is another proxy that counts it
            meter.add(TCP_CARRIED if self._carried else TCP_REFUSED, 1)
            meter.add(RETRIES, self._retries)
        self._gateway.requests += 1
        self._gateway.log.record(
            Record(
                self._gateway.reactor.now,
                self._began,
                self._client.ip,
                b"TCP",
                b"",
                0,
                self._sent,
                self._upstream,
                self._client.request,
                self._retries,
                self._reason,
                "",
                None,
                None,
            )
        )


async def refuse_tcp(gateway: Gateway, client: Client, refused: Refused) -> None:
    """End a connection that has not come to its tunnel: there are no words for why."""
    Stream(gateway, client).refuse(refused)


async def _reach(
    gateway: Gateway, group: Group, upstream: LiveUpstream, let_through: Pass | None
) -> Channel:
    """Connect, and tell the breaker. Raises Unreachable."""
    try:
        channel = await reach(gateway.reactor, group, upstream)
    except Unreachable:
        if let_through is not None:
            let_through.failed(broke=False)
        raise
    if let_through is not None:
        let_through.answered()
    return channel


async def talk_tcp(gateway: Gateway, client: Client) -> None:
    """Serve a client of a TCP listener."""
    client.busy = True
    await Stream(gateway, client).run()
