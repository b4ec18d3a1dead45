import pytest
from candidates import Fake

from webqx_supervisor.core.balancing.candidate import share


@pytest.mark.parametrize(
    ("now", "expected"), [(100, 0.4), (101, 0.4), (105, 2), (109, 3.6), (110, 4), (1e9, 4)]
)
def test_a_share_grows_in_a_straight_line_from_a_tenth(now: float, expected: float) -> None:
    assert share(Fake(weight=4, ready_at=100), now, 10) == pytest.approx(expected)


def test_without_a_slow_start_a_share_is_whole_at_once() -> None:
    assert share(Fake(weight=4, ready_at=100), 100, 0) == 4
