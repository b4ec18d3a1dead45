"""core/lifecycle.py: the table and the word for a whole service."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.lifecycle import TABLE, Occasion, step, summary
from webqx_supervisor.model.status import WorkerState as S

PAIRS = st.lists(st.tuples(st.sampled_from(S), st.booleans()), max_size=6)


def live(*occasions: Occasion) -> S:
    """Walk through the occasions from STOPPED and return where they lead."""
    state = S.STOPPED
    for occasion in occasions:
        state = step(state, occasion)
    return state


def test_a_quiet_life_ends_where_it_began() -> None:
    began = (Occasion.START, Occasion.READY)
    assert live(*began) is S.RUNNING
    assert live(*began, Occasion.DRAIN) is S.DRAINING
    assert live(*began, Occasion.DRAIN, Occasion.STOP) is S.STOPPING
    assert live(*began, Occasion.DRAIN, Occasion.STOP, Occasion.STOPPED) is S.STOPPED


@pytest.mark.parametrize(
    ("occasion", "state"),
    [
        (Occasion.EXIT, S.BACKOFF),
        (Occasion.FINISH, S.EXITED),
        (Occasion.GIVE_UP, S.FATAL),
        (Occasion.STOPPED, S.STOPPED),
    ],
)
@pytest.mark.parametrize("alive", [S.STARTING, S.RUNNING, S.DRAINING, S.STOPPING])
def test_a_process_may_end_in_every_state_that_has_one(
    alive: S, occasion: Occasion, state: S
) -> None:
    assert step(alive, occasion) is state


@pytest.mark.parametrize("down", [S.BACKOFF, S.EXITED, S.FATAL])
def test_a_worker_that_is_down_can_be_started_and_can_be_let_go(down: S) -> None:
    assert step(down, Occasion.START) is S.STARTING
    assert step(down, Occasion.STOP) is S.STOPPED


def test_what_cannot_be_started_is_fatal() -> None:
    assert live(Occasion.START, Occasion.UNSTARTABLE) is S.FATAL


@given(st.lists(st.sampled_from(Occasion)))
def test_any_occasions_in_any_order_lead_to_a_state_or_are_named_as_a_bug(
    occasions: list[Occasion],
) -> None:
    state = S.STOPPED
    for occasion in occasions:
        if (state, occasion) in TABLE:
            state = step(state, occasion)
            assert state in S
        else:
            with pytest.raises(AssertionError, match=f"a {state} worker cannot see `{occasion}`"):
                step(state, occasion)


def test_only_start_brings_a_process_and_only_ready_brings_traffic() -> None:
    for (state, occasion), following in TABLE.items():
        assert (following is S.RUNNING) == (occasion is Occasion.READY)
        if state in (S.STOPPED, S.BACKOFF, S.EXITED, S.FATAL):
            assert (following is S.STARTING) == (occasion is Occasion.START)


def test_every_state_can_be_reached_and_leads_home() -> None:
    reached = {S.STOPPED}
    homeward = {S.STOPPED}
    for _ in S:
        reached |= {after for (before, _), after in TABLE.items() if before in reached}
        homeward |= {before for (before, _), after in TABLE.items() if after in homeward}
    assert reached == homeward == set(S)


@pytest.mark.parametrize(
    ("wanted", "states", "word"),
    [
        (2, [(S.RUNNING, True), (S.RUNNING, True)], "RUNNING"),
        (2, [(S.RUNNING, True), (S.RUNNING, False)], "DEGRADED"),
        (2, [(S.RUNNING, True), (S.BACKOFF, False)], "DEGRADED"),
        (2, [(S.RUNNING, True)], "DEGRADED"),
        (2, [(S.RUNNING, False), (S.STARTING, False)], "UNHEALTHY"),
        (2, [(S.FATAL, False), (S.STARTING, False)], "STARTING"),
        (2, [(S.FATAL, False), (S.BACKOFF, False)], "BACKOFF"),
        (2, [(S.FATAL, False), (S.STOPPED, False)], "FATAL"),
        (2, [(S.DRAINING, True), (S.STOPPING, False)], "DRAINING"),
        (2, [(S.STOPPING, False), (S.STOPPED, False)], "STOPPING"),
        (2, [(S.EXITED, False), (S.STOPPED, False)], "EXITED"),
        (2, [(S.STOPPED, False)], "STOPPED"),
        (2, [], "STOPPED"),
        (0, [], "STOPPED"),
        (0, [(S.RUNNING, True)], "RUNNING"),
    ],
)
def test_the_word_for_a_service(wanted: int, states: Sequence[tuple[S, bool]], word: str) -> None:
    assert summary(wanted, states) == word


@given(PAIRS)
def test_the_surplus_of_a_reload_does_not_change_the_word(others: list[tuple[S, bool]]) -> None:
    assert summary(2, [(S.RUNNING, True), *others, (S.RUNNING, True)]) == "RUNNING"


@given(st.integers(0, 6), PAIRS.flatmap(lambda pairs: st.tuples(*[st.permutations(pairs)] * 2)))
def test_the_word_does_not_depend_on_the_order_of_the_workers(
    wanted: int, orders: tuple[list[tuple[S, bool]], list[tuple[S, bool]]]
) -> None:
    one, other = orders
    assert summary(wanted, one) == summary(wanted, other)
