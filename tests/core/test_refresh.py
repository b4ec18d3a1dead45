"""core/refresh.py: when keys are fetched again, whatever issuers and clients do."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.refresh import (
    FIRST_RETRY,
    GAP,
    LAST_RETRY,
    LONGEST,
    SHORTEST,
    USUAL,
    Refresh,
    max_age,
)

luck = st.floats(0, 1)


def test_the_first_fetch_is_due_at_once():
    assert Refresh().due_at() < 0


@pytest.mark.parametrize(
    ("said", "pause"), [(None, USUAL), (5.0, SHORTEST), (900.0, 900.0), (1e9, LONGEST)]
)
def test_an_issuer_is_heard_within_bounds(said, pause):
    assert Refresh().fetched(100.0, said, 1.0).due_at() == 100.0 + pause
    assert Refresh().fetched(100.0, said, 0.0).due_at() == 100.0 + pause * 0.9


def test_failures_are_followed_by_growing_pauses_until_one_succeeds():
    state, pauses = Refresh(), []
    for _ in range(12):
        state = state.failed(0.0, 1.0)
        pauses.append(state.due_at())
    assert pauses[:3] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]
    assert pauses[-1] == LAST_RETRY
    assert state.fetched(0.0, None, 1.0).failed(0.0, 1.0).due_at() == FIRST_RETRY


def test_a_missing_key_is_fetched_at_once_and_the_next_one_not_before_the_gap():
    state = Refresh().fetched(0.0, None, 1.0)
    assert state.due_at() == USUAL
    assert state.key_missing().due_at() < 0
    state = state.key_missing().fetched(5.0, None, 1.0)
    assert state.due_at() == 5.0 + USUAL
    assert state.key_missing().due_at() == 5.0 + GAP


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.floats(0, 100), luck),
        max_size=100,
    )
)
def test_whatever_tokens_name_keys_are_not_fetched_for_it_more_often_than_every_gap(steps):
    now, state, hastened = 0.0, Refresh().fetched(0.0, None, 1.0), []
    for missing, good, wait, chance in steps:
        now += wait
        due = state.due_at()
        if missing:
            state = state.key_missing()
        if now >= state.due_at():
            if now < due:
                hastened.append(now)
            state = state.fetched(now, 0.0, chance) if good else state.failed(now, chance)
    assert all(later - earlier >= GAP for earlier, later in itertools.pairwise(hastened))


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("max-age=300", 300.0),
        ('public, MAX-AGE="60", must-revalidate', 60.0),
        ("no-store", 0.0),
        ("no-cache, max-age=9", 0.0),
        ("s-maxage=5", None),
        ("max-age=-1", None),
        ("max-age=1e9", None),
        ("max-age=" + "9" * 400, None),
        ("", None),
    ],
)
def test_how_long_an_answer_lives(field, seconds):
    assert max_age(field) == seconds
