"""Whether a worker hangs, as its traffic tells: the only one that is silent while requests wait.

Silence alone proves nothing. A database that is slow makes all workers silent, so another one must
have answered meanwhile; a worker whose clients all poll for news is silent by right, so whoever
asks here also has it asked one more thing. A worker without peers is never judged.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from webqx_supervisor.model.link import Count

RECENT = 0.5
"""The last part of the time-out in which another worker with waiting requests must have answered.

Were it all of the silence, workers that one slow database silences one after the other would each
be taken for the only silent one.
"""


@dataclass(frozen=True, slots=True)
class Silence:
    """For how long, in s, one worker has given no octet of an answer, and to how many requests."""

    seconds: float
    requests: int

    def __str__(self) -> str:
        plural = "" if self.requests == 1 else "s"
        return (
            f"no byte for {self.seconds:.1f} s of {self.requests} request{plural} "
            "while its peers answered"
        )


def silence(
    counts: Iterable[Count], worker: str, now: float, hang_timeout: float
) -> Silence | None:
    """Return the silence of `worker` if it is suspicious, else None.

    `counts` are those of all proxies, `now` is a time of the monotonic clock.
    """
    service = worker.partition(":")[0]
    known = [count for count in counts if count.upstream.partition(":")[0] == service]
    own = [count for count in known if count.upstream == worker]
    heard = [count.heard_at for count in own]
    if not own or None in heard or any(count.held for count in own):
        return None
    # What one proxy has heard breaks the silence that another one noticed.
    seconds = min(
        max(count.silent_for for count in own),
        now - max(at for at in heard if at is not None),
    )
    if seconds <= 0 or seconds < hang_timeout:
        return None
    peers = [count for count in known if count.upstream != worker]
    if not any(_answers(peer, now - seconds, now, hang_timeout) for peer in peers):
        return None
    return Silence(seconds, sum(count.waiting for count in own))


def _answers(peer: Count, since: float, now: float, hang_timeout: float) -> bool:
    """Say whether it answers, beside one that is silent `since` then.

    With requests waiting, it must have answered of late. With none, it has answered all that it was
    asked, and that need only not be long ago: its clients may all wait for the one that hangs.
    """
    if peer.heard_at is None:
        return False
    if peer.waiting:
        return peer.heard_at > now - hang_timeout * RECENT
    return peer.heard_at > since - hang_timeout


def hangs(silence: Silence, *, busy: bool, patience: float) -> bool:
    """Say whether the worker hangs, now that it gives no answer to one more request either.

    `busy`: it burns CPU. That is work, or an endless loop: spared for `patience` seconds, as by
    core.health.
    """
    return not busy or silence.seconds >= patience
