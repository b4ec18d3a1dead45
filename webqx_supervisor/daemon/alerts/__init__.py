"""Alerts, the part that does things.

facts: what holds now · watch: has it looked at and told · tell: reaches a receiver.
"""

from collections.abc import Awaitable, Callable

from webqx_supervisor.config.places import Places
from webqx_supervisor.daemon.alerts.facts import World, findings
from webqx_supervisor.daemon.alerts.watch import AlertWatch
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.model.link import Count


def watch_over(
    services: Services,
    counts: Callable[[], Awaitable[tuple[Count, ...] | None]],
    registry: Registry,
    places: Places,
) -> AlertWatch:
    """Return the watch over these services; `counts` asks all proxies for their figures."""
    world = World(services, places.state_dir)

    async def sample() -> None:
        world.counts = await counts() or world.counts
        world.memory = await services.memory()

    return AlertWatch(
        wanted=lambda: services.config.alerts,
        name=lambda: services.config.name,
        look=lambda: findings(services.config.alerts.rules, world),
        sample=sample,
        registry=registry,
        path=places.alerts,
    )
