"""Wait for one of two things."""

from collections.abc import Awaitable, Callable

import trio

Wait = Callable[[], Awaitable[object]]


async def either(wait: Wait, other: Wait) -> None:
    """Return when one of both has returned; the slower one is cancelled.

    What one of them raises comes out as it is; of two that fail at once, as a group.
    """
    try:
        async with trio.open_nursery() as nursery:

            async def first(each: Wait) -> None:
                await each()
                nursery.cancel_scope.cancel()

            nursery.start_soon(first, other)
            await first(wait)
    except ExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None
