"""What the daemon counts by itself for the metrics: restarts, probes, breakers that opened."""

from webqx_supervisor.core import counting
from webqx_supervisor.core.counting import Entries, Kind
from webqx_supervisor.net.sheets import Sheet


class Life:
    """The counts, by service and instance; in a sheet of its own until there is one to keep."""

    def __init__(self) -> None:
        self._sheet = Sheet.alone()

    def count_in(self, sheet: Sheet) -> None:
        """Go on in a sheet that outlives the daemon."""
        sheet.add(self._sheet.entries())
        self._sheet = sheet

    def restarted(self, service: str, instance: int, reason: str) -> None:
        """Count that a worker was replaced, for one of counting.RESTARTS."""
        self._add(service, instance, counting.restarted(reason))

    def probed(self, service: str, instance: int, outcome: str) -> None:
        """Count a probe, with one of counting.PROBES."""
        self._add(service, instance, counting.probed(outcome))

    def breaker_opened(self, service: str, instance: int) -> None:
        """Count that a proxy has opened its breaker of a worker."""
        self._add(service, instance, counting.BREAKER_OPENED)

    def entries(self) -> Entries:
        """Return all of it."""
        return self._sheet.entries()

    def _add(self, service: str, instance: int, which: int) -> None:
        self._sheet.words[self._sheet.place((Kind.LIFE, service, str(instance))) + which] += 1
