"""What a proxy counts, for a route, a worker, a queue and a listener: a few sums, made in place.

The numbers stand in a sheet of net.sheets, so that they are read without asking and outlive this
process. Each meter knows its place in there.
"""

from array import array
from collections.abc import Collection

from webqx_supervisor.core import counting
from webqx_supervisor.core.counting import BOUNDS, NUMBERS, Key, Kind, is_overflow, scope
from webqx_supervisor.model.gateway import Route, Table, read_worker_id
from webqx_supervisor.net.sheets import Sheet

# Numbers of C where this is compiled, see meters.pxd.
_CLASSES = counting.CLASSES
_IN_FLIGHT = counting.IN_FLIGHT
_SENT = counting.SENT
_RECEIVED = counting.RECEIVED
_ANSWERED = counting.ANSWERED
_ANSWERS_MICROS = counting.ANSWERS_MICROS
_ANSWERS_BUCKETS = counting.ANSWERS_BUCKETS
_WORKER_MICROS = counting.WORKER_MICROS
_WORKER_BUCKETS = counting.WORKER_BUCKETS
_BOUNDS = array("d", BOUNDS)
_MOST = len(BOUNDS)


def _nowhere() -> memoryview:
    return memoryview(bytearray(NUMBERS * 8)).cast("q")


class Meter:
    """The numbers of one entry, from `at` on; without a sheet they are counted for nobody."""

    __slots__ = ("_at", "_bounds", "_words", "key")

    def __init__(self, key: Key) -> None:
        self.key = key
        self._bounds = memoryview(_BOUNDS)
        self._at = 0
        self._words = _nowhere()

    def bind(self, sheet: Sheet | None) -> None:
        """Count in this sheet from now on; None: what is counted is gone."""
        self._at = sheet.place(self.key) if sheet is not None else 0
        self._words = sheet.words if sheet is not None else _nowhere()

    def add(self, which: int, change: int) -> None:
        """Count anything."""
        self._words[self._at + which] += change

    def _bucket(self, seconds: float) -> int:
        at = 0
        while at < _MOST and seconds > self._bounds[at]:
            at += 1
        return at


class RouteMeter(Meter):
    """What comes of the requests of a route."""

    __slots__ = ("_answers", "_sheet")

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self._answers = [-1] * (
            _CLASSES + 1
        )  # where the numbers of each class stand, once it has any
        self._sheet: Sheet | None = None

    def bind(self, sheet: Sheet | None) -> None:
        """Count in this sheet from now on; None: what is counted is gone."""
        Meter.bind(self, sheet)
        self._answers = [-1] * (_CLASSES + 1)
        self._sheet = sheet

    def enter(self) -> None:
        """Count one that begins."""
        self._words[self._at + _IN_FLIGHT] += 1

    def leave(self) -> None:
        """Count one that is not here any more."""
        self._words[self._at + _IN_FLIGHT] -= 1

    def ended(self, status: int, seconds: float, sent: int, timed: bool) -> None:
        """Count an answer, and its time if it has one."""
        group = status // 100
        if group > _CLASSES or group < 1:
            group = _CLASSES
        at = self._answers[group]
        if at < 0:
            at = self._open(group)
        words = self._words
        words[self._at + _SENT] += sent
        words[at + _ANSWERED] += 1
        if timed:
            words[at + _ANSWERS_MICROS] += int(seconds * 1000000)
            words[at + _ANSWERS_BUCKETS + self._bucket(seconds)] += 1

    def carried(self, up: int, down: int) -> None:
        """Count octets that came from the client, and that went to it."""
        self._words[self._at + _RECEIVED] += up
        self._words[self._at + _SENT] += down

    def failed(self, status: int) -> None:
        """Count an error that the proxy itself has told, or counting.CUT."""
        if self._sheet is not None:
            at = self._sheet.place((Kind.ERRORS, *self.key[1:]))
            self._words[at + counting.error(status)] += 1

    def _open(self, group: int) -> int:
        """Return where the numbers of a class stand, from now on."""
        at = 0
        if self._sheet is not None:
            at = self._sheet.place((Kind.ANSWERS, *self.key[1:], str(group)))
        self._answers[group] = at
        return at


