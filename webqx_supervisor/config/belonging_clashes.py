"""What cannot be true at once of groups and profiles."""

from collections.abc import Collection, Iterator, Mapping

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.schema import Service


def belonging_clashes(
    services: Mapping[str, Service], known: Collection[str]
) -> Iterator[Complaint]:
    """Find groups that could be taken for a service, and needs that a profile leaves unmet."""
    for name, entry in services.items():
        for group in entry.group:
            if group in known:
                message = f"a service is called `{group}`: commands could not tell them apart"
                yield ("services", name, "group"), message
        for other in entry.depends_on:
            if other in services:
                problem = _may_be_missing(other, services[other], entry)
                if problem:
                    yield ("services", name, "depends_on", other), problem


def _may_be_missing(needed: str, other: Service, entry: Service) -> str:
    """Return how a service could be started without what it needs; "" if by name alone."""
    if not other.profiles:
        return ""
    only = f"`{needed}` is started only with profile {' or '.join(other.profiles)}"
    if not entry.profiles:
        return f"{only}, and this service always: give it the same `profiles`"
    without = [profile for profile in entry.profiles if profile not in other.profiles]
    return f"{only}, and this service also with {' or '.join(without)}" if without else ""
