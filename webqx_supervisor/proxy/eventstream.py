"""An answer of server-sent events: it has no end, so it outlives the proxy that began it.

Between two pieces it is two descriptors, where the worker's chunks stand, and who asked for what.
"""

from webqx_supervisor.core.wire.messages import CHUNKED, UNTIL_CLOSE, RequestHead, ResponseHead
from webqx_supervisor.model.link import HandedStream
from webqx_supervisor.net.channel import PIECE, Broken, Channel
from webqx_supervisor.net.reactor import Task
from webqx_supervisor.proxy.answer import Answer, patience
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.gateway import Client, Gateway, Heir
from webqx_supervisor.proxy.meters import names_of
from webqx_supervisor.proxy.silence import Silence


class EventStream(Answer):
    """Goes on in the heir of this proxy, unless it is encoded on the way (EncodedAnswer)."""

    __slots__ = ("_interrupted", "_pump", "_service")

    def begin(self, service: str, pump: Task | None) -> None:
        """Take in whose answer it is, and who carries the body of the request, if anybody."""
        self._service = service
        self._pump = pump
        self._interrupted = self._exchange.gateway.heir is not None

    def interrupt(self) -> None:
        """Have the heir go on as soon as nothing is on the way."""
        task = self._exchange.client.task
        self._interrupted = True
        if task is not None:
            self._exchange.gateway.reactor.schedule(task)

    async def resume(self, chunks: tuple[str, str, int, int, int] | None) -> bool:
        """Go on where another process has stopped, else as relay()."""
        if self._decoder is not None and chunks is not None:
            expect, held, left, extensions, trailer = chunks
            self._decoder.restore((expect, held.encode("latin-1"), left, extensions, trailer))
        self._silence.begin_relay(self._upstream, self._exchange.client.channel)
        return await self._go_on() and self._head.keep_alive

    async def _receive(self) -> bytes | None:
        """Return what comes next; None once the heir has the stream."""
        upstream = self._upstream
        try:
            while (heir := self._ready_heir()) is None:
                data = upstream.take(PIECE)
                if data is not None:
                    return data
                await upstream.ready(patience(self._exchange, self._seconds))
        except Broken as broken:
            raise self._told_apart(broken) from broken
        await self._hand_on(heir)
        return None

    def _ready_heir(self) -> Heir | None:
        """Return who is to go on from here; None while the request's body is on its way."""
        if not self._interrupted or (self._pump is not None and not self._pump.done):
            return None
        return self._exchange.gateway.heir

    async def _hand_on(self, heir: Heir) -> None:
        exchange = self._exchange
        entry = self._entry()
        exchange.keep = False
        exchange.reason, exchange.handed = "handed on to another proxy", True
        await heir.take_endless(exchange.client, self._upstream, entry)

    def _entry(self) -> HandedStream:
        exchange, client, chunks = self._exchange, self._exchange.client, None
        if self._decoder is not None:
            expect, held, left, extensions, trailer = self._decoder.state()
            chunks = (expect, held.decode("latin-1"), left, extensions, trailer)
        head, upload = exchange.head, exchange.upload
        return HandedStream(
            listener=client.door.name,
            ip=client.ip,
            asked_by=exchange.ip,
            upstream=exchange.upstream,
            service=self._service,
            method=head.method.decode("latin-1"),
            target=exchange.target.decode("latin-1"),
            host=head.host.decode("latin-1"),
            length=head.length,
            minor=head.minor,
            status=exchange.status,
            keep=exchange.keep,
            reusable=self._head.keep_alive and (upload is None or upload.finished),
            seconds=self._seconds,
            chunks=chunks,
            ahead=client.ahead.decode("latin-1"),
            introduction=client.introduction,
            counted_as=names_of(exchange.meter),
        )


def exchange_of(gateway: Gateway, client: Client, handed: HandedStream) -> Exchange:
    """Return the exchange of a stream that began in another process."""
    head = RequestHead(
        method=handed.method.encode("latin-1"),
        target=handed.target.encode("latin-1"),
        path="",
        host=handed.host.encode("latin-1"),
        authority=b"",
        minor=handed.minor,
        kept=b"",
        block=b"",
        length=handed.length,
        keep_alive=handed.keep,
        expects_continue=False,
        upgrade=b"",
        via_self=False,
    )
    exchange = Exchange(gateway, client, head)
    exchange.ip = handed.asked_by
    exchange.keep = handed.keep
    exchange.status = handed.status
    exchange.upstream = handed.upstream
    exchange.worker = gateway.meters.worker(handed.upstream)
    exchange.endless = True
    if handed.counted_as[0]:
        exchange.count_as(gateway.meters.named(handed.counted_as))
    return exchange


def stream_of(
    exchange: Exchange, worker: Channel, handed: HandedStream, silence: Silence
) -> EventStream:
    """Return such a stream, to be resumed."""
    head = ResponseHead(
        status=handed.status,
        reason=b"",
        minor=1,
        kept=b"",
        block=b"",
        length=UNTIL_CLOSE if handed.chunks is None else CHUNKED,
        keep_alive=handed.reusable,
        upgrade=b"",
        dated=True,
        content_length=None,
    )
    stream = EventStream(exchange, worker, head, b"", handed.seconds, silence)
    stream.begin(handed.service, None)
    return stream
