"""What an open page is told: everything at first, then every second, and sooner when it changes."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import trio

from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.codec import to_plain

PERIOD = 1.0
"""s between two looks while a page is open; nobody looks while none is."""
TOGETHER = 0.05
"""Changes so many s apart are told in one message."""
FIRST_EVENTS = 200


async def messages(
    look: Callable[[], Awaitable[Any]], registry: Registry, at: Callable[[], float]
) -> AsyncIterator[bytes]:
    """Yield server-sent events (HTML Living Standard, section 9.2) without end.

    `look` returns what is seen now, `at` the Unix time of it.
    """
    told = max(0, registry.told - FIRST_EVENTS)
    while True:
        events, told = registry.events(told), registry.told
        message = {"at": at(), "status": to_plain(await look()), "events": to_plain(events)}
        yield b"data: " + json.dumps(message, separators=(",", ":")).encode() + b"\n\n"
        with trio.move_on_after(PERIOD):
            await registry.next_change()
            await trio.sleep(TOGETHER)
