"""Open what a worker is to tell over, and say what it gets of that at its birth."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from webqx_supervisor.core import nodeipc
from webqx_supervisor.daemon.environment import Gifts
from webqx_supervisor.daemon.voice import Voice
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.readiness import Access, Means
from webqx_supervisor.model.service import Service
from webqx_supervisor.process.nodeipc import Channel
from webqx_supervisor.process.notify import NotifySocket


@contextmanager
def opened(service: Service) -> Iterator[tuple[Voice, Gifts]]:
    """Give the voice of a process to come, and its part; that is closed here once it is born.

    Both are closed where it is not. Raises CannotStart.
    """
    said, env, descriptors = service.readiness, dict[str, str](), list[tuple[int, int]]()
    with ExitStack() as unborn, ExitStack() as theirs:
        notify = pipe = channel = None
        try:
            if said.notify is not None:
                notify = NotifySocket.open()
                unborn.callback(notify.close)
                env |= {"NOTIFY_SOCKET": notify.address, **_watchdog(said.watchdog)}
            if awaited := said.awaits(Means.FD):
                pipe, writing = os.pipe()
                unborn.callback(os.close, pipe)
                theirs.callback(os.close, writing)
                os.set_blocking(pipe, False)
                descriptors.append((awaited.fd, writing))
            if said.awaits(Means.IPC) or service.stop.shutdown_with_message:
                channel, child = Channel.open()
                unborn.callback(channel.close)
                theirs.callback(os.close, child)
                descriptors.append((nodeipc.NUMBER, child))
                env |= nodeipc.ENVIRONMENT
        except OSError as error:
            raise CannotStart(f"no channel to hear it over: {error.strerror}") from error
        access = said.notify or Access.ALL
        # Unset it means whichever process asks, sd_watchdog_enabled(3): that may be a child.
        pid_variable = "WATCHDOG_PID" if said.watchdog and access is Access.MAIN else ""
        voice = Voice(notify, pipe, channel, access=access, watchdog=said.watchdog)
        yield voice, Gifts(tuple(env.items()), tuple(descriptors), pid_variable)
        unborn.pop_all()


def _watchdog(seconds: float) -> dict[str, str]:
    return {"WATCHDOG_USEC": str(round(seconds * 1e6))} if seconds else {}
