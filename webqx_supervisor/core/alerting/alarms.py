"""From what holds now to what is to be told: pending, firing, resolved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from webqx_supervisor.model.alerts import Condition

QUIET = 15.0
"""s for which a condition must not hold any more before it is over: what flaps is one alarm."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition of a rule that holds. `subject`: a service, a worker, a file, "disk"."""

    on: Condition
    subject: str
    text: str
    patience: float = 0.0
    to: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What makes it the same one at the next look."""
        return f"{self.on} {self.subject} {','.join(self.to)}"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One finding over time; Unix times in s, so that it outlives the daemon."""

    finding: Finding
    since: float
    """When it was first seen."""
    told: float | None = None
    """When it was last told; None while it is pending."""
    gone: float | None = None
    """Since when it does not hold any more; None while it does."""


class Turn(StrEnum):
    """What there is to say of an alarm."""

    BEGINS = "begins"
    LASTS = "lasts"
    IS_OVER = "is over"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told. `for_s`: how long it holds, or held, in s."""

    turn: Turn
    finding: Finding
    at: float
    for_s: float


class Alarms:
    """All that is pending or firing, by key."""

    def __init__(self, known: Iterable[Alarm] = ()) -> None:
        self._known = {alarm.finding.key: alarm for alarm in known}

    @property
    def all(self) -> tuple[Alarm, ...]:
        """Those that are pending or firing, the oldest first."""
        return tuple(sorted(self._known.values(), key=lambda alarm: alarm.since))

    def see(self, findings: Iterable[Finding], now: float, repeat: float) -> list[Notice]:
        """Take in all that holds at `now`; return what is to be told of it."""
        holding = {finding.key: finding for finding in findings}
        notices = []
        for key in [*self._known, *(key for key in holding if key not in self._known)]:
            alarm, notice = _step(self._known.get(key), holding.get(key), now, repeat)
            if notice is not None:
                notices.append(notice)
            if alarm is None:
                del self._known[key]
            else:
                self._known[key] = alarm
        return notices

    def next_at(self, repeat: float) -> float | None:
        """Return when something is to be told even if nothing changes until then."""
        times = [at for alarm in self._known.values() for at in _due(alarm, repeat)]
        return min(times, default=None)


def _step(
    alarm: Alarm | None, finding: Finding | None, now: float, repeat: float
) -> tuple[Alarm | None, Notice | None]:
    """Return what becomes of one alarm, None for none, and what is to be told."""
    if finding is None:
        assert alarm is not None, "a key is known or holds"
        return _absent(alarm, now)
    if alarm is None:
        alarm = Alarm(finding, now)
    alarm = replace(alarm, finding=finding, gone=None)
    lasting = now - alarm.since
    if alarm.told is None:
        if lasting < finding.patience:
            return alarm, None
        return replace(alarm, told=now), Notice(Turn.BEGINS, finding, now, lasting)
    if repeat and now - alarm.told >= repeat:
        return replace(alarm, told=now), Notice(Turn.LASTS, finding, now, lasting)
    return alarm, None


def _absent(alarm: Alarm, now: float) -> tuple[Alarm | None, Notice | None]:
    if alarm.told is None:
        return None, None
    gone = now if alarm.gone is None else alarm.gone
    if now - gone < QUIET:
        return replace(alarm, gone=gone), None
    return None, Notice(Turn.IS_OVER, alarm.finding, now, gone - alarm.since)


def _due(alarm: Alarm, repeat: float) -> Iterable[float]:
    if alarm.gone is not None:
        yield alarm.gone + QUIET
    elif alarm.told is None:
        yield alarm.since + alarm.finding.patience
    elif repeat:
        yield alarm.told + repeat


def by_receiver(notices: Iterable[Notice], receivers: Iterable[str]) -> Mapping[str, list[Notice]]:
    """Return what each of these receivers is to be told."""
    names = list(receivers)
    shares: dict[str, list[Notice]] = {}
    for notice in notices:
        for name in notice.finding.to or names:
            if name in names:
                shares.setdefault(name, []).append(notice)
    return shares
