"""core/health.py: rise and fall, and which probes count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.health import Health, Verdict, judge


def test_it_turns_well_after_rise_good_signs_in_a_row() -> None:
    health = Health(rise=2, fall=3)
    assert [health.saw(ok) for ok in (True, False, True, True, True)] == [
        None, None, None, True, None,
    ]  # fmt: skip
    assert health.healthy


def test_it_turns_ill_after_fall_bad_signs_in_a_row() -> None:
    health = Health(rise=2, fall=3, healthy=True)
    signs = (False, False, True, False, False, False, False)
    assert [health.saw(ok) for ok in signs] == [None, None, None, None, None, False, None]
    assert not health.healthy


@given(st.integers(1, 4), st.integers(1, 4), st.booleans(), st.lists(st.booleans()))
def test_the_verdict_is_what_the_last_signs_in_a_row_say(
    rise: int, fall: int, healthy: bool, signs: list[bool]
) -> None:
    health = Health(rise, fall, healthy=healthy)
    for number, ok in enumerate(signs, start=1):
        told = health.saw(ok)
        enough = signs[max(0, number - (rise if ok else fall)) : number]
        turns = healthy != ok and len(enough) == (rise if ok else fall) and set(enough) == {ok}
        assert told is (ok if turns else None)
        healthy = ok if turns else healthy
        assert health.healthy is healthy


@pytest.mark.parametrize("answered_others", [True, False])
@pytest.mark.parametrize("busy", [True, False])
def test_an_answer_counts_at_once_whatever_else_the_worker_does(
    answered_others: bool, busy: bool
) -> None:
    def said(ok: bool) -> Verdict:
        return judge(
            True, ok, answered_others=answered_others, busy=busy, silent_for=0.0, patience=60.0
        )

    assert said(True) is Verdict.OK
    assert said(False) is Verdict.BAD


@pytest.mark.parametrize(
    ("answered_others", "busy", "silent_for", "verdict"),
    [
        (False, False, 2.0, Verdict.BAD),
        (True, False, 2.0, Verdict.SPARED),
        (True, False, 1e6, Verdict.SPARED),
        (False, True, 59.9, Verdict.SPARED),
        (False, True, 60.0, Verdict.BAD),
        (True, True, 60.0, Verdict.SPARED),
    ],
)
def test_silence_is_spared_while_the_worker_visibly_works(
    answered_others: bool, busy: bool, silent_for: float, verdict: Verdict
) -> None:
    seen = judge(
        False,
        False,
        answered_others=answered_others,
        busy=busy,
        silent_for=silent_for,
        patience=60.0,
    )
    assert seen is verdict
