"""core/order.py: who comes before whom."""

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.order import followers, forerunners
from webqx_supervisor.model.service import Service

NAMES = "abcdef"


def service(name: str, needed: frozenset[str] = frozenset()) -> Service:
    return Service(name, ("true",), "/", depends_on=tuple((other, "ready") for other in needed))


GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.frozensets(st.sampled_from(NAMES))).map(
    lambda graph: [service(name, needed) for name, needed in graph.items()]
)


def test_each_starts_after_those_it_needs_and_stops_before_them() -> None:
    services = [service("web", frozenset("a")), service("a"), service("other")]
    assert forerunners(services) == {"web": {"a"}, "a": frozenset(), "other": frozenset()}
    assert followers(services) == {"web": frozenset(), "a": {"web"}, "other": frozenset()}


def test_names_that_are_not_there_are_not_waited_for() -> None:
    assert forerunners([service("web", frozenset("a"))]) == {"web": frozenset()}


@given(GRAPHS)
def test_whoever_waits_in_this_order_comes_to_an_end(services: list[Service]) -> None:
    for order in (forerunners(services), followers(services)):
        done: set[str] = set()
        while ready := {name for name in order if name not in done and order[name] <= done}:
            done |= ready
        assert done == {each.name for each in services}


@given(GRAPHS)
def test_only_what_goes_round_is_taken_as_free(services: list[Service]) -> None:
    order = forerunners(services)
    for each in services:
        needed = {name for name, _ in each.depends_on} & order.keys()
        for other in needed - order[each.name]:
            assert reaches(services, other, each.name)


def reaches(services: list[Service], start: str, end: str) -> bool:
    """Say whether `start` needs `end`, or sits behind a ring (which is as free)."""
    graph = {each.name: {name for name, _ in each.depends_on} for each in services}
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name in seen or name not in graph:
            continue
        seen.add(name)
        todo += graph[name]
    rings = any(name in closure(graph, name) for name in seen)
    return end in seen or rings


def closure(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return all that `start` needs, at any remove."""
    seen: set[str] = set()
    todo = list(graph.get(start, ()))
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += graph.get(name, ())
    return seen
