"""The key by which services.toml has workers accept for themselves, with no proxy in the way."""

from pydantic import Field

from webqx_supervisor.config.kinds import Section


class HandedSockets(Section):
    """Who accepts on the addresses of `listen`."""

    listen_fds: bool = Field(
        default=False,
        description="The workers accept on `listen` themselves, as sd_listen_fds(3) says: the "
        "sockets are their descriptors from 3 up. No proxy is in the way, and no `port` needed.",
    )
