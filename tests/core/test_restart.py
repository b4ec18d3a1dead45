"""core/restart.py: the pause before a restart, the limit, the parole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.restart import Finish, GiveUp, Restart, Restarts, finish
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.service import Again, RestartPolicy

POLICY = RestartPolicy(
    first_delay=1.0, longest_delay=10.0, healthy_after=30.0, limit=100, window=60.0
)
STRICT = RestartPolicy(healthy_after=30.0, limit=2, window=60.0, retry_fatal=300.0)
ALL_OF_IT = 1 - 2**-53
JITTERS = st.floats(0, 1, exclude_max=True)
POLICIES = st.builds(
    RestartPolicy,
    first_delay=st.floats(0, 10),
    longest_delay=st.floats(0, 60),
    healthy_after=st.floats(0, 60),
    limit=st.integers(0, 12),
    window=st.floats(0.1, 100),
    retry_fatal=st.floats(0, 100),
)
LIVES = st.lists(st.tuples(st.floats(0, 100), JITTERS), max_size=60)


def delays(restarts: Restarts, uptimes: list[float]) -> list[float]:
    """Return the pauses after exits with these uptimes, without the luck of the jitter."""
    decisions = [
        restarts.exited(100.0 * number, uptime, ALL_OF_IT) for number, uptime in enumerate(uptimes)
    ]
    return [round(each.after, 9) for each in decisions if isinstance(each, Restart)]


def test_the_first_restart_is_immediate_and_the_pause_then_doubles_up_to_its_cap() -> None:
    assert delays(Restarts(POLICY), [0.0] * 7) == [0, 1, 2, 4, 8, 10, 10]


def test_a_healthy_time_lets_the_backoff_begin_anew() -> None:
    assert delays(Restarts(POLICY), [0, 0, 0, 30, 29.9, 0]) == [0, 1, 2, 0, 1, 2]


def test_a_start_by_hand_lets_the_backoff_begin_anew() -> None:
    restarts = Restarts(POLICY)
    assert delays(restarts, [0, 0, 0]) == [0, 1, 2]
    restarts.started_by_hand()
    assert delays(restarts, [0, 0]) == [0, 1]


def test_the_jitter_takes_up_to_half_of_the_pause() -> None:
    restarts = Restarts(POLICY)
    restarts.exited(0, 0, 0)
    assert restarts.exited(100, 0, 0.0) == Restart(0.5)
    assert restarts.exited(200, 0, 0.5) == Restart(1.5)


def test_the_streak_counts_exits_since_the_last_healthy_time() -> None:
    restarts = Restarts(POLICY)
    assert restarts.streak == 0
    seen = []
    for uptime in (0, 0, 40, 0):
        restarts.exited(0, uptime, 0)
        seen.append(restarts.streak)
    assert seen == [1, 2, 1, 2]


def test_one_exit_more_than_the_limit_within_the_window_gives_up() -> None:
    restarts = Restarts(STRICT)
    decisions = [restarts.exited(now, 0, 0) for now in (0.0, 1.0, 59.9)]
    assert decisions[2] == GiveUp("ended 3 times within 60 s", 300.0)
    assert all(isinstance(each, Restart) for each in decisions[:2])


def test_the_window_slides() -> None:
    restarts = Restarts(STRICT)
    decisions = [restarts.exited(now, 0, 0) for now in (0.0, 30.0, 60.0, 90.0, 120.0)]
    assert all(isinstance(each, Restart) for each in decisions)


def test_exits_after_healthy_times_count_for_the_limit_too() -> None:
    restarts = Restarts(RestartPolicy(healthy_after=1.0, limit=2, window=60.0))
    decisions = [restarts.exited(now, 1.5, 0) for now in (0.0, 2.0, 4.0)]
    assert decisions[:2] == [Restart(0), Restart(0)]
    assert isinstance(decisions[2], GiveUp)


def test_a_given_up_worker_has_one_attempt_until_it_was_healthy() -> None:
    restarts = Restarts(STRICT)
    for now in (0, 1, 2):
        restarts.exited(now, 0, 0)
    assert restarts.exited(1000, 3, 0) == GiveUp("ended again, after 3.0 s", 300.0)
    assert restarts.exited(2000, 30, 0) == Restart(0)


def test_a_start_by_hand_ends_the_giving_up() -> None:
    restarts = Restarts(STRICT)
    for now in (0, 1, 2):
        restarts.exited(now, 0, 0)
    restarts.started_by_hand()
    assert restarts.exited(3, 0, 0) == Restart(0)


def test_a_thousand_crashes_do_not_overflow() -> None:
    assert delays(Restarts(POLICY), [0.0] * 2000)[-1] == 10


@given(POLICIES, LIVES)
def test_no_pause_is_ever_longer_than_its_cap(
    policy: RestartPolicy, lives: list[tuple[float, float]]
) -> None:
    restarts, now = Restarts(policy), 0.0
    for uptime, jitter in lives:
        now += uptime
        match restarts.exited(now, uptime, jitter):
            case Restart(after):
                assert 0 <= after <= policy.longest_delay
                now += after
            case GiveUp(reason, retry_after):
                assert reason
                assert retry_after == policy.retry_fatal
                now += retry_after


@given(POLICIES, st.lists(JITTERS, min_size=50, max_size=200))
def test_a_crash_loop_never_restarts_more_often_in_a_window_than_the_limit(
    policy: RestartPolicy, jitters: list[float]
) -> None:
    restarts, now = Restarts(policy), 0.0
    granted: list[float] = []
    for jitter in jitters:
        match restarts.exited(now, 0.0, jitter):
            case Restart(after):
                granted.append(now)
                now += after
            case GiveUp(_, retry_after):
                now += retry_after
    for began in granted:
        assert sum(began <= at < began + policy.window for at in granted) <= policy.limit


@pytest.mark.parametrize("crashes", [1000, 100_000])
def test_memory_does_not_grow_with_the_number_of_crashes(crashes: int) -> None:
    restarts = Restarts(RestartPolicy(limit=5, window=1e9))
    for now in range(crashes):
        restarts.exited(now, 0, 0)
    assert len(restarts._exits) == 6


CODES = st.integers(0, 255)
CHOICES = st.builds(
    RestartPolicy,
    policy=st.sampled_from(Again),
    success_codes=st.lists(CODES, max_size=3).map(tuple),
    never_codes=st.lists(CODES, max_size=3).map(tuple),
)
SIGNALS = st.integers(1, 64).map(lambda number: Exit(signal=number))


@pytest.mark.parametrize(
    ("policy", "code", "then"),
    [
        (Again.ALWAYS, 0, None),
        (Again.ALWAYS, 1, None),
        (Again.ON_FAILURE, 0, Finish(well=True)),
        (Again.ON_FAILURE, 143, Finish(well=True)),
        (Again.ON_FAILURE, 1, None),
        (Again.NEVER, 0, Finish(well=True)),
        (Again.NEVER, 1, Finish(well=False)),
        (Again.ALWAYS, 78, Finish(well=False)),
        (Again.ON_FAILURE, 78, Finish(well=False)),
    ],
)
def test_policy_and_exit_code_decide_whether_it_was_the_last_exit(
    policy: Again, code: int, then: Finish | None
) -> None:
    rules = RestartPolicy(policy=policy, success_codes=(0, 143), never_codes=(78,))
    assert finish(rules, Exit(code), forced=False) == then


@given(CHOICES, SIGNALS | st.just(Exit()), st.booleans())
def test_a_death_by_a_signal_is_never_a_success(
    policy: RestartPolicy, ended: Exit, forced: bool
) -> None:
    then = finish(policy, ended, forced=forced)
    assert then == (Finish(well=False) if policy.policy is Again.NEVER else None)


@given(CHOICES, CODES)
def test_one_that_the_daemon_had_to_end_has_failed_whatever_it_exits_with(
    policy: RestartPolicy, code: int
) -> None:
    then = finish(policy, Exit(code), forced=True)
    assert then == (Finish(well=False) if policy.policy is Again.NEVER else None)


@given(CHOICES, CODES)
def test_always_is_stopped_by_the_never_codes_alone(policy: RestartPolicy, code: int) -> None:
    then = finish(policy, Exit(code), forced=False)
    if policy.policy is Again.ALWAYS:
        assert (then is not None) == (code in policy.never_codes)
