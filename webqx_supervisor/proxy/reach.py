"""A connection to a claimed upstream."""

from webqx_supervisor.net.channel import Channel, connect
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.group import Group
from webqx_supervisor.proxy.refusal import Unreachable
from webqx_supervisor.proxy.upstream import LiveUpstream


async def reach(reactor: Reactor, group: Group, upstream: LiveUpstream) -> Channel:
    """Open a connection. Raises Unreachable, and keeps others from trying there at once."""
    try:
        return await connect(
            reactor, upstream.host, upstream.port, group.forwarding.connect_timeout
        )
    except OSError as error:
        group.refused(upstream)
        raise Unreachable(error.strerror or str(error)) from error
