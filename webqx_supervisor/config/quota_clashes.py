"""What cannot be true at once of what workers may use."""

from collections.abc import Iterator, Mapping

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.life import kind
from webqx_supervisor.config.schema import Service
from webqx_supervisor.config.units import size_text
from webqx_supervisor.model.service import Kind


def quota_clashes(services: Mapping[str, Service]) -> Iterator[Complaint]:
    """Find limits that say nothing or contradict each other."""
    for name, entry in services.items():
        place, said = ("services", name), entry.resources
        if said.memory_soft is not None:
            if kind(entry) is Kind.TASK:
                message = (
                    "a task ends by itself: nothing replaces it, so `memory` is its only limit"
                )
                yield (*place, "resources", "memory_soft"), message
            elif said.memory is not None and said.memory_soft >= said.memory:
                message = f"must be less than `memory`, which is {size_text(said.memory)}"
                yield (*place, "resources", "memory_soft"), message
