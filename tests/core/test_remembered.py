"""core/remembered.py: bounded, and what is in use stays."""

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.remembered import Remembered


@given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from("gpd"), st.integers(0, 12))))
def test_it_is_a_mapping_that_may_forget_but_never_errs_nor_grows(size, steps):
    remembered, model = Remembered(size), {}
    for number, (what, key) in enumerate(steps, 1):
        if what == "p":
            remembered.put(key, number)
            model[key] = number
        elif what == "d":
            remembered.drop(key)
            model.pop(key, None)
        else:
            assert remembered.get(key) in (None, model.get(key))
        assert len(remembered) <= 2 * size


def test_what_is_asked_for_stays_however_much_comes():
    remembered = Remembered(10)
    remembered.put("used", 1)
    for number in range(1000):
        remembered.put(number, 0)
        assert remembered.get("used") == 1
    assert remembered.get(0) is None


def test_the_last_entries_are_always_there():
    remembered = Remembered(10)
    for number in range(1000):
        remembered.put(number, number)
        assert all(remembered.get(each) == each for each in range(max(0, number - 9), number + 1))


def test_all_is_forgotten_at_once():
    remembered = Remembered(1)
    remembered.put(1, 1)
    remembered.put(2, 2)
    remembered.clear()
    assert len(remembered) == 0
