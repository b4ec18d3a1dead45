"""core/cron.py: the next time, with summer time and without."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core import cron

BERLIN = ZoneInfo("Europe/Berlin")


def times(expression: str, start: datetime, count: int) -> list[str]:
    """Return the next times in Berlin as `day hour:minute offset`."""
    now, told = start.timestamp(), []
    for _ in range(count):
        now = cron.next_time(expression, "Europe/Berlin", now)
        told.append(datetime.fromtimestamp(now, BERLIN).strftime("%d %H:%M %z"))
    return told


def test_a_time_in_the_hour_that_is_skipped_is_made_up_for_at_its_end() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
    assert times("30 2 * * *", before, 3) == ["29 03:00 +0200", "30 02:30 +0200", "31 02:30 +0200"]


def test_a_time_in_the_hour_that_is_doubled_comes_once() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=BERLIN)
    assert times("30 2 * * *", before, 2) == ["25 02:30 +0200", "26 02:30 +0100"]
    between = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=BERLIN)
    assert times("30 2 * * *", between, 1) == ["26 02:30 +0100"]


def test_what_comes_every_quarter_goes_on_through_both_hours() -> None:
    before = datetime(2026, 10, 25, 2, 40, tzinfo=BERLIN)
    assert times("*/15 * * * *", before, 3) == [
        "25 02:45 +0200",
        "25 02:00 +0100",
        "25 02:15 +0100",
    ]


def test_the_zone_counts() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=BERLIN).timestamp()
    in_berlin = cron.next_time("0 4 * * *", "Europe/Berlin", noon)
    assert cron.next_time("0 4 * * *", "UTC", noon) - in_berlin == 2 * 3600


def test_nicknames_and_seconds_are_known_and_a_date_that_never_comes_is_named() -> None:
    start = datetime(2026, 7, 1, 12, 0, 0, tzinfo=BERLIN)
    assert times("@daily", start, 1) == ["02 00:00 +0200"]
    assert cron.next_time("*/10 * * * * *", "UTC", 1000.0) == 1010.0
    assert cron.problem("0 0 30 2 *") == "bad day-of-month"
    assert cron.problem("61 * * * *") == "bad minute"
    assert cron.problem("@daily") == ""


FIELDS = st.sampled_from(["*", "*/7", "3", "1,2"])
EXPRESSIONS = st.tuples(FIELDS, FIELDS, FIELDS, FIELDS, FIELDS).map(" ".join)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@given(EXPRESSIONS, st.integers(1_700_000_000, 1_900_000_000))
def test_the_next_time_is_always_later_and_none_lies_between(
    zone: str, expression: str, now: int
) -> None:
    following = cron.next_time(expression, zone, now)
    assert following > now
    assert cron.next_time(expression, zone, (now + following) / 2) == following
