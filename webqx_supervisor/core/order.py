"""Who comes before whom, by what services depend on."""

from collections.abc import Iterable, Mapping

from webqx_supervisor.model.service import Service

Order = Mapping[str, frozenset[str]]
"""For each name, those that come directly before it."""


def forerunners(services: Iterable[Service]) -> Order:
    """Return for each service those of `services` that it depends on: they start before it.

    It never goes round, so whoever waits in this order comes to an end: of services that wait
    for each other (two files of different age may say so together), all are taken as free.
    """
    needs = {each.name: {name for name, _ in each.depends_on} for each in services}
    waves: dict[str, int] = {}
    wave = 0
    while left := needs.keys() - waves.keys():
        free = {name for name in left if not needs[name] & left}
        waves |= dict.fromkeys(free or left, wave)
        wave += 1
    return {
        name: frozenset(other for other in needed & needs.keys() if waves[other] < waves[name])
        for name, needed in needs.items()
    }


def followers(services: Iterable[Service]) -> Order:
    """Return the same the other way round: who stops before each."""
    before = forerunners(services)
    return {
        name: frozenset(other for other, needed in before.items() if name in needed)
        for name in before
    }
