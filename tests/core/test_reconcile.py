"""core/reconcile.py: what is to be done, as values."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from webqx_supervisor.core.reconcile import (
    Added,
    Change,
    ListenerAdded,
    ListenerChanged,
    ListenerRemoved,
    PartChanged,
    ProxiesScaled,
    Reloaded,
    Removed,
    Retuned,
    Scaled,
    plan,
    resize,
    resolve_instances,
    start_order,
)
from webqx_supervisor.model.autoscale import Autoscale
from webqx_supervisor.model.config import Config, MetricsDoor
from webqx_supervisor.model.errors import UsageError
from webqx_supervisor.model.gateway import (
    Balance,
    Forwarding,
    Limits,
    Listener,
    Policy,
    Protocol,
    Route,
)
from webqx_supervisor.model.resilience import Breaker
from webqx_supervisor.model.service import Health, Logs, RestartPolicy, Service, Stop

API = Service(
    "api", ("node", "api.js"), "/srv", instances=2, port=3001, env=(("A", "1"), ("B", "2"))
)
WEB = Listener("web", ("127.0.0.1:3000",))
CONFIG = Config(
    "clinic", "/srv/services.toml", services=(API,), listeners=(WEB,), routes=(Route("web", "api"),)
)


class TestResize:
    @pytest.mark.parametrize(
        ("wanted", "present", "to_start", "to_stop"),
        [
            (0, set(), (), ()),
            (3, set(), (1, 2, 3), ()),
            (3, {1, 2, 3}, (), ()),
            (4, {1, 4}, (2, 3), ()),
            (5, {2, 4}, (1, 3, 5), ()),
            (2, {1, 3}, (), ()),
            (1, {1, 2, 3}, (), (3, 2)),
            (0, {2, 7}, (), (7, 2)),
        ],
    )
    def test_holes_are_filled_lowest_first_and_the_highest_is_stopped_first(
        self,
        wanted: int,
        present: set[int],
        to_start: tuple[int, ...],
        to_stop: tuple[int, ...],
    ) -> None:
        assert resize(wanted, present) == (to_start, to_stop)

    @given(st.integers(0, 20), st.sets(st.integers(1, 30)))
    def test_it_reaches_what_is_wanted_and_then_rests(self, wanted: int, present: set[int]) -> None:
        to_start, to_stop = resize(wanted, present)
        assert not (to_start and to_stop)
        assert not present & set(to_start)
        assert set(to_stop) <= present
        reached = (present | set(to_start)) - set(to_stop)
        assert len(reached) == wanted
        assert resize(wanted, reached) == ((), ())


class TestResolveInstances:
    @pytest.mark.parametrize(
        ("text", "instances"),
        [
            ("4", 4),
            ("0", 0),
            ("+1", 4),
            ("-2", 1),
            ("-3", 0),
            ("max", 8),
            ("max-1", 7),
            ("max-8", 1),
            ("max-99", 1),
        ],
    )
    def test_a_number_a_step_or_max(self, text: str, instances: int) -> None:
        assert resolve_instances(text, current=3, cpus=8) == instances

    @pytest.mark.parametrize(
        "text", ["", "four", "+-1", "1.5", "max+1", "max-", "MAX", " 4", "٤", "4\n"]
    )
    def test_other_words_are_refused_with_those_that_work(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"is no number of instances; try 4, \+1, -1, max"):
            resolve_instances(text, current=3, cpus=8)

    def test_less_than_nothing_is_refused(self) -> None:
        with pytest.raises(UsageError, match="cannot take 4 away from 3"):
            resolve_instances("-4", current=3, cpus=8)

    @given(st.from_regex(r"[+-]?[0-9]{1,3}|max(-[0-9]{1,3})?", fullmatch=True), st.integers(0, 50))
    def test_it_is_never_less_than_none(self, text: str, current: int) -> None:
        try:
            assert resolve_instances(text, current, cpus=4) >= 0
        except UsageError:
            assert text.startswith("-")
            assert int(text[1:]) > current


def waiting(name: str, *others: str) -> Service:
    return Service(name, ("run",), "/", depends_on=tuple((other, "ready") for other in others))


class TestStartOrder:
    def test_waves_follow_what_they_depend_on(self) -> None:
        services = (
            waiting("web", "api", "cache"),
            waiting("api", "db"),
            waiting("db"),
            waiting("cache"),
        )
        assert start_order(services) == (("db", "cache"), ("api",), ("web",))

    def test_nothing_to_start_is_no_wave(self) -> None:
        assert start_order(()) == ()

    def test_a_service_outside_the_list_is_taken_as_there(self) -> None:
        assert start_order((waiting("api", "db"),)) == (("api",),)

    def test_services_that_wait_for_each_other_are_named(self) -> None:
        with pytest.raises(ValueError, match="wait for each other: a, b"):
            start_order((waiting("a", "b"), waiting("b", "a"), waiting("c")))

    @given(st.data(), st.integers(1, 8))
    def test_everybody_is_in_one_wave_behind_all_it_needs(
        self, data: st.DataObject, size: int
    ) -> None:
        edges = st.sets(st.integers(0, size - 1)).map(sorted)
        needs = [[n for n in data.draw(edges) if n < each] for each in range(size)]
        services = data.draw(
            st.permutations([waiting(str(n), *map(str, needs[n])) for n in range(size)])
        )
        waves = start_order(services)
        place = {name: number for number, wave in enumerate(waves) for name in wave}
        assert sorted(name for wave in waves for name in wave) == sorted(map(str, range(size)))
        assert all(place[str(n)] > place[str(need)] for n in range(size) for need in needs[n])


def with_api(**fields: object) -> Config:
    return replace(CONFIG, services=(replace(API, **fields),))  # type: ignore[arg-type]


class TestPlan:
    @pytest.mark.parametrize(
        "fields",
        [
            {"command": ("node", "other.js")},
            {"cwd": "/elsewhere"},
            {"env": (("A", "1"),)},
            {"port": 4001},
            {"port": None},
            {"remote": ("10.0.0.7:3001",)},
        ],
        ids=str,
    )
    def test_what_a_process_sees_is_a_reload(self, fields: dict[str, object]) -> None:
        assert plan(CONFIG, with_api(**fields)) == (Reloaded("api"),)

    @pytest.mark.parametrize(
        "fields",
        [
            {"health": Health(path="/health/")},
            {"stop": Stop(grace=1.0)},
            {"restart": RestartPolicy(limit=1)},
            {"logs": Logs(keep=1)},
            {"depends_on": (("db", "ready"),)},
        ],
        ids=str,
    )
    def test_a_policy_is_taken_over_without_touching_a_process(
        self, fields: dict[str, object]
    ) -> None:
        assert plan(CONFIG, with_api(**fields)) == (Retuned("api"),)

    def test_another_number_of_instances_is_a_scale(self) -> None:
        assert plan(CONFIG, with_api(instances=5)) == (Scaled("api", 2, 5),)

    def test_what_the_load_decides_is_not_set_back_until_it_decides_no_more(self) -> None:
        scaled = {"autoscale": Autoscale(min=0, max=8)}
        assert plan(CONFIG, with_api(**scaled)) == (Retuned("api"),)
        assert plan(CONFIG, with_api(instances=5, **scaled)) == (Retuned("api"),)
        assert plan(with_api(**scaled), with_api(instances=5, **scaled)) == ()
        assert plan(with_api(**scaled), CONFIG) == (Retuned("api"), Scaled("api", 2, 2))

    def test_a_scale_goes_with_either_and_a_reload_takes_the_policies_along(self) -> None:
        assert plan(CONFIG, with_api(instances=5, stop=Stop(grace=1.0))) == (
            Retuned("api"),
            Scaled("api", 2, 5),
        )
        assert plan(CONFIG, with_api(instances=5, stop=Stop(grace=1.0), cwd="/")) == (
            Reloaded("api"),
            Scaled("api", 2, 5),
        )

    @pytest.mark.parametrize(
        "changed",
        [
            replace(CONFIG, routes=()),
            replace(CONFIG, routes=(Route("web", "api", host="a.com"),)),
            replace(
                CONFIG, routes=(*CONFIG.routes, Route("web", "other", path="/x", backup="api"))
            ),
            replace(CONFIG, forwardings=(("api", Forwarding(queue_size=1)),)),
            replace(CONFIG, balances=(("api", Balance(Policy.HASH)),)),
            replace(CONFIG, breakers=(("api", Breaker()),)),
        ],
    )
    def test_a_route_or_its_policy_is_taken_over_without_touching_a_process(
        self, changed: Config
    ) -> None:
        assert plan(CONFIG, changed) == (Retuned("api"),)

    @pytest.mark.parametrize(
        "listener",
        [
            replace(WEB, binds=("0.0.0.0:80",)),
            replace(WEB, protocol=Protocol.TCP),
            replace(WEB, limits=Limits(max_body=1)),
        ],
    )
    def test_a_changed_listener_is_named(self, listener: Listener) -> None:
        assert plan(CONFIG, replace(CONFIG, listeners=(listener,))) == (ListenerChanged("web"),)

    def test_another_number_of_proxies_is_named(self) -> None:
        assert plan(CONFIG, replace(CONFIG, proxies=4)) == (ProxiesScaled(1, 4),)

    def test_so_is_another_place_for_the_metrics(self) -> None:
        new = replace(CONFIG, metrics=MetricsDoor("127.0.0.1:9100"))
        assert plan(CONFIG, new) == plan(new, CONFIG) == (PartChanged("metrics"),)

    def test_what_goes_comes_first_and_what_comes_last_behind_what_it_depends_on(self) -> None:
        new = Config(
            "clinic",
            "/srv/services.toml",
            services=(waiting("web", "db"), waiting("db")),
            listeners=(Listener("front", ("127.0.0.1:3000",)),),
        )
        assert plan(CONFIG, new) == (
            ListenerRemoved("web"),
            Removed("api"),
            Added("db"),
            Added("web"),
            ListenerAdded("front"),
        )

    def test_an_order_in_the_file_is_no_change(self) -> None:
        other, routes = waiting("other"), (Route("web", "api"), Route("web", "other", path="/o"))
        one = replace(CONFIG, services=(API, other), routes=routes)
        shuffled = replace(API, env=tuple(reversed(API.env)))
        assert plan(one, replace(one, services=(other, shuffled), routes=routes[::-1])) == ()

    def test_a_policy_that_says_the_default_is_no_change(self) -> None:
        assert plan(CONFIG, replace(CONFIG, forwardings=(("api", Forwarding()),))) == ()
        assert plan(CONFIG, replace(CONFIG, balances=(("api", Balance()),))) == ()


SERVICES = st.builds(
    Service,
    name=st.sampled_from("abc"),
    command=st.sampled_from([("x",), ("y",)]),
    cwd=st.just("/"),
    instances=st.integers(0, 2),
    port=st.none() | st.integers(1, 2),
    stop=st.builds(Stop, grace=st.sampled_from([1.0, 2.0])),
)
LISTENERS = st.builds(
    Listener, name=st.sampled_from("lm"), binds=st.sampled_from([("h:1",), ("h:2",)])
)
CONFIGS = st.builds(
    Config,
    name=st.just("clinic"),
    file=st.just("/services.toml"),
    proxies=st.integers(1, 2),
    services=st.lists(SERVICES, unique_by=lambda each: each.name).map(tuple),
    listeners=st.lists(LISTENERS, unique_by=lambda each: each.name).map(tuple),
)


def names(config: Config) -> set[str]:
    return {service.name for service in config.services}


def subjects(changes: tuple[Change, ...], *kinds: Callable[..., Change]) -> set[str]:
    """Return the names of the services that these kinds of change are about."""
    return {getattr(each, "service", "") for each in changes if type(each) in kinds}


class TestPlanOfAny:
    @given(CONFIGS)
    def test_equal_files_need_nothing(self, config: Config) -> None:
        assert plan(config, config) == ()

    @given(CONFIGS, CONFIGS)
    def test_no_difference_is_overlooked(self, old: Config, new: Config) -> None:
        def content(config: Config) -> tuple[object, ...]:
            return config.proxies, frozenset(config.services), frozenset(config.listeners)

        assert (plan(old, new) == ()) == (content(old) == content(new))

    @given(CONFIGS, CONFIGS)
    def test_added_and_removed_bring_the_old_names_to_the_new(
        self, old: Config, new: Config
    ) -> None:
        changes = plan(old, new)
        added, removed = subjects(changes, Added), subjects(changes, Removed)
        assert (names(old) | added) - removed == names(new)
        assert subjects(changes, Reloaded, Retuned, Scaled) <= names(old) & names(new)

    @given(CONFIGS, CONFIGS)
    def test_there_and_back_touch_the_same_services(self, old: Config, new: Config) -> None:
        assume(old != new)
        there, back = plan(old, new), plan(new, old)
        assert subjects(there, Added) == subjects(back, Removed)
        for kind in (Reloaded, Retuned, Scaled):
            assert subjects(there, kind) == subjects(back, kind)
