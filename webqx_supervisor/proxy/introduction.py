"""The beginning of a connection from a trusted proxy: the PROXY header, then what it speaks."""

from collections.abc import Awaitable, Callable

from webqx_supervisor.core.wire.messages import Malformed
from webqx_supervisor.core.wire.proxyline import ProxyLine, parse_proxy_line
from webqx_supervisor.net.channel import Stalled
from webqx_supervisor.proxy.connection import Talk
from webqx_supervisor.proxy.gateway import Client, Gateway
from webqx_supervisor.proxy.refusal import Refused

Refuse = Callable[[Gateway, Client, Refused], Awaitable[None]]

_PIECE = 16 * 1024


def introduced(talk: Talk, refuse: Refuse) -> Talk:
    """Return a talk that begins with a PROXY header, which must come within head_timeout."""

    async def begin(gateway: Gateway, client: Client) -> None:
        try:
            line = await _read(gateway, client)
            if line is None:
                return
            client.door.introduce(client, line)
        except Malformed as fault:
            await refuse(gateway, client, Refused(fault.status, fault.reason))
        except Refused as refused:
            await refuse(gateway, client, refused)
        else:
            await talk(gateway, client)

    return begin


async def _read(gateway: Gateway, client: Client) -> ProxyLine | None:
    """Read the header; None if the client ends, or goes on with another proxy.

    Raises Malformed, Broken.
    """
    channel = client.channel
    until = gateway.reactor.now + client.door.limits.head_timeout
    try:
        while True:
            line = parse_proxy_line(client.ahead)
            if line is not None:
                client.ahead = client.ahead[line.size :]
                return line
            if gateway.heir is not None:
                gateway.heir.take(client)
                return None
            data = channel.take(_PIECE)
            if data is None:
                await channel.ready(until - gateway.reactor.now)
            elif not data:
                return None
            else:
                client.ahead += data
    except Stalled:
        raise Malformed(408, "the PROXY header did not come in time") from None
