"""proxy/spans.py: the spans of requests that a real proxy carries, as they come out of it."""

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest
import trio
from octets import forwarded
from stage import Peer, Stage, echo, ok, request

from webqx_supervisor.core.spans import Request
from webqx_supervisor.core.tracing import read_traceparent
from webqx_supervisor.core.wire.parser import parse_request
from webqx_supervisor.model.auth import Auth, ForwardAuth
from webqx_supervisor.model.clients import Trust
from webqx_supervisor.model.filters import Access
from webqx_supervisor.model.gateway import FixedAnswer, Route, Upstream, UpstreamGroup
from webqx_supervisor.model.resilience import Retry
from webqx_supervisor.model.telling import Telling
from webqx_supervisor.model.tracing import Recording
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy import spans
from webqx_supervisor.proxy.spans import Tracer

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TOLD = Telling(spans=True)


class Receiver:
    """Stands where the exporter does."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.path = path
        self.lost = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def spans(self) -> list[dict]:
        """Return all that have come."""
        found = []
        while True:
            try:
                message = json.loads(self._socket.recv(1 << 20))
            except BlockingIOError:
                return found
            self.lost += message["lost"]
            found += message["spans"]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def receiver(tmp_path):
    with closing(Receiver(tmp_path / "spans.sock")) as receiver:
        yield receiver


async def record(stage: Stage, receiver: Receiver, *workers, sample=1.0, **filters) -> None:
    """Have all requests recorded."""
    stage.recording = Recording(str(receiver.path), sample)
    stage.filter(telling=TOLD, **filters)
    await stage.apply(*workers)


async def recorded(stage: Stage, receiver: Receiver, count: int) -> list[dict]:
    """Return the spans once there are so many; the answer may be there before the exchange ends."""
    found: list[dict] = []
    with trio.fail_after(20):
        while len(found) < count:
            stage.proxy.gateway.tracer.flush()
            found += receiver.spans()
            await trio.sleep(0.01)
    assert len(found) == count
    return found


def parent_in(body: bytes):
    """Return whom an echoed request names as its parent."""
    (value,) = [
        line.partition(b": ")[2]
        for line in body.split(b"\r\n")
        if line.lower().startswith(b"traceparent:")
    ]
    return read_traceparent(value)


async def test_request_and_attempt_are_parent_and_child_and_the_worker_goes_on(stage, receiver):
    await record(stage, receiver, await stage.upstream(echo))
    asked = request("GET", "/a?b", f"traceparent: 00-{TRACE}-{SPAN}-01", "tracestate: x=1")
    _, _, body = await stage.ask(asked)
    own, attempt = await recorded(stage, receiver, 2)
    assert (own["trace"], own["parent"], own["kind"]) == (TRACE, SPAN, "server")
    assert (attempt["trace"], attempt["parent"], attempt["kind"]) == (TRACE, own["span"], "client")
    told = parent_in(body)
    assert (told.trace, told.span, told.sampled) == (TRACE, attempt["span"], True)
    assert b"tracestate: x=1" in body
    assert own["attributes"]["url.path"] == "/a"
    assert f",{TRACE} 0 -" in stage.log_lines()[0]
    assert own["begin"] <= attempt["begin"] <= attempt["end"] <= own["end"]


async def test_a_trace_begins_here_where_there_is_none(stage, receiver):
    await record(stage, receiver, await stage.upstream(echo))
    _, _, body = await stage.ask(request("GET", "/", "tracestate: x=1", "traceparent: nonsense"))
    own, attempt = await recorded(stage, receiver, 2)
    assert own["parent"] == ""
    assert parent_in(body).span == attempt["span"]
    assert b"tracestate" not in body


async def test_every_attempt_has_a_span(stage: Stage, receiver):
    asked = []

    async def fails_first(peer: Peer) -> None:
        asked.append(await peer.head())
        await peer.send(ok() if len(asked) > 1 else b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")

    one, other = await stage.upstream(fails_first, "1"), await stage.upstream(fails_first, "2")
    await record(stage, receiver, one, other, retry=Retry(statuses=(503,)))
    assert (await stage.ask(request()))[0] == 200
    own, failed, again = await recorded(stage, receiver, 3)
    assert own["error"] == ""
    assert failed["parent"] == again["parent"] == own["span"]
    assert failed["attributes"]["error.type"] == "503"
    assert failed["end"] <= again["begin"]
    assert again["attributes"]["http.request.resend_count"] == 1
    assert again["attributes"]["http.response.status_code"] == 200
    assert [parent_in(head).span for head in asked] == [failed["span"], again["span"]]


async def test_a_worker_that_breaks_off_is_an_error_of_its_attempt(stage: Stage, receiver):
    async def dies(peer: Peer) -> None:
        await peer.head()

    await record(stage, receiver, await stage.upstream(dies))
    status, _, _ = await stage.ask(request("POST", "/"))
    assert status == 502
    own, attempt = await recorded(stage, receiver, 2)
    assert attempt["attributes"]["error.type"] == "unanswered"
    assert own["attributes"]["error.type"] == "502"
    assert attempt["error"] in own["error"]


async def test_an_answer_that_is_cut_is_an_error_of_both(stage: Stage, receiver):
    async def cuts(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50000)

    await record(stage, receiver, await stage.upstream(cuts))
    client = await stage.connect()
    await client.send(request())
    with pytest.raises(trio.BrokenResourceError):
        await client.rest()
    own, attempt = await recorded(stage, receiver, 2)
    for each in (own, attempt):
        assert each["attributes"]["error.type"] == "cut"
        assert each["attributes"]["http.response.status_code"] == 200
        assert each["error"]


async def test_a_client_that_goes_away_is_nobodys_error(stage: Stage, receiver):
    asked = trio.Event()

    async def hangs(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.rest()

    await record(stage, receiver, await stage.upstream(hangs))
    client = await stage.connect()
    await client.send(request())
    await asked.wait()
    await client.reset()
    own, attempt = await recorded(stage, receiver, 2)
    assert own["attributes"]["error.type"] == "client_gone"
    assert attempt["attributes"]["error.type"] == "abandoned"
    assert own["error"] == attempt["error"] == ""


async def test_a_refusal_has_a_span_too(stage: Stage, receiver):
    await record(stage, receiver, access=Access(deny=("127.0.0.1",)))
    status, _, _ = await stage.ask(request())
    assert status == 403
    (own,) = await recorded(stage, receiver, 1)
    assert own["attributes"]["http.response.status_code"] == 403


async def test_whoever_is_asked_about_a_request_has_one_as_well(stage: Stage, receiver):
    seen = []

    async def allows(peer: Peer) -> None:
        seen.append(await peer.head())
        await peer.send(ok(b""))

    judge = await stage.upstream(allows, "judge")
    upstream = Upstream("auth:1@1", "127.0.0.1", judge.port, 1)
    stage.other_groups = (UpstreamGroup("auth", (upstream,)),)
    await record(
        stage, receiver, await stage.upstream(echo), auth=Auth(forward=ForwardAuth("auth"))
    )
    await stage.ask(request())
    own, about, attempt = await recorded(stage, receiver, 3)
    assert about["parent"] == attempt["parent"] == own["span"]
    assert about["attributes"]["webqx.worker"] == "auth:1@1"
    assert about["attributes"]["http.response.status_code"] == 200
    assert parent_in(seen[0]).span == about["span"]


@pytest.mark.parametrize(("flags", "source", "count"), [("01", None, 2), ("01", "127.0.0.2", 0)])
async def test_only_a_trusted_proxy_can_have_more_recorded(stage, receiver, flags, source, count):
    stage.trust = Trust(("127.0.0.1",))
    await record(stage, receiver, await stage.upstream(echo), sample=0.0)
    asked = request("GET", "/", f"traceparent: 00-{TRACE}-{SPAN}-{flags}")
    _, _, body = await stage.ask(asked, source)
    told = parent_in(body)
    assert (told.trace, told.sampled) == (TRACE, count > 0)
    stage.log_lines()
    assert len(await recorded(stage, receiver, count)) == count


async def test_what_a_trusted_proxy_does_not_record_is_not_recorded(stage, receiver):
    stage.trust = Trust(("127.0.0.1",))
    await record(stage, receiver, await stage.upstream(echo))
    await stage.ask(request("GET", "/", f"traceparent: 00-{TRACE}-{SPAN}-00"))
    await stage.ask(request())
    assert TRACE not in {each["trace"] for each in await recorded(stage, receiver, 2)}


async def test_a_fixed_answer_has_the_span_of_its_request_alone(stage: Stage, receiver):
    await record(stage, receiver)
    filters = stage.routes[0].filters
    stage.routes = (Route("web", path="/hi", filters=filters, answer=FixedAnswer(200, "hi")),)
    await stage.apply()
    await stage.ask(request("GET", "/hi"))
    (own,) = await recorded(stage, receiver, 1)
    assert own["name"] == "GET /hi"


async def test_without_recording_the_worker_gets_what_the_client_sent(stage: Stage):
    stage.filter()
    await stage.apply(await stage.upstream(echo))
    _, _, body = await stage.ask(request())
    assert body == forwarded("GET / HTTP/1.1")


def of_request(size: int = 1) -> Request:
    """Return a request of one span, whose texts are so long."""
    head = parse_request(request("GET", f"/{'p' * size}", f"User-Agent: {'a' * size}"))
    return Request(
        trace=TRACE,
        span=SPAN,
        parent="",
        route="/",
        service="api",
        head=head,
        target=head.target,
        forwarded=b"",
        client="127.0.0.1",
        request_id="1" * size,
        began=1.0,
        reason="r" * size,
    )


def take(tracer: Tracer, count: int, size: int = 1) -> None:
    for _ in range(count):
        tracer.take(of_request(size))


def all_of(tracer: Tracer, receiver: Receiver, count: int) -> list[dict]:
    """Return what comes until there are so many: the kernel holds some of it at once."""
    taken = []
    while len(taken) < count:
        tracer.flush()
        more = receiver.spans()
        assert more
        taken += more
    return taken


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def tracer():
    reactor = Reactor(clock=lambda: 0.0)
    reactor._poller.close()  # nothing runs here
    tracer = Tracer(reactor)
    tracer._flusher_sleeps = True
    with closing(tracer):
        yield tracer


async def test_what_nobody_takes_is_kept_for_the_next(tracer, tmp_path):
    path = tmp_path / "spans.sock"
    tracer.follow(Recording(str(path)))
    take(tracer, 3)
    tracer.flush()
    with closing(Receiver(path)) as one:
        tracer.flush()
        assert len(one.spans()) == 3
    take(tracer, 2)
    tracer.flush()
    with closing(Receiver(path)) as other:  # in the place of one that has ended
        tracer.flush()
        assert len(other.spans()) == 2
        assert other.lost == 0


async def test_there_is_an_end_to_what_is_kept_and_the_rest_is_counted(tracer, tmp_path):
    path = tmp_path / "spans.sock"
    tracer.follow(Recording(str(path)))
    take(tracer, spans.MOST_UNSENT + 100)
    tracer.flush()
    with closing(Receiver(path)) as receiver:
        assert len(all_of(tracer, receiver, spans.MOST_UNSENT)) == spans.MOST_UNSENT
        assert receiver.lost == 100


async def test_what_is_too_large_for_a_datagram_goes_in_parts(tracer, tmp_path):
    with closing(Receiver(tmp_path / "spans.sock")) as receiver:
        tracer.follow(Recording(str(receiver.path)))
        take(tracer, spans.BATCH - 1, size=5000)
        assert len(all_of(tracer, receiver, spans.BATCH - 1)) == spans.BATCH - 1


async def test_a_span_that_fits_into_none_is_lost_alone(tracer, tmp_path, monkeypatch):
    monkeypatch.setattr(spans, "SEND_BUFFER", 0)  # as little as there can be
    with closing(Receiver(tmp_path / "spans.sock")) as receiver:
        tracer.follow(Recording(str(receiver.path)))
        take(tracer, 1)
        take(tracer, 1, size=5000)
        take(tracer, 1)
        assert len(all_of(tracer, receiver, 2)) == 2
        take(tracer, 1)
        assert len(all_of(tracer, receiver, 1)) == 1
        assert receiver.lost == 1


async def test_when_it_is_switched_off_nothing_is_left(tracer, tmp_path):
    tracer.follow(Recording(str(tmp_path / "none.sock")))
    take(tracer, 3)
    before = descriptors()
    tracer.follow(None)
    with closing(Receiver(tmp_path / "spans.sock")) as receiver:
        tracer.follow(Recording(str(receiver.path)))
        tracer.flush()
        assert receiver.spans() == []
    tracer.follow(None)
    assert descriptors() == before
