"""Which request is blamed for the deaths of workers, and which one only saw them."""

import signal

import pytest

from webqx_supervisor.core.quarantine import DURATION, MOST, Quarantine, may_be_to_blame
from webqx_supervisor.model.exits import Exit


def test_a_request_is_refused_after_so_many_deaths_in_a_row():
    quarantine = Quarantine()
    assert [quarantine.died("a", now, limit=3) for now in (1, 2, 3, 4)] == [0, 0, 3, 0]
    assert (quarantine.suspects, quarantine.refused) == ((), ("a",))


def test_from_the_first_death_on_it_is_suspect():
    quarantine = Quarantine()
    quarantine.died("a", 1, limit=3)
    assert (quarantine.suspects, quarantine.refused) == (("a",), ())


def test_an_answer_clears_it():
    quarantine = Quarantine()
    for now in range(10):
        assert quarantine.died("a", now, limit=2) == 0
        quarantine.answered("a")
    assert (quarantine.suspects, quarantine.refused) == ((), ())


def test_after_its_time_it_is_tried_again():
    quarantine = Quarantine()
    quarantine.died("a", 1, limit=1)
    assert quarantine.expire(DURATION) == []
    assert quarantine.expire(DURATION + 1) == ["a"]
    assert quarantine.refused == ()
    assert quarantine.died("a", DURATION + 2, limit=2) == 0


def test_a_limit_of_none_blames_nobody():
    quarantine = Quarantine()
    assert [quarantine.died("a", now, limit=0) for now in range(9)] == [0] * 9
    assert quarantine.suspects == ()


def test_suspects_are_bounded():
    quarantine = Quarantine()
    for number in range(MOST + 5):
        quarantine.died(str(number), 1, limit=3)
    assert quarantine.suspects == tuple(str(number) for number in range(5, MOST + 5))


@pytest.mark.parametrize(
    ("ended", "verdict", "blamed"),
    [
        (Exit(code=7), "", True),
        (Exit(code=0), "", True),
        (Exit(signal=signal.SIGSEGV), "", True),
        (Exit(signal=signal.SIGABRT), "", True),
        (Exit(signal=signal.SIGKILL), "", False),
        (Exit(signal=signal.SIGTERM), "", False),
        (Exit(), "", False),
        (Exit(code=1), "not ready within 5 s", False),
        (Exit(code=0), "hung: no answer", True),
        (Exit(signal=signal.SIGKILL), "hung: no answer", True),
    ],
)
def test_only_what_a_request_can_do_is_blamed_on_one(ended, verdict, blamed):
    assert may_be_to_blame(ended, verdict) is blamed
