"""core/ports.py: the lowest free port."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.ports import LAST_PORT, pick, reserved_by_others
from webqx_supervisor.model.autoscale import Autoscale
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.service import Service

PORTS = st.sets(st.integers(3000, 3020))


def service(name: str, port: int | None, instances: int = 1) -> Service:
    return Service(name, ("run",), "/", instances=instances, port=port)


def test_ports_are_sequential_and_a_hole_is_filled_first() -> None:
    assert pick(3001, (), ()) == 3001
    assert pick(3001, {3001, 3002}, ()) == 3003
    assert pick(3001, {3001, 3003}, ()) == 3002


def test_a_port_that_another_service_counts_on_is_left_alone() -> None:
    assert pick(3001, {3001}, {3002, 3003}) == 3004


@given(st.integers(3000, 3020), PORTS, PORTS)
def test_the_port_is_free_and_every_lower_one_is_not(
    first: int, taken: set[int], reserved: set[int]
) -> None:
    port = pick(first, taken, reserved)
    assert port >= first
    assert port not in taken | reserved
    assert set(range(first, port)) <= taken | reserved


def test_the_last_port_is_a_port_and_there_is_none_behind_it() -> None:
    assert pick(LAST_PORT, (), ()) == LAST_PORT
    with pytest.raises(CannotStart, match="no free port from 65535 up to 65535"):
        pick(LAST_PORT, {LAST_PORT}, ())


def test_a_service_reserves_a_port_for_each_of_its_instances_against_all_others() -> None:
    services = (service("api", 3001, 2), service("web", 4000), service("cron", None, 3))
    assert reserved_by_others(services, "cron") == {3001, 3002, 4000}
    assert reserved_by_others(services, "api") == {4000}


def test_no_port_beyond_the_last_is_reserved() -> None:
    assert reserved_by_others((service("api", LAST_PORT, 5),), "web") == {LAST_PORT}


def test_a_service_that_scales_reserves_as_many_as_it_may_have() -> None:
    api = replace(service("api", 3001, 2), autoscale=Autoscale(min=1, max=4))
    assert reserved_by_others((api,), "web") == {3001, 3002, 3003, 3004}