class WorkerMeter(Meter):
    """What comes of the requests that go to a worker; its successor goes on with the same."""

    __slots__ = ()

    def answered(self, status: int, seconds: float, timed: bool) -> None:
        """Count an answer, and its time if it has one."""
        group = status // 100
        if group > _CLASSES or group < 1:
            group = _CLASSES
        words = self._words
        words[self._at + group - 1] += 1
        if timed:
            words[self._at + _WORKER_MICROS] += int(seconds * 1000000)
            words[self._at + _WORKER_BUCKETS + self._bucket(seconds)] += 1

    def failed(self) -> None:
        """Count a request that had to go elsewhere."""
        self.add(counting.WORKER_FAILED, 1)


class QueueMeter(Meter):
    """Who waits for a worker of a service, and for how long."""

    __slots__ = ()

    def enter(self) -> None:
        """Count one that begins to wait."""
        self.add(counting.WAITING, 1)

    def leave(self, seconds: float) -> None:
        """Count one that has waited for so long, whatever came of it."""
        self.add(counting.WAITING, -1)
        self.add(counting.WAITED_MICROS, int(seconds * 1000000))
        self.add(counting.WAITED_BUCKETS + self._bucket(seconds), 1)


def names_of(meter: RouteMeter | None) -> tuple[str, str]:
    """Return what another proxy is to count the same under."""
    return ("", "") if meter is None else (meter.key[1], meter.key[2])


class Meters:
    """All meters of a proxy."""

    def __init__(self) -> None:
        self._sheet = Sheet.alone()
        self._meters: dict[Key, Meter] = {}
        self.stray = self.route(None)
        """Of requests that no route takes."""

    def count_in(self, sheet: Sheet) -> None:
        """Count in a sheet that others see, with what has been counted before."""
        if sheet.identity == self._sheet.identity:
            return  # a new daemon has told it again
        before, self._sheet = self._sheet.entries(), sheet
        sheet.add(before)
        for meter in self._meters.values():
            meter.bind(sheet)

    def retain(self, table: Table) -> None:
        """Forget what is not in the table any more, so that others have its room."""
        wanted = counting.scopes(
            map(counting.route_key, table.routes),
            (group.service for group in table.groups),
            (listener.name for listener in table.listeners),
        )
        for key in self._sheet.entries():
            if scope(key) not in wanted and not is_overflow(key):
                self._sheet.drop(key)
        for key in [key for key in self._meters if scope(key) not in wanted]:
            self._meters.pop(key).bind(None)

    def route(self, route: Route | None) -> RouteMeter:
        """Return the meter of a route; None: of what takes none."""
        names = (counting.NONE, counting.NONE) if route is None else counting.route_key(route)
        return self.named(names)

    def named(self, names: Collection[str]) -> RouteMeter:
        """Return the meter of a route by its key's names."""
        key = (Kind.ROUTE, *names)
        meter = self._meters.get(key)
        if meter is None:
            meter = self._begin(RouteMeter(key))
        assert isinstance(meter, RouteMeter)
        return meter

    def worker(self, upstream: str) -> WorkerMeter:
        """Return the meter of the worker that an upstream (by its id) is."""
        service, instance, _ = read_worker_id(upstream)
        key = (Kind.WORKER, service, str(instance))
        meter = self._meters.get(key) or self._begin(WorkerMeter(key))
        assert isinstance(meter, WorkerMeter)
        return meter

    def queue(self, service: str) -> QueueMeter:
        """Return the meter of those who wait for a worker of a service."""
        key = (Kind.QUEUE, service)
        meter = self._meters.get(key) or self._begin(QueueMeter(key))
        assert isinstance(meter, QueueMeter)
        return meter

    def listener(self, name: str) -> Meter:
        """Return the meter of a listener."""
        key = (Kind.LISTENER, name)
        return self._meters.get(key) or self._begin(Meter(key))

    def _begin(self, meter: Meter) -> Meter:
        self._meters[meter.key] = meter
        meter.bind(self._sheet)
        return meter
