"""Where tasks of the reactor wait for something that is not a socket."""

from webqx_supervisor.net.reactor import Reactor, Task


class ParkingLot:
    """Where tasks wait until somebody, in the reactor or in trio, says that something changed."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._parked: dict[Task, None] = {}

    def __len__(self) -> int:
        return len(self._parked)

    async def park(self, seconds: float) -> None:
        """Wait for unpark_all(), or be woken for nothing; raises DeadlinePassed after `seconds`."""
        task = self._reactor.current
        self._parked[task] = None
        try:
            await self._reactor.wait(seconds)
        finally:
            self._parked.pop(task, None)

    def unpark_all(self) -> None:
        """Wake everybody, in the order of their coming."""
        parked, self._parked = self._parked, {}
        for task in parked:
            self._reactor.schedule(task)
