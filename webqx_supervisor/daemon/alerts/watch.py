"""Have what holds looked at when it may have changed, and told to whom it concerns."""

import json
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from webqx_supervisor.config.places import write_atomically
from webqx_supervisor.core.alerting.alarms import (
    Alarm,
    Alarms,
    Finding,
    Notice,
    Turn,
    by_receiver,
)
from webqx_supervisor.core.alerting.forms import Message
from webqx_supervisor.core.alerting.outbox import Outbox
from webqx_supervisor.daemon.alerts.facts import SAMPLED
from webqx_supervisor.daemon.alerts.tell import NotTold, tell
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.alerts import Alerts, Condition, Receiver
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.errors import NoSuchService

log = logging.getLogger(__name__)

SAMPLE = 10.0
"""s between two looks at what no event tells of."""
SETTLED = 0.25
"""s for which changes are let pass before the next look: a reload makes some dozen."""


@dataclass(frozen=True, slots=True)
class _Saved:
    alarms: tuple[Alarm, ...] = ()
    waiting: tuple[tuple[str, tuple[Notice, ...]], ...] = ()


@dataclass
class _Told:
    """How the last attempt went."""

    at: float = 0.0
    reason: str = ""


@dataclass
class AlertWatch:
    """The watch: it looks at every change, and sends what there is to tell.

    `wanted` returns [alerts] as it is now, `look` what holds; `sample` brings up to date what no
    change tells of, and is awaited every SAMPLE s.
    """

    wanted: Callable[[], Alerts]
    name: Callable[[], str]
    look: Callable[[], list[Finding]]
    sample: Callable[[], Awaitable[None]]
    registry: Registry
    path: Path
    clock: Callable[[], float] = time.time
    _outboxes: dict[str, Outbox] = field(default_factory=dict)
    _told: dict[str, _Told] = field(default_factory=dict)
    _news: trio.Event = field(default_factory=trio.Event)
    _alarms: Alarms = field(default_factory=Alarms)
    _saved: _Saved = field(default_factory=_Saved)

    async def run(self) -> None:
        """Look and tell until cancelled."""
        self._recall()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_on)
            nursery.start_soon(self._send_on)

    def state(self) -> Mapping[str, Any]:
        """Return what is pending or firing, and how the receivers were reached, as plain values."""
        return {
            "alarms": [
                {
                    "condition": str(alarm.finding.on),
                    "subject": alarm.finding.subject,
                    "text": alarm.finding.text,
                    "since": alarm.since,
                    "firing": alarm.told is not None,
                }
                for alarm in self._alarms.all
            ],
            "receivers": [
                {
                    "name": receiver.name,
                    "means": str(receiver.means),
                    "waiting": len(self._box(receiver.name).waiting),
                    "told_at": self._told.get(receiver.name, _Told()).at or None,
                    "reason": self._told.get(receiver.name, _Told()).reason,
                }
                for receiver in self.wanted().receivers
            ],
        }

    async def test(self, name: str) -> list[Mapping[str, Any]]:
        """Tell a receiver, or with "" all, that this is a test; return how that went."""
        receivers = [each for each in self.wanted().receivers if name in ("", each.name)]
        if not receivers:
            there = ", ".join(each.name for each in self.wanted().receivers) or "none"
            raise NoSuchService(f"no receiver {name!r} in [alerts.to]; there is: {there}")
        finding = Finding(Condition.DOWN, "test", "this is a test; nothing is wrong")
        message = Message(self.name(), (Notice(Turn.BEGINS, finding, self.clock(), 0.0),))
        results: list[Mapping[str, Any]] = []

        async def attempt(receiver: Receiver) -> None:
            reason = await self._attempt(receiver, message)
            results.append({"name": receiver.name, "reason": reason})

        async with trio.open_nursery() as nursery:
            for receiver in receivers:
                nursery.start_soon(attempt, receiver)
        return sorted(results, key=lambda result: str(result["name"]))

    async def _look_on(self) -> None:
        sampled_at = -math.inf
        while True:
            wanted = self.wanted()
            samples = wanted.receivers and any(rule.on in SAMPLED for rule in wanted.rules)
            # Not at every change: the answers of the proxies are changes themselves.
            if samples and trio.current_time() >= sampled_at + SAMPLE:
                await self.sample()
                sampled_at = trio.current_time()
            if wanted.receivers:
                self._look(wanted)
            next_sample = sampled_at + SAMPLE if samples else math.inf
            with trio.move_on_at(min(next_sample, trio.current_time() + self._pause(wanted))):
                await self.registry.next_change()
                await trio.sleep(SETTLED)

    def _look(self, wanted: Alerts) -> None:
        now = self.clock()
        notices = self._alarms.see(self.look(), now, wanted.repeat)
        names = [receiver.name for receiver in wanted.receivers]
        for name, share in by_receiver(notices, names).items():
            self._box(name).put(share, now)
        for notice in notices:
            service, number = _worker(notice.finding)
            self.registry.tell(
                "alert" if notice.turn is not Turn.IS_OVER else "alert_over",
                f"{notice.finding.on}: {notice.finding.text}",
                service=service,
                instance=number,
            )
        if notices:
            self._news.set()
        self._save()

    def _pause(self, wanted: Alerts) -> float:
        """Return for how long, in s, nothing is to be told unless something changes."""
        at = self._alarms.next_at(wanted.repeat) if wanted.receivers else None
        return math.inf if at is None else max(at - self.clock(), 0.0)

    async def _send_on(self) -> None:
        while True:
            self._news = trio.Event()
            due = [box.due for box in self._outboxes.values() if box.due is not None]
            pause = max(min(due) - self.clock(), 0.0) if due else math.inf
            with trio.move_on_after(pause):
                await self._news.wait()
            async with trio.open_nursery() as nursery:
                for receiver in self.wanted().receivers:
                    box = self._box(receiver.name)
                    if box.due is not None and box.due <= self.clock():
                        nursery.start_soon(self._deliver, receiver, box)
            self._forget_receivers()
            self._save()

    async def _deliver(self, receiver: Receiver, box: Outbox) -> None:
        notices = tuple(box.waiting)
        reason = await self._attempt(receiver, Message(self.name(), notices, box.dropped))
        if not reason:
            box.sent(len(notices), self.clock())
            return
        pause = box.failed(self.clock(), random.random())  # noqa: S311 - spreads, guards nothing
        self.registry.tell("failed", f"alert to {receiver.name}: {reason}; again in {pause:.0f} s")

    async def _attempt(self, receiver: Receiver, message: Message) -> str:
        try:
            await tell(receiver, message)
        except NotTold as error:
            reason = str(error)
        except Exception as error:  # a fault of ours costs one message, not the daemon
            log.exception("alert to %s failed", receiver.name)
            reason = f"internal error: {type(error).__name__}"
        else:
            reason = ""
        self._told[receiver.name] = _Told(self.clock(), reason)
        return reason

    def _box(self, name: str) -> Outbox:
        wanted = self.wanted()
        box = self._outboxes.setdefault(name, Outbox(wanted.together, wanted.most))
        box.together, box.most = wanted.together, wanted.most
        return box

    def _forget_receivers(self) -> None:
        names = {receiver.name for receiver in self.wanted().receivers}
        self._outboxes = {name: box for name, box in self._outboxes.items() if name in names}

    def _recall(self) -> None:
        try:
            saved = from_plain(_Saved, json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError) as error:
            log.warning("cannot read %s: %s", self.path, error)
            return
        self._alarms, self._saved = Alarms(saved.alarms), saved
        for name, waiting in saved.waiting:
            self._box(name).put(waiting, self.clock())

    def _save(self) -> None:
        boxes: Iterable[tuple[str, Outbox]] = self._outboxes.items()
        waiting = tuple((name, tuple(box.waiting)) for name, box in boxes if box.waiting)
        saved = _Saved(self._alarms.all, waiting)
        if saved == self._saved:
            return
        self._saved = saved
        try:
            write_atomically(self.path, json.dumps(to_plain(saved)).encode(), durable=False)
        except OSError as error:  # told again after a restart of the daemon
            log.warning("cannot keep the alerts: %s", error)


def _worker(finding: Finding) -> tuple[str, int]:
    """Return the service and the worker that it is about; ("", 0) where it is about none."""
    if finding.on in (Condition.DISK, Condition.CERTIFICATE):
        return "", 0
    service, _, number = finding.subject.partition(":")
    return service, int(number) if number.isdecimal() else 0
