from prometheus_client.parser import text_string_to_metric_families

from webqx_supervisor.core import counting
from webqx_supervisor.core.counting import NUMBERS
from webqx_supervisor.core.scrape import Process, Sight, samples
from webqx_supervisor.model.resilience import BreakerState
from webqx_supervisor.model.status import (
    DaemonStatus,
    ProxyStatus,
    ServiceStatus,
    Status,
    WorkerState,
    WorkerStatus,
)


def worker(instance, pid, state=WorkerState.RUNNING, *, healthy=True, in_flight=0, breaker=None):
    return WorkerStatus(
        instance, pid, 3000 + instance, state, healthy, 0, 9.5, 0.0, 1000, in_flight, 0, "", breaker
    )


def status(*workers) -> Status:
    return Status(
        DaemonStatus(1, "0.1.0", 5.0, "x", "/services.toml"),
        (ProxyStatus(2, 3, 4, 5.0, 6),),
        (ServiceStatus("api", "RUNNING", 2, workers),),
    )


def shown(seen, entries=None, wanted=None):
    """Return the samples as the official client reads them: {(name, labels): value}."""
    scopes = wanted or counting.scopes([("web:/", "api")], ["api"], ["web"])
    used = {1: Process(1.5, 10, 11), 2: Process(2.5, 20, None), 11: Process(3.5, 30, 31)}
    text = samples(Sight(seen, entries or {}, scopes, used, {2: 1}, "3.11")).text()
    return {
        (each.name, *sorted(each.labels.items())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def mine(**more):
    return (("service", "api"), *sorted({"worker": "1", **more}.items()))


def test_a_worker_is_shown_with_all_that_it_uses():
    found = shown(status(worker(1, 11, in_flight=4, breaker=BreakerState.OPEN)))
    assert found["webqx_worker_requests_in_flight", *mine()] == 4
    assert found["webqx_worker_healthy", *mine()] == 1
    assert found["webqx_worker_cpu_seconds_total", *mine()] == 3.5
    assert found["webqx_worker_resident_memory_bytes", *mine()] == 1000
    assert found["webqx_worker_open_fds", *mine()] == 31
    assert found["webqx_worker_breaker_state", *mine()] == 2
    states = {key: value for key, value in found.items() if key[0] == "webqx_worker_state"}
    assert sum(states.values()) == 1
    assert len(states) == len(WorkerState)


def test_two_that_share_a_number_are_one():
    old = worker(1, 11, WorkerState.DRAINING, healthy=False, in_flight=1)
    found = shown(status(old, worker(1, 12, in_flight=2)))
    assert found["webqx_worker_requests_in_flight", *mine()] == 3
    state = ("webqx_worker_state", ("service", "api"), ("state", "RUNNING"), ("worker", "1"))
    assert found[state] == 1


def test_what_was_counted_for_something_that_is_gone_is_not_shown():
    there, gone, other = ("route", "web:/", "api"), ("route", "web:/old", "api"), counting.OTHER
    entries = {key: [1] * NUMBERS for key in (there, gone, ("route", other, other))}
    routes = {key[1] for key in shown(status(), entries) if key[0] == "webqx_requests_in_flight"}
    assert routes == {("route", "web:/"), ("route", other)}


def test_an_error_of_the_proxy_is_called_by_its_status():
    numbers = [0] * NUMBERS
    for which in (502, counting.CUT, 599):
        numbers[counting.error(which)] += 1
    found = shown(status(), {("errors", "web:/", "api"): numbers})
    said = {dict(key[1:])["status"] for key in found if key[0] == "webqx_proxy_errors_total"}
    assert said == {"502", "cut", "other"}


def test_restarts_are_there_before_the_first_and_probes_with_the_first():
    found = shown(status(worker(1, 11)))
    reasons = [key for key in found if key[0] == "webqx_worker_restarts_total"]
    assert len(reasons) == len(counting.RESTARTS)
    assert not [key for key in found if key[0] == "webqx_worker_probes_total"]
    life = [0] * NUMBERS
    life[counting.probed("bad")] = 2
    found = shown(status(worker(1, 11)), {("life", "api", "1"): life})
    assert found["webqx_worker_probes_total", ("outcome", "bad"), *mine()] == 2
    assert found["webqx_worker_probes_total", ("outcome", "ok"), *mine()] == 0


def test_proxies_are_called_by_small_numbers_and_unknown_ones_are_left_out():
    found = shown(status())
    assert found["webqx_proxy_connections", ("proxy", "1")] == 3
    assert ("webqx_proxy_open_fds", ("proxy", "1")) not in found  # nobody may ask
    empty = samples(Sight(status(), {}, set())).text()
    assert "webqx_proxy" not in empty


def test_connections_over_tcp_are_shown_by_outcome():
    numbers = [0] * NUMBERS
    numbers[counting.TCP_CARRIED] = 3
    found = shown(status(), {("route", "web:/", "api"): numbers})
    place = (("route", "web:/"), ("service", "api"))
    assert found["webqx_tcp_connections_total", ("outcome", "carried"), *place] == 3
    assert found["webqx_tcp_connections_total", ("outcome", "refused"), *place] == 0
