"""proxy/filters/telling.py: what workers and clients are told beside the request."""

import re

import pytest
from octets import forwarded, record
from stage import Stage, echo, ok, request

from webqx_supervisor.core.tracing import read_traceparent
from webqx_supervisor.model.clients import Trust
from webqx_supervisor.model.filters import Access
from webqx_supervisor.model.gateway import FixedAnswer, Route
from webqx_supervisor.model.telling import Telling

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
TRUST = Trust(("127.0.0.1",))
STRANGER = "127.0.0.2"


async def hosts(stage: Stage, script=echo, **keys):
    stage.filter(telling=Telling(**keys))
    await stage.apply(await stage.upstream(script))


def said(octets: bytes, name: str) -> list[str]:
    """Return what all fields of this name say in octets."""
    return re.findall(rf"(?im)^{name}: ([^\r]*)\r$", octets.decode("latin-1"))


async def raw(stage: Stage, asked: bytes, source: str | None = None) -> tuple[bytes, bytes]:
    """Return the head of the answer as it is, and its body."""
    client = await stage.connect(source)
    await client.send(asked)
    head = await client.head()
    return head, await client.exactly(int(said(head, "Content-Length")[0]))


async def test_without_any_of_it_nothing_is_told(stage: Stage):
    worker = await record(stage)
    head, _ = await raw(stage, request())
    assert worker.requests == [forwarded("GET / HTTP/1.1")]
    for name in (b"X-Request-Id", b"Server"):
        assert name not in head


async def test_the_id_in_the_log_goes_to_worker_and_client(stage: Stage):
    await hosts(stage, request_id="X-Request-Id")
    head, body = await raw(stage, request())
    (name,) = said(head, "X-Request-Id")
    assert said(body, "X-Request-Id") == [name]
    assert f" {name} 0 -" in stage.log_lines()[0]


async def test_an_id_of_the_worker_does_not_stand_beside_it(stage: Stage):
    async def named(peer):
        await peer.head()
        await peer.send(ok(b"x", "x-request-id: its-own"))

    await hosts(stage, named, request_id="X-Request-Id")
    head, _ = await raw(stage, request())
    assert len(said(head, "X-Request-Id")) == 1
    assert "its-own" not in said(head, "X-Request-Id")


async def test_refusals_and_fixed_answers_show_it_once(stage: Stage):
    stage.filter(telling=Telling(request_id="X-Request-Id"), access=Access(deny=("127.0.0.1",)))
    filters = stage.routes[0].filters
    fixed = Route("web", path="/fixed", filters=filters, answer=FixedAnswer(200, "hi"))
    stage.routes += (fixed,)
    await stage.apply(await stage.upstream(echo))
    for path, source in (("/", None), ("/fixed", STRANGER)):
        head, _ = await raw(stage, request("GET", path), source)
        (name,) = said(head, "X-Request-Id")
        assert f" {name} " in stage.log_lines()[-1]


@pytest.mark.parametrize(
    ("given", "source", "kept"),
    [
        ("7f3c-2e9a", None, True),
        ("a" * 128, None, True),
        ("a" * 129, None, False),
        ("two words", None, False),
        ("7f3c-2e9a", STRANGER, False),
    ],
)
async def test_an_id_from_a_trusted_proxy_stays(stage: Stage, given, source, kept):
    stage.trust = TRUST
    await hosts(stage, request_id="X-Request-Id")
    head, body = await raw(stage, request("GET", "/", f"x-request-id: {given}"), source)
    (name,) = said(head, "X-Request-Id")
    assert (name == given) is kept
    assert said(body, "X-Request-Id") == [name]
    assert f" {name} 0 -" in stage.log_lines()[0]


async def test_the_id_may_go_by_another_name(stage: Stage):
    await hosts(stage, request_id="X-Correlation-Id")
    head, body = await raw(stage, request("GET", "/", "X-Request-Id: the-clients"))
    assert said(head, "X-Correlation-Id") == said(body, "X-Correlation-Id")
    assert said(body, "X-Request-Id") == ["the-clients"]


