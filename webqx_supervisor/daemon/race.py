"""Wait for one of two things."""

from collections.abc import Awaitable, Callable

import trio

Wait = Callable[[], Awaitable[object]]


async def either(wait: Wait, other: Wait) -> None:
    """Return when one of both has returned; the slower one is cancelled."""
    async with trio.open_nursery() as nursery:

        async def first(each: Wait) -> None:
            await each()
            nursery.cancel_scope.cancel()

        nursery.start_soon(first, other)
        await first(wait)
