"""Rate limits as people write them: "10/s burst 20", and the values around them.

All that take a value raise ValueError with a sentence for the person who wrote the file.
"""

import re
from dataclasses import dataclass

from webqx_supervisor.config import units
from webqx_supervisor.config.phrases import did_you_mean, found
from webqx_supervisor.core.wire.cookies import is_cookie_name

RATE_PATTERN = r"^[1-9][0-9]*/[0-9.a-z]+( burst [1-9][0-9]*)?$"
FASTEST = 1_000_000
"""Requests a second: an interval between two is still a thousand times what it is measured in."""
LONGEST = 366 * 86400.0
"""s after which a limit that was used up must be whole again."""
LONGEST_HOLD = 60.0
"""s for which a request may be held at most: nobody waits for longer."""

_RATE = re.compile(r"([1-9][0-9]{0,8})/([0-9.a-z]+)(?: burst ([1-9][0-9]{0,8}))?")
_WANTED = 'wanted a rate like "10/s", "1000/15m" or "10/s burst 20"'
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests in `period` s, `burst` of them at once."""

    count: int
    period: float
    burst: int

    @property
    def refill(self) -> float:
        """The s after which a limit that was used up is whole again."""
        return self.burst * self.period / self.count

    @property
    def hold(self) -> float:
        """The s for which the last request of a burst would be held."""
        return (self.burst - 1) * self.period / self.count

    def __str__(self) -> str:
        period = units.duration_text(self.period)
        unit = period.removeprefix("1")
        text = f"{self.count}/{unit if unit.isalpha() else period}"
        return text if self.burst == self.count else f"{text} burst {self.burst}"


def rate(text: str, burst: int | None = None) -> Rate:
    """Read a rate; a burst may stand in it or beside it, without one all may come at once."""
    matched = _RATE.fullmatch(text)
    if matched is None:
        raise ValueError(f"{_WANTED}; found {found(text)}")
    count, written, within = matched.groups()
    if within and burst is not None:
        raise ValueError("the rate has a burst already: say it once")
    try:
        period = units.seconds(f"1{written}" if written.isalpha() else written)
    except ValueError:
        raise ValueError(f"{_WANTED}; found {found(text)}") from None
    if not period:
        raise ValueError("the time of a rate must be more than 0")
    return _countable(Rate(int(count), period, burst or int(within or count)))


def rate_text(text: str) -> str:
    """Take what `rate` reads."""
    rate(text)
    return text


def _countable(wanted: Rate) -> Rate:
    if wanted.count > FASTEST * wanted.period:
        raise ValueError(f"more than {FASTEST} requests a second cannot be counted")
    if wanted.refill > LONGEST:
        raise ValueError("a client would wait for its whole burst for more than a year")
    return wanted


def limits_table(value: object) -> object:
    """Take `limits = "10/s"` for a list of one, and each text in it for `{ rate = text }`."""
    entries = value if isinstance(value, list | tuple) else [value]
    return [{"rate": each} if isinstance(each, str) else each for each in entries]


def by(text: str) -> str:
    """Take "client_ip", "header:NAME", "cookie:NAME" or "claim:NAME"."""
    kind, colon, name = text.partition(":")
    if text == "client_ip" or (kind in ("header", "cookie") and is_cookie_name(name)):
        return text
    if kind == "claim" and name and name.isprintable():
        return text
    if kind in ("header", "cookie", "claim") and colon:
        raise ValueError(f"`{name}` cannot be the name of a {kind}")
    hint = did_you_mean(kind, ["client_ip", "header", "cookie", "claim"])
    raise ValueError(
        f'wanted "client_ip", "header:NAME", "cookie:NAME" or "claim:NAME"; '
        f"found {found(text)}{hint}"
    )


def name(text: str) -> str:
    """Take what a limit is called."""
    if _NAME.fullmatch(text):
        return text
    raise ValueError(
        f'wanted a name like "login", of letters, digits and "._-"; found {found(text)}'
    )
