"""For how long a worker has given no octet although requests wait, as one proxy sees it.

A request waits from its claim until the head of its answer. It does not wait while its client
still sends the body, and what comes after the head (a stream, a tunnel) may be silent by right. A
worker that serves one request at a time can be held up by a slow client, and that is not silence.
What every request does here is a comparison and two assignments.
"""

from collections.abc import Callable

from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.reactor import Reactor

LOOKS = 8
"""How often, at most, a silence is looked at in the time that it may last."""
AGAIN = 0.5
"""How soon what was told is told again, as a part of that time."""


class Silence:
    """The silence of one worker. Times are those of the reactor's clock."""

    __slots__ = (
        "_asked_at",
        "_held_until",
        "_relays",
        "_uploads",
        "_watch",
        "hang_timeout",
        "heard_at",
        "waiting",
    )

    def __init__(self, watch: "Watch | None" = None) -> None:
        self.waiting = 0
        """Requests that wait for the head of their answer."""
        self.heard_at = 0.0
        """When the last octet of any answer came; 0: none did."""
        self.hang_timeout = 0.0
        """A silence of so many s is told; 0: none is."""
        self._asked_at = 0.0
        self._held_until = 0.0
        self._relays: dict[Channel, Channel] = {}
        self._uploads: dict[Channel, float] = {}
        self._watch = watch

    def begin(self, now: float) -> None:
        """Count one request that waits."""
        if not self.waiting:
            self._asked_at = now
            if self._watch is not None and self.hang_timeout and not self._watch.awake:
                self._watch.wake()
        self.waiting += 1

    def end(self) -> None:
        """Count one that waits no longer."""
        self.waiting -= 1

    def begin_upload(self, channel: Channel, began: float) -> None:
        """Note that a client has yet to send the rest of a request that began at that time."""
        self._uploads[channel] = began

    def end_upload(self, channel: Channel, now: float) -> None:
        """Note that the worker has it all, or needs no more; if it was held up, its time begins."""
        began = self._uploads.pop(channel, None)
        if began is not None and began <= self._since():
            self._held_until = now

    def begin_relay(self, channel: Channel, client: Channel) -> None:
        """Note that more of an answer comes on this channel than its client has got."""
        self._relays[channel] = client

    def let_go(self, channel: Channel, now: float) -> None:
        """Forget what was noted of a channel."""
        if self._relays:
            self._relays.pop(channel, None)
        if self._uploads:
            self.end_upload(channel, now)

    def is_held(self) -> bool:
        """Say whether a client may be what keeps the worker from answering.

        Not one whose request came after the worker had fallen silent, nor one whose octets wait for
        the worker to take them: it reads none of that. Were they to count, a worker that hangs
        would be spared as long as there are uploads.
        """
        since = self._since()
        return any(
            began <= since and channel.writable for channel, began in self._uploads.items()
        ) or any(not client.writable for client in self._relays.values())

    def seconds(self, now: float) -> float:
        """Return for how long it has been silent; 0 if nothing waits, or it is held up."""
        if not self.waiting or self.is_held():
            return 0.0
        return max(0.0, now - max(self._since(), self._held_until))

    def _since(self) -> float:
        return max(self.heard_at, self._asked_at)


class Watch:
    """Tells who has been silent for too long, again and again as long as it lasts.

    `silences` are those it looks at, by the upstreams' ids. It sleeps while nothing waits, and
    otherwise until the first of them may be due.
    """

    def __init__(self, reactor: Reactor, tell: Callable[[tuple[str, ...]], None]) -> None:
        self.awake = False
        self.silences: dict[str, Silence] = {}
        self._reactor = reactor
        self._tell = tell

    def wake(self) -> None:
        """Watch from now on, until nothing waits."""
        self.awake = True
        self._reactor.spawn(self._run())

    async def _run(self) -> None:
        while (rest := self._look()) > 0:
            await self._reactor.sleep(rest)
        self.awake = False

    def _look(self) -> float:
        """Tell what is to be told; return in how many s to look again, 0 if nothing waits."""
        now = self._reactor.now
        found, rests = [], []
        for name, silence in self.silences.items():
            timeout = silence.hang_timeout
            if not timeout or not silence.waiting:
                continue
            seconds = silence.seconds(now)
            if seconds >= timeout:
                found.append(name)
                rests.append(timeout * AGAIN)
            else:
                rests.append(max(timeout - seconds, timeout / LOOKS))
        if found:
            self._tell(tuple(found))
        return min(rests, default=0.0)
