"""core/window.py: what was counted within the last seconds, and nothing older."""

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.window import STEPS, Window

ADDITIONS = st.lists(st.tuples(st.floats(0, 5), st.booleans(), st.booleans()), max_size=60)


@given(ADDITIONS)
def test_it_counts_all_that_is_younger_than_the_window_and_at_most_a_step_more(additions):
    window, now, added = Window(10.0), 0.0, []
    for pause, first, second in additions:
        now += pause
        window.add(now, 1, first, second)
        added.append((now, first, second))
        certain = [each for each in added if now - each[0] <= 10.0 * (STEPS - 1) / STEPS]
        possible = [each for each in added if now - each[0] <= 10.0]
        assert len(certain) <= window.total <= len(possible)
        assert sum(e[1] for e in certain) <= window.first <= sum(e[1] for e in possible)
        assert sum(e[2] for e in certain) <= window.second <= sum(e[2] for e in possible)


def test_a_long_pause_forgets_all():
    window = Window(1.0)
    window.add(0.0, 5, 3, 2)
    window.advance(1e9)
    assert (window.total, window.first, window.second) == (0, 0, 0)


def test_a_clock_that_goes_back_loses_nothing():
    window = Window(1.0)
    window.add(5.0, 1, 0, 0)
    window.add(1.0, 1, 1, 0)
    assert (window.total, window.first) == (2, 1)


def test_what_is_cleared_counts_no_more():
    window = Window(1.0)
    window.add(0.0, 5, 3, 2)
    window.clear()
    window.advance(0.5)
    assert (window.total, window.first, window.second) == (0, 0, 0)
