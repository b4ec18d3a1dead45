"""Octets both ways, meaning unknown: after an upgrade, and for listeners that speak TCP.

There may be thousands, mostly idle. So one task carries both directions, and what a direction
needs for its octets, it has only while there are some.
"""

from dataclasses import replace

from webqx_supervisor.core.wire.websocket import FrameFollower, close_frame
from webqx_supervisor.model.link import HandedTunnel
from webqx_supervisor.net.channel import PIECE, RUN, Broken, Channel, Stalled
from webqx_supervisor.net.pipe import Pipe, open_pipe
from webqx_supervisor.net.reactor import DeadlinePassed, Reactor, Task
from webqx_supervisor.proxy.meters import RouteMeter

_BULK = 16 * 1024
"""Octets that came at once, from which the kernel moves the next ones by itself."""
FAREWELL = 1.0
"""s that a WebSocket which is to be closed has to come to the end of a frame."""


class Way:
    """One direction; `over` once the end of the source has been passed on to the sink."""

    __slots__ = (
        "_bulk",
        "_pipe",
        "_rest",
        "_sink",
        "_source",
        "active_at",
        "follower",
        "moved",
        "over",
    )

    def __init__(self, source: Channel, sink: Channel, now: float) -> None:
        self.follower: FrameFollower | None = None
        """Knows where frames end, if those are frames."""
        self._source = source
        self._sink = sink
        self._rest = b""  # taken from the source, refused by the sink
        self._pipe: Pipe | None = None  # the same, inside the kernel
        self._bulk = False
        self.moved = 0
        """Octets that the sink has taken."""
        self.active_at = now
        """When it last took any, or was first offered what it refuses."""
        self.over = False

    def carry(self, now: float) -> None:
        """Move what can be moved now, within bounds. Raises Broken of either end."""
        before, was_refused = self.moved, self.is_refused()
        for _ in range(RUN):
            if self.over or not (self._push() and self._pull()):
                break
        if self.moved > before or (self.is_refused() and not was_refused):
            self.active_at = now

    def is_refused(self) -> bool:
        """Say whether the sink has left something that it was given."""
        return bool(self._rest) or self._pipe is not None

    def could_go_on(self) -> bool:
        """Say whether there is more to be moved at once."""
        return not self.over and self._source.readable and not self.is_refused()

    def is_clean(self) -> bool:
        """Say whether all that was taken has been given, and more may follow."""
        return not (self.over or self.is_refused())

    def send_close(self, code: int, *, masked: bool) -> bool:
        """Send a Close frame unless there was one; return False inside a frame. Raises Broken."""
        if self.follower is None or self.over or self.follower.closed:
            return True
        if self.is_refused() or not self.follower.between_frames:
            return False
        self._sink.send(close_frame(code, masked=masked))
        self.follower.closed = True
        return True

    def has_stalled(self, since: float) -> Stalled | None:
        """Return what to raise if the sink refuses what it was offered before `since`."""
        if self.is_refused() and self.active_at <= since:
            return Stalled(self._sink, "took nothing for too long")
        return None

    def end(self) -> None:
        """Let go of what was not moved."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _push(self) -> bool:
        """Give the sink what it has refused before; say whether nothing is left."""
        if self._rest:
            sent = self._sink.send(self._rest)
            self.moved += sent
            self._rest = self._rest[sent:]
            return not self._rest
        if self._pipe is not None:
            self.moved += self._pipe.spill(self._sink)
            if self._pipe.held:
                return False
            self._pipe.give_back()
            self._pipe = None
        return True

    def _pull(self) -> bool:
        """Take some from the source and give it to the sink; say whether to go on."""
        if self._bulk and self._source.readable:
            return self._pull_through()
        self._source.fresh_turn()
        data = self._source.take(PIECE)
        if data is None:
            return False
        if not data:
            self.over = True
            self._sink.shutdown_write()
            return False
        # What the kernel moves, nobody sees; and of what is followed, every octet has to be.
        self._bulk = len(data) >= _BULK and self.follower is None
        if self.follower is not None:
            self.follower.feed(data)
        sent = self._sink.send(data)
        self.moved += sent
        if sent < len(data):
            self._rest = data[sent:]
            return False
        return self._source.readable

    def _pull_through(self) -> bool:
        pipe = open_pipe()
        if pipe is None:
            self._bulk = False
            return True
        self._pipe = pipe
        count = pipe.fill(self._source)
        if count < _BULK:  # the end, nothing, or little: the next look is an ordinary one
            self._bulk = False
        return self._push()


class Tunnel:
    """Joins a client and an upstream. The end of one direction is passed on as just that."""

    __slots__ = (
        "_client",
        "_code",
        "_dismissed_at",
        "_down",
        "_interrupted",
        "_reactor",
        "_seconds",
        "_task",
        "_told_down",
        "_told_up",
        "_up",
        "_upstream",
        "meter",
    )

    def __init__(
        self, reactor: Reactor, client: Channel, upstream: Channel, seconds: float
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._up = Way(client, upstream, reactor.now)
        self._down = Way(upstream, client, reactor.now)
        self._reactor = reactor
        self._seconds = seconds
        self._task: Task | None = None  # while it waits
        self._code = 0
        self._dismissed_at = 0.0
        self._interrupted = False
        self.meter: RouteMeter | None = None
        """Counts what is carried, while it is carried."""
        self._told_up = 0
        self._told_down = 0

    def follow_frames(self, up: bytes, down: bytes) -> None:
        """Take both directions for WebSocket frames; `up` and `down` have been carried before."""
        self._up.follower, self._down.follower = FrameFollower(), FrameFollower()
        self._up.follower.feed(up)
        self._down.follower.feed(down)

    def dismiss(self, code: int) -> None:
        """End it soon, a WebSocket with a Close frame of this code; run() returns then."""
        if not self._code:
            self._code = code
            self._dismissed_at = self._reactor.now
            self._wake()

    def interrupt(self) -> None:
        """Have run() return as soon as nothing is on the way, for another process to go on."""
        self._interrupted = True
        self._wake()

    def restore(self, frames: tuple[tuple[int, str, bool], ...]) -> None:
        """Go on where another process has stopped; `frames` is what handed() gave there."""
        if frames:
            ways = (self._up, self._down)
            for way, (left, head, closed) in zip(ways, frames, strict=True):
                way.follower = FrameFollower(left, head.encode("latin-1"), closed=closed)

    def handed(self, entry: HandedTunnel) -> HandedTunnel:
        """Return `entry` with where the frames stand now."""
        followers = [way.follower for way in (self._up, self._down) if way.follower is not None]
        states = [follower.state() for follower in followers]
        frames = tuple((left, head.decode("latin-1"), closed) for left, head, closed in states)
        return replace(entry, seconds=self._seconds, frames=frames)

    @property
    def sent(self) -> int:
        """Octets carried to the client."""
        return self._down.moved

    async def run(self) -> bool:
        """Carry until both directions have ended; return False.

        When it was interrupted, return True as soon as nothing is on the way: it is not over.
        Raises Broken when one end breaks, Stalled when both are silent for too long, or when one
        end refuses for too long what the other one has sent.
        """
        up, down = self._up, self._down
        try:
            while True:
                up.carry(self._reactor.now)
                down.carry(self._reactor.now)
                if self.meter is not None:
                    self._count(self.meter)
                if (up.over and down.over) or (self._code and self._has_parted()):
                    return False
                if self._interrupted and up.is_clean() and down.is_clean():
                    return True
                if up.could_go_on() or down.could_go_on():
                    await self._reactor.yield_turn()
                else:
                    await self._wait()
        finally:
            if self.meter is not None:
                self._count(self.meter)
            up.end()
            down.end()

    def _count(self, meter: RouteMeter) -> None:
        up, down = self._up.moved, self._down.moved
        meter.carried(up - self._told_up, down - self._told_down)
        self._told_up, self._told_down = up, down

    def _wake(self) -> None:
        if self._task is not None:
            self._reactor.schedule(self._task)

    async def _wait(self) -> None:
        for channel in (self._client, self._upstream):
            if channel.closed:
                raise Broken(channel, "closed")
        task = self._task = self._reactor.current
        self._client.watch(task, writing=self._down.is_refused())
        self._upstream.watch(task, writing=self._up.is_refused())
        try:
            await self._reactor.wait(self._until() - self._reactor.now)
        except DeadlinePassed:
            if not self._code:
                self._judge()
        finally:
            self._task = None
            self._client.watch(None)
            self._upstream.watch(None)

    def _until(self) -> float:
        """Return until when something must have moved: a sink that refuses has octets to take."""
        if self._code:
            return self._dismissed_at + FAREWELL
        since = max(self._up.active_at, self._down.active_at)
        for way in (self._up, self._down):
            if way.is_refused():
                since = min(since, way.active_at)
        return since + self._seconds

    def _has_parted(self) -> bool:
        """Send what a WebSocket sends before it ends; return whether it is to end now.

        Each side gets its Close between two frames (RFC 6455 section 5.4), and if a frame takes
        too long, none: the end of the connection says it too.
        """
        parted = self._down.send_close(self._code, masked=False)
        parted = self._up.send_close(self._code, masked=True) and parted
        return parted or self._reactor.now >= self._dismissed_at + FAREWELL

    def _judge(self) -> None:
        """Raise Stalled: by a sink that refuses, or by both ends that are silent."""
        since = self._reactor.now - self._seconds
        stalled = self._up.has_stalled(since) or self._down.has_stalled(since)
        raise stalled or Stalled(self._upstream, f"both ends silent for {self._seconds:g} s")
