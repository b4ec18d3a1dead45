"""When a cron expression comes next: crontab(5), with `@daily` and its like, in a time zone.

An hour that the clock skips is made up for at its end, one that it doubles counts once. With six
fields the first is the second.
"""

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cronsim import CronSim

NEVER = float("inf")

NICKNAMES = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)


def problem(expression: str) -> str:
    """Return what is wrong with an expression; "" if it is right."""
    from cronsim import CronSimError  # noqa: PLC0415 - 1 MB, for who has a schedule

    try:
        _from(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return str(error).lower()
    return ""


def next_time(expression: str, zone: str, now: float) -> float:
    """Return the first time after `now`, both in Unix time; NEVER where there is none.

    `expression` and `zone` have been checked.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - the same

    start = datetime.fromtimestamp(now, ZoneInfo(zone))
    for moment in _from(expression, start):
        if moment.timestamp() > now:  # in a doubled hour it may lie before
            return moment.timestamp()
    return NEVER


def _from(expression: str, start: datetime) -> "CronSim":
    from cronsim import CronSim  # noqa: PLC0415 - the same

    return CronSim(NICKNAMES.get(expression.strip().lower(), expression), start)
