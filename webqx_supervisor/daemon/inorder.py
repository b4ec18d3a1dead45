"""Do the same to several services: each as soon as those before it are done."""

from collections.abc import Awaitable, Callable, Iterable

import trio

from webqx_supervisor.core.order import Order, followers, forerunners
from webqx_supervisor.daemon.supervisor import Supervisor

Verb = Callable[[Supervisor], Awaitable[None]]


async def in_order(supervisors: Iterable[Supervisor], verb: Verb, before: Order) -> None:
    """Do `verb` to each, after it is done to those that come `before` it."""
    everyone = list(supervisors)
    done = {each.service.name: trio.Event() for each in everyone}

    async def one(supervisor: Supervisor) -> None:
        name = supervisor.service.name
        try:
            await _all(done, before.get(name, frozenset()))
            await verb(supervisor)
        finally:
            done[name].set()

    async with trio.open_nursery() as nursery:
        for supervisor in everyone:
            nursery.start_soon(one, supervisor)


async def restart_in_order(supervisors: Iterable[Supervisor]) -> None:
    """Stop all of these in reverse order, and start each when those that it needs are down.

    Not before: it would find them up, as they were.
    """
    everyone = list(supervisors)
    services = [each.service for each in everyone]
    needed, needing = forerunners(services), followers(services)
    down = {service.name: trio.Event() for service in services}

    async def one(supervisor: Supervisor) -> None:
        name = supervisor.service.name

        async def between() -> None:
            down[name].set()
            await _all(down, needed[name])

        try:
            await _all(down, needing[name])
            await supervisor.restart(between)
        finally:
            down[name].set()

    async with trio.open_nursery() as nursery:
        for supervisor in everyone:
            nursery.start_soon(one, supervisor)


async def _all(events: dict[str, trio.Event], names: Iterable[str]) -> None:
    for name in names:
        if name in events:
            await events[name].wait()
