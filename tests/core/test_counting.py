import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core import counting
from webqx_supervisor.core.counting import BOUNDS, NUMBERS, Kind
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.gateway import Route

names = st.text(st.characters(exclude_characters="\x1f", exclude_categories=("Cs",)))


def test_the_numbers_of_every_kind_fit_into_an_entry():
    assert counting.ANSWERS_BUCKETS + counting.BUCKETS <= NUMBERS
    assert counting.WORKER_BUCKETS + counting.BUCKETS <= NUMBERS
    assert counting.WAITED_BUCKETS + counting.BUCKETS <= NUMBERS
    assert len(counting.ERRORS) < NUMBERS
    assert counting.BREAKER_OPENED < NUMBERS
    assert list(BOUNDS) == sorted(set(BOUNDS))


def test_no_two_numbers_of_life_share_a_place():
    places = [counting.restarted(reason) for reason in counting.RESTARTS]
    places += [counting.probed(outcome) for outcome in counting.PROBES]
    assert sorted([*places, counting.BREAKER_OPENED]) == list(range(counting.BREAKER_OPENED + 1))


@given(st.sampled_from(Kind), st.lists(names, min_size=1, max_size=3))
def test_a_key_comes_back_from_its_octets(kind, words):
    key = (kind.value, *words)
    assert counting.decoded(counting.encoded(key)) == key


def test_a_route_is_called_by_its_name_or_by_what_the_file_says_of_it():
    assert counting.route_key(Route("web", "api", name="shop")) == ("shop", "api")
    assert counting.route_key(Route("web", "api")) == ("web:/", "api")
    assert counting.route_key(Route("web", "api", host="a.b", path="/x/")) == ("web:a.b/x/", "api")
    assert counting.route_key(Route("web", pattern="/a/*/b")) == ("web:/a/*/b", counting.NONE)
    by_method = Route("web", "api", methods=("PUT", "GET"))
    assert counting.route_key(by_method) == ("web:/ GET PUT", "api")


def test_a_long_path_is_cut_and_stays_apart_from_others():
    one, other = (
        counting.route_key(Route("web", "s" * 100, path="/" + "ä" * 300 + end)) for end in "ab"
    )
    assert one != other
    longest = max(len(counting.encoded((Kind.ANSWERS, *key, "5"))) for key in (one, other))
    assert longest <= 240


def test_numbers_are_added_by_key():
    one = {("route", "a", "b"): [1, 2], ("queue", "b"): [3, 4]}
    other = {("route", "a", "b"): [10, 20], ("queue", "c"): [5, 6]}
    assert counting.added(one, other) == {
        ("route", "a", "b"): [11, 22],
        ("queue", "b"): [3, 4],
        ("queue", "c"): [5, 6],
    }


@pytest.mark.parametrize(
    ("kind", "gauge"),
    [
        (Kind.ROUTE, counting.IN_FLIGHT),
        (Kind.QUEUE, counting.WAITING),
        (Kind.LISTENER, counting.OPEN),
    ],
)
def test_what_only_says_how_it_is_now_ends_with_its_writer(kind, gauge):
    ((_, numbers),) = counting.lasting({(kind, "x"): [7] * NUMBERS}).items()
    assert numbers[gauge] == 0
    assert sum(numbers) == 7 * (NUMBERS - 1)


def test_an_entry_belongs_to_a_route_a_service_or_a_listener():
    wanted = counting.scopes([("web:/", "api")], ["api"], ["web"])
    mine = [
        *(("route", "web:/", "api"), ("answers", "web:/", "api", "2"), ("errors", "web:/", "api")),
        *(("worker", "api", "3"), ("life", "api", "1"), ("queue", "api"), ("listener", "web")),
        ("route", counting.NONE, counting.NONE),
    ]
    others = [("route", "web:/x", "api"), ("worker", "db", "1"), ("listener", "old")]
    assert all(counting.scope(key) in wanted for key in mine)
    assert not any(counting.scope(key) in wanted for key in others)


@pytest.mark.parametrize(
    ("ended", "verdict", "oom", "word"),
    [
        (Exit(code=1), "", False, "exit"),
        (Exit(signal=11), "", False, "signal"),
        (Exit(signal=9), "", True, "oom"),
        (Exit(signal=15), "hung: no answer", False, "hung"),
        (Exit(signal=9), "not ready within 5 s", False, "not_ready"),
        (Exit(signal=15), "memory over 1G", False, "ended"),
    ],
)
def test_an_end_has_one_word(ended, verdict, oom, word):
    assert counting.cause(ended, verdict, out_of_memory=oom) == word
    assert word in counting.RESTARTS


def test_a_status_that_nobody_knows_is_counted_apart():
    assert counting.error(502) == counting.ERRORS.index(502)
    assert counting.error(599) == len(counting.ERRORS)