async def test_a_trace_is_passed_on_with_its_state(stage: Stage):
    await hosts(stage, trace=True)
    _, body = await raw(
        stage, request("GET", "/", f"Traceparent: {PARENT}", "tracestate: a=1,b=2", "tracestate: c")
    )
    assert said(body, "traceparent") == [PARENT]
    assert said(body, "tracestate") == ["a=1,b=2", "c"]
    assert f",{TRACE} 0 -" in stage.log_lines()[0]


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["traceparent: 00-nonsense", "tracestate: a=1"],
        [f"traceparent: {PARENT}", f"traceparent: {PARENT}"],
        ["tracestate: a=1"],
    ],
    ids=["none", "malformed", "two", "state-alone"],
)
async def test_a_trace_begins_where_there_is_none(stage: Stage, fields):
    await hosts(stage, trace=True)
    _, first = await raw(stage, request("GET", "/", *fields))
    _, second = await raw(stage, request("GET", "/", *fields))
    parents = [read_traceparent(said(body, "traceparent")[0].encode()) for body in (first, second)]
    traces = [each.trace for each in parents if each is not None]
    assert len({*traces, TRACE}) == 3
    assert said(first, "tracestate") == []
    assert len(said(first, "traceparent")) == 1
    for trace, line in zip(traces, stage.log_lines(), strict=True):
        assert f",{trace} " in line


async def test_forwarded_tells_who_asks_for_what(stage: Stage):
    await hosts(stage, forwarded=True)
    _, body = await raw(stage, request("GET", "/", "Forwarded: for=1.1.1.1"))
    assert said(body, "Forwarded") == ["for=127.0.0.1;host=example.org;proto=http;by=_webqx-sv"]


async def test_forwarded_tells_whom_a_trusted_proxy_has_named(stage: Stage):
    stage.trust = TRUST
    await hosts(stage, forwarded=True)
    asked = request(
        "GET",
        "/",
        "X-Forwarded-For: 1.1.1.1, 2001:db8::7",
        "X-Forwarded-Host: shop.example.org:8443",
        "X-Forwarded-Proto: https",
    )
    _, body = await raw(stage, asked)
    (told,) = said(body, "Forwarded")
    client, peer = told.split(", ")
    assert client == 'for="[2001:db8::7]";host="shop.example.org:8443";proto=https'
    assert peer == "for=127.0.0.1;host=example.org;proto=http;by=_webqx-sv"


async def test_forwarded_goes_on_where_a_trusted_proxy_has_begun_it(stage: Stage):
    stage.trust = Trust(("127.0.0.1",), "Forwarded")
    await hosts(stage, forwarded=True)
    _, body = await raw(stage, request("GET", "/", "Forwarded: for=203.0.113.7;proto=https"))
    assert said(body, "Forwarded") == [
        "for=203.0.113.7;proto=https",
        "for=127.0.0.1;host=example.org;proto=http;by=_webqx-sv",
    ]


TIMING = re.compile(r"queue;dur=([0-9.]+), connect;dur=([0-9.]+), worker;dur=([0-9.]+)")


async def test_an_answer_tells_where_its_time_went(stage: Stage):
    async def times(peer):
        await peer.head()
        await peer.send(ok(b"x", "Server-Timing: db;dur=5"))

    await hosts(stage, times, server_timing=True)
    head, _ = await raw(stage, request())
    own, ours = said(head, "Server-Timing")
    assert own == "db;dur=5"
    assert TIMING.fullmatch(ours)


async def test_a_refusal_tells_it_too(stage: Stage):
    stage.filter(telling=Telling(server_timing=True))
    await stage.apply(expecting=False)
    head, _ = await raw(stage, request())
    assert TIMING.fullmatch(said(head, "Server-Timing")[0])


async def test_no_answer_of_the_proxy_names_a_server(stage: Stage):
    stage.routes = (Route("web", path="/fixed", answer=FixedAnswer(200, "hi")),)
    await stage.apply()
    for asked in (
        request("GET", "/fixed"),
        request("GET", "/nowhere"),
        b"nonsense\r\n\r\n",
        request("OPTIONS", "*"),
    ):
        client = await stage.connect()
        await client.send(asked)
        assert b"\r\nserver:" not in (await client.head()).lower()
