"""A worker's life is the table below; nothing else moves it from one state to another.

    STOPPED --START--> STARTING --READY--> RUNNING --DRAIN--> DRAINING
                          |                   |                   |
                          +--------STOP-------+--------STOP-------+
                                              |
    STOPPED <-------------STOPPED-------- STOPPING

The process may end in any of the last four, asked or not, and what follows is its own occasion:

    EXIT    -> BACKOFF   it will be started again
    FINISH  -> EXITED    it will not
    GIVE_UP -> FATAL     it ended too often and is tried again rarely; so is an UNSTARTABLE one

From these three START leads back to STARTING, and STOP to STOPPED: there is nothing to wait for.
STOPPED ends every life, however far it had come.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from webqx_supervisor.model.status import WorkerState

DEGRADED = "DEGRADED"
UNHEALTHY = "UNHEALTHY"
ASLEEP = "ASLEEP"
"""A service that has no workers because nobody asked it anything; a request wakes it."""


class Occasion(StrEnum):
    """What befalls a worker."""

    START = "start"
    """Its process is about to be started."""
    UNSTARTABLE = "unstartable"
    """It could not be: program missing, port taken, folder gone."""
    READY = "ready"
    """It answers for the first time."""
    DRAIN = "drain"
    """It shall finish what is in flight and take nothing new."""
    STOP = "stop"
    """It gets its stop signal; or, without a process, it shall not be started again."""
    EXIT = "exit"
    FINISH = "finish"
    GIVE_UP = "give up"
    STOPPED = "stopped"
    """It is gone as was wished, or nobody looks after it any longer."""


def _table() -> dict[tuple[WorkerState, Occasion], WorkerState]:
    state = WorkerState
    table = {
        (state.STOPPED, Occasion.START): state.STARTING,
        (state.STARTING, Occasion.UNSTARTABLE): state.FATAL,
        (state.STARTING, Occasion.READY): state.RUNNING,
        (state.RUNNING, Occasion.DRAIN): state.DRAINING,
    }
    for alive in (state.STARTING, state.RUNNING, state.DRAINING, state.STOPPING):
        table[alive, Occasion.STOP] = state.STOPPING
        table[alive, Occasion.EXIT] = state.BACKOFF
        table[alive, Occasion.FINISH] = state.EXITED
        table[alive, Occasion.GIVE_UP] = state.FATAL
        table[alive, Occasion.STOPPED] = state.STOPPED
    for down in (state.BACKOFF, state.EXITED, state.FATAL):
        table[down, Occasion.START] = state.STARTING
        table[down, Occasion.STOP] = state.STOPPED
        table[down, Occasion.STOPPED] = state.STOPPED
    return table


TABLE: Mapping[tuple[WorkerState, Occasion], WorkerState] = MappingProxyType(_table())


def step(state: WorkerState, occasion: Occasion) -> WorkerState:
    """Return the state that follows.

    Raises AssertionError for a pair that no life has: a bug in whoever drives the worker.
    """
    following = TABLE.get((state, occasion))
    if following is None:
        raise AssertionError(f"a {state} worker cannot see `{occasion}`")
    return following


_NEAREST_TO_SERVING = (
    WorkerState.STARTING,
    WorkerState.BACKOFF,
    WorkerState.FATAL,
    WorkerState.DRAINING,
    WorkerState.STOPPING,
    WorkerState.EXITED,
    WorkerState.STOPPED,
)


def summary(wanted: int, states: Iterable[tuple[WorkerState, bool]]) -> str:
    """Return one word for a service from the (state, healthy) pairs of its workers.

    RUNNING: as many serve as are wanted; DEGRADED: fewer, but some; UNHEALTHY: some run, and all
    of those are ill. With none running it is the worker nearest to serving that speaks for all,
    so one that is on its way outshines those that are down. A reload's surplus changes nothing.
    """
    pairs = tuple(states)
    serving = pairs.count((WorkerState.RUNNING, True))
    if serving:
        return WorkerState.RUNNING if serving >= wanted else DEGRADED
    present = {state for state, _ in pairs}
    if WorkerState.RUNNING in present:
        return UNHEALTHY
    return next((state for state in _NEAREST_TO_SERVING if state in present), WorkerState.STOPPED)
