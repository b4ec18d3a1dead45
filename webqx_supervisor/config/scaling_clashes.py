"""What cannot be true at once of the number of workers and of what decides it."""

from collections.abc import Iterator

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.fields import resolved
from webqx_supervisor.config.life import kind
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.scaling import Autoscale
from webqx_supervisor.config.schema import Service, ServicesToml
from webqx_supervisor.model.service import Kind


def scaling_clashes(document: ServicesToml, cpus: int) -> Iterator[Complaint]:
    """Find what asks for impossible numbers, or for traffic where there is none."""
    asked = {name for route in document.routes for name in (route.service, route.backup)}
    asked |= {
        entry.forward_auth.service
        for entry in (*document.services.values(), *document.routes)
        if entry.forward_auth is not None
    }
    for name, entry in document.services.items():
        place: KeyPath = ("services", name, "autoscale")
        if entry.autoscale is None or entry.remote:
            continue
        if kind(entry) is Kind.TASK:
            yield place, "a task runs once, or by its schedule: there is nothing to scale"
            continue
        yield from _numbers(place, entry, entry.autoscale, cpus)
        yield from _traffic(place, entry, entry.autoscale, routed=name in asked)


def _numbers(
    place: KeyPath, entry: Service, autoscale: Autoscale, cpus: int
) -> Iterator[Complaint]:
    least, most = autoscale.min, resolved(autoscale.max, cpus)
    if least > most:
        yield (*place, "min"), f"{least} is more than `max`, which is {most}"
        return
    if "instances" in entry.model_fields_set:
        first = resolved(entry.instances, cpus)
        if not least <= first <= most:
            span = f"{least} to {most}"
            yield (*place[:-1], "instances"), f"{first} is not within `autoscale`, {span}"
    if "idle" in autoscale.model_fields_set and least:
        yield (*place, "idle"), "counts only with `min = 0`"
    if most > max(least, 1) and autoscale.target_in_flight is None and autoscale.target_cpu is None:
        yield place, "wanted `target_in_flight` or `target_cpu`: nothing says when to grow"


def _traffic(
    place: KeyPath, entry: Service, autoscale: Autoscale, *, routed: bool
) -> Iterator[Complaint]:
    """Find what only the proxy can see where no request comes through it."""
    if entry.port is not None and (routed or entry.listen is not None):
        return
    needs = "a `port`" if entry.port is None else "a `listen`, or a route that leads here"
    if autoscale.target_in_flight is not None:
        yield (*place, "target_in_flight"), f"needs {needs}: the proxy counts the requests"
    if autoscale.min == 0:
        yield (*place, "min"), f"needs {needs}: a request is what wakes the service"
