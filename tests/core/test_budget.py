"""core/budget.py: no storm of retries."""

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.budget import SPARE, WINDOW, Budget


@given(
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(0, 2), st.sampled_from(["ask", "retry"])), max_size=200),
)
def test_retries_are_never_more_than_their_share_and_a_few(share, events):
    budget, now = Budget(), 0.0
    asked, retried = [], []
    for pause, event in events:
        now += pause
        if event == "ask":
            budget.asked(now)
            asked.append(now)
        elif budget.take(now, share):
            retried.append(now)
        recent = sum(now - at <= WINDOW for at in asked)
        # A tenth of the window is forgotten at once, so a request may count a little less long.
        within = sum(now - at <= 0.9 * WINDOW for at in retried)
        assert within <= share * sum(now - at <= 2 * WINDOW for at in asked) + SPARE
        assert recent <= len(asked)


@given(st.floats(0, 1), st.integers(0, 300))
def test_in_one_moment_it_is_exactly_the_share_and_the_spare(share, requests):
    budget = Budget()
    for _ in range(requests):
        budget.asked(1.0)
    taken = 0
    while budget.take(1.0, share):
        taken += 1
        assert taken <= requests + SPARE
    assert taken == int(share * requests + SPARE)


def test_what_was_paid_comes_back_with_time():
    budget = Budget()
    for _ in range(SPARE):
        assert budget.take(0.0, 0.0)
    assert not budget.take(0.0, 0.0)
    assert not budget.take(0.5 * WINDOW, 0.0)
    assert budget.take(1.1 * WINDOW, 0.0)
