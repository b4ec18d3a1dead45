"""What cannot be true at once of the lives of services."""

from collections.abc import Iterator, Mapping

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.schema import Service
from webqx_supervisor.model.service import Again, Kind


def life_clashes(services: Mapping[str, Service]) -> Iterator[Complaint]:
    """Find what a task cannot be asked for, and what only a task can."""
    for name, entry in services.items():
        place = ("services", name)
        if entry.kind is Kind.TASK:
            for key, said in (("port", entry.port), ("listen", entry.listen)):
                if said is not None:
                    yield (*place, key), "a task takes no requests"
            if "policy" in entry.restart.model_fields_set and entry.restart.policy is Again.ALWAYS:
                message = 'a task is to end; wanted "on-failure" or "never"'
                yield (*place, "restart", "policy"), message
        for other, condition in entry.depends_on.items():
            needed = services.get(other)
            if needed is None:
                continue
            if condition == "completed" and needed.kind is not Kind.TASK:
                message = f'`{other}` never completes: it is no task (kind = "task")'
                yield (*place, "depends_on", other), message
            if condition in ("ready", "healthy") and needed.kind is Kind.TASK:
                message = f'`{other}` is a task; wanted "completed" or "started"'
                yield (*place, "depends_on", other), message
