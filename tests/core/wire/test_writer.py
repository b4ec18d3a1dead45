import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.wire import writer
from webqx_supervisor.core.wire.headers import forwarded_block, passes_to_client, passes_to_worker
from webqx_supervisor.core.wire.messages import CHUNKED, UNTIL_CLOSE
from webqx_supervisor.core.wire.parser import parse_request, parse_response

FORWARDED = forwarded_block("10.0.0.1", "http")


def forwarded(*lines, upgrade=b""):
    """Pass a request through; return the lines that the worker gets."""
    head = parse_request(b"\r\n".join([*lines, b"", b""]))
    octets = writer.render_request(head, FORWARDED, upgrade)
    assert octets.endswith(b"\r\n\r\n")
    return octets.split(b"\r\n")[:-2]


def relayed(*lines, method=b"GET", close=False, client_minor=1, **options):
    """Pass an answer through with its own length; return the lines that the client gets."""
    head = parse_response(b"\r\n".join([*lines, b"", b""]), method)
    options.setdefault("length", head.length)
    octets = writer.render_response(head, close=close, client_minor=client_minor, **options)
    assert octets.endswith(b"\r\n\r\n")
    return octets.split(b"\r\n")[:-2]


# --- to the worker


def test_a_worker_gets_host_first_then_the_fields_in_order_then_the_proxys_own():
    assert forwarded(b"GET /a?b HTTP/1.1", b"X-B:  1", b"Host: A:80", b"x-a: 2", b"X-B: 3") == [
        b"GET /a?b HTTP/1.1",
        b"Host: A:80",
        b"X-B: 1",
        b"x-a: 2",
        b"X-B: 3",
        b"X-Forwarded-Host: A:80",
        b"X-Forwarded-For: 10.0.0.1",
        b"X-Forwarded-Proto: http",
        b"X-Real-IP: 10.0.0.1",
        b"Via: 1.1 webqx-sv",
    ]


def test_a_worker_gets_no_hop_by_hop_nominated_forged_or_ambiguous_field():
    plain = forwarded(b"GET / HTTP/1.1", b"Host: a")
    assert plain == forwarded(
        b"GET / HTTP/1.1",
        b"Host: a",
        b"Connection: close, X-Hop",
        b"X-Hop: 1",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b"TE: trailers",
        b"Trailer: A",
        b"Upgrade: websocket",
        b"Proxy: http://evil",
        b"Forwarded: for=1.2.3.4",
        b"X-Forwarded-For: 1.2.3.4",
        b"X-Forwarded-Host: evil",
        b"X-Real-IP: 1.2.3.4",
        b"X_Real_IP: 1.2.3.4",
    )


def test_absolute_form_reaches_the_worker_as_origin_form_and_host():
    lines = forwarded(b"GET http://b:8/c?d HTTP/1.1", b"Host: a")
    assert lines[:2] == [b"GET /c?d HTTP/1.1", b"Host: b:8"]
    assert b"X-Forwarded-Host: b:8" in lines


def test_an_http_1_0_request_is_forwarded_as_1_1_and_via_tells():
    lines = forwarded(b"GET / HTTP/1.0", b"Via: 1.1 b")
    assert lines[:3] == [b"GET / HTTP/1.1", b"Host: ", b"Via: 1.1 b"]
    assert lines[-1] == b"Via: 1.0 webqx-sv"
    assert not any(line.startswith(b"X-Forwarded-Host") for line in lines)


def test_the_request_id_of_the_client_is_kept():
    assert b"X-Request-Id: abc" in forwarded(b"GET / HTTP/1.1", b"Host: a", b"X-Request-Id: abc")


@pytest.mark.parametrize(
    ("start", "lines", "framing"),
    [
        (b"POST / HTTP/1.1", [b"Content-Length: 007"], [b"Content-Length: 7"]),
        (b"POST / HTTP/1.1", [b"Transfer-Encoding: Chunked"], [b"Transfer-Encoding: chunked"]),
        (b"POST / HTTP/1.1", [], [b"Content-Length: 0"]),
        (b"PUT / HTTP/1.1", [b"Content-Length: 0"], [b"Content-Length: 0"]),
        (b"GET / HTTP/1.1", [], []),
        (b"DELETE / HTTP/1.1", [b"Content-Length: 0"], []),
        (b"GET / HTTP/1.1", [b"Content-Length: 1"], [b"Content-Length: 1"]),
    ],
)
def test_a_request_is_framed_once_and_anew(start, lines, framing):
    told = forwarded(start, b"Host: a", *lines)
    assert [line for line in told if line.startswith((b"Content-L", b"Transfer-E"))] == framing


def test_an_expectation_is_forwarded_while_it_holds():
    head = parse_request(
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"
    )
    assert b"\r\nExpect: 100-continue\r\n" in writer.render_request(head, FORWARDED)
    head.expects_continue = False
    assert b"Expect" not in writer.render_request(head, FORWARDED)


def test_a_granted_upgrade_is_asked_of_the_worker():
    lines = forwarded(
        b"GET / HTTP/1.1",
        b"Host: a",
        b"Connection: Upgrade",
        b"Upgrade: WebSocket",
        b"Sec-WebSocket-Key: x",
        upgrade=b"websocket",
    )
    assert b"Connection: upgrade" in lines
    assert b"Upgrade: websocket" in lines
    assert b"Sec-WebSocket-Key: x" in lines


@pytest.mark.parametrize(
    ("method", "hops", "left"), [(b"OPTIONS", b"3", b"2"), (b"GET", b"3", b"3")]
)
def test_options_loses_one_hop(method, hops, left):
    lines = forwarded(method + b" / HTTP/1.1", b"Host: a", b"max-forwards: " + hops)
    assert b"max-forwards: " + left in lines


# --- to the client


def test_a_client_gets_the_fields_in_order_and_via():
    lines = relayed(b"HTTP/1.1 200 Fine", b"Server: x", b"Set-Cookie: a", b"Set-Cookie: b")
    assert lines == [
        b"HTTP/1.1 200 Fine",
        b"Server: x",
        b"Set-Cookie: a",
        b"Set-Cookie: b",
        b"Connection: close",
        b"Via: 1.1 webqx-sv",
    ]


def test_a_client_gets_no_hop_by_hop_or_nominated_field_of_the_worker():
    lines = relayed(
        b"HTTP/1.0 200 OK",
        b"Connection: close, X-Hop",
        b"X-Hop: 1",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: close",
        b"Trailer: A",
        b"Upgrade: h2c",
        b"Content-Length: 2",
    )
    assert lines == [b"HTTP/1.1 200 OK", b"Content-Length: 2", b"Via: 1.0 webqx-sv"]


@pytest.mark.parametrize(
    ("status", "method", "lines", "framing"),
    [
        (b"200", b"GET", [b"Content-Length: 007"], [b"Content-Length: 7"]),
        (b"200", b"GET", [b"Content-Length: 0"], [b"Content-Length: 0"]),
        (b"200", b"GET", [b"Transfer-Encoding: chunked"], [b"Transfer-Encoding: chunked"]),
        (b"200", b"GET", [], [b"Connection: close"]),
        (b"200", b"HEAD", [b"Content-Length: 9"], [b"Content-Length: 9"]),
        (b"200", b"HEAD", [b"Transfer-Encoding: chunked"], []),
        (b"304", b"GET", [b"Content-Length: 9"], [b"Content-Length: 9"]),
        (b"304", b"GET", [], []),
        (b"204", b"GET", [b"Content-Length: 9"], []),
        (b"204", b"GET", [b"Transfer-Encoding: chunked"], []),
    ],
)
def test_an_answer_is_framed_once_and_anew(status, method, lines, framing):
    told = relayed(b"HTTP/1.1 " + status + b" X", *lines, method=method)
    assert told[1:-1] == framing


@pytest.mark.parametrize("close", [True, False])
def test_a_1_1_client_may_get_chunks_for_an_answer_without_end(close):
    told = relayed(b"HTTP/1.1 200 OK", length=CHUNKED, close=close)
    assert told[1:-1] == [b"Transfer-Encoding: chunked"] + [b"Connection: close"] * close


def test_a_1_0_client_is_told_of_the_close_and_gets_no_chunks():
    told = relayed(
        b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", length=UNTIL_CLOSE, client_minor=0
    )
    assert told[1:-1] == [b"Connection: close"]
    told = relayed(b"HTTP/1.1 200 OK", b"Content-Length: 1", client_minor=0)
    assert told[1:-1] == [b"Content-Length: 1", b"Connection: close"]
    with pytest.raises(AssertionError):
        relayed(b"HTTP/1.1 200 OK", length=CHUNKED, client_minor=0)


def test_switching_protocols_names_the_protocol_and_no_length():
    told = relayed(
        b"HTTP/1.1 101 Switching Protocols",
        b"Connection: Upgrade",
        b"Upgrade: WebSocket",
        b"Sec-WebSocket-Accept: x",
        b"Content-Length: 0",
        upgrade=b"websocket",
    )
    assert told[1:-1] == [
        b"Sec-WebSocket-Accept: x",
        b"Connection: upgrade",
        b"Upgrade: websocket",
    ]


def test_a_date_is_given_where_the_worker_gave_none():
    date = writer.date_field(0)
    assert date[:-2] in relayed(b"HTTP/1.1 200 OK", date=date)
    told = relayed(b"HTTP/1.1 200 OK", b"date: yesterday", date=date)
    assert b"date: yesterday" in told
    assert date[:-2] not in told


def test_an_interim_answer_has_fields_and_no_framing():
    head = parse_response(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\n", b"GET"
    )
    assert writer.render_informational(head) == (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nVia: 1.1 webqx-sv\r\n\r\n"
    )


# --- the proxy's own


def test_an_error_says_who_failed_and_how_to_find_it():
    octets = writer.render_error(502, request_id="r1", reason="the worker died", close=False)
    head, _, body = octets.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 502 Bad Gateway",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: %d" % len(body),
        b"X-Request-Id: r1",
        b"Cache-Control: no-store",
    ]
    assert body == b"502 Bad Gateway: the worker died\nrequest r1\n"


def test_an_error_for_head_has_the_length_but_no_body():
    whole = writer.render_error(404, request_id="r", reason="x", close=True)
    head = writer.render_error(404, request_id="r", reason="x", close=True, head_only=True)
    assert whole.startswith(head)
    assert head.endswith(b"\r\nConnection: close\r\n\r\n")


def test_an_error_carries_the_lines_it_is_given_and_405_what_is_allowed():
    octets = writer.render_error(
        405, request_id="r", reason="x", close=True, extra=b"Vary: Origin\r\n"
    )
    assert b"\r\nVary: Origin\r\n" in octets
    assert b"\r\nAllow: GET, HEAD" in octets


def test_a_reason_or_id_cannot_break_out_of_its_line():
    octets = writer.render_error(502, request_id="r\r\nA: b", reason="x\r\ny\xe4", close=False)
    assert b"X-Request-Id: r??A: b\r\n" in octets
    assert octets.endswith(b"x??y?\nrequest r??A: b\n")


def test_an_own_request_can_be_read():
    octets = writer.render_simple_request(b"POST", b"/a", b"b", b"{}", b"application/json")
    assert octets.endswith(b"\r\n\r\n{}")
    head = parse_request(octets[:-2])
    assert (head.method, head.target, head.host, head.length) == (b"POST", b"/a", b"b", 2)
    assert (b"Content-Type", b"application/json") in head.headers


def test_an_own_request_without_body_has_no_type():
    assert writer.render_simple_request(b"GET", b"/", b"a", b"", b"text/plain") == (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    )


@pytest.mark.parametrize("close", [True, False])
def test_an_own_answer_can_be_read(close):
    octets = writer.render_simple_response(201, b"hi", b"text/plain", close, b"A: b\r\n")
    head = parse_response(octets[:-2], b"GET")
    assert (head.status, head.reason, head.length) == (201, b"Created", 2)
    assert head.keep_alive is not close
    assert (b"A", b"b") in head.headers


def test_an_own_stream_is_chunked():
    head = parse_response(writer.render_stream_head(299, b"text/event-stream"), b"GET")
    assert (head.status, head.reason, head.length) == (299, b"Unknown", CHUNKED)
    assert head.keep_alive


def test_continue_is_an_interim_answer():
    assert parse_response(writer.CONTINUE, b"POST").status == 100


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (784111777.9, b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        (0, b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
    ],
)
def test_a_date_is_written_as_http_wants_it(now, line):
    assert writer.date_field(now) == line


# --- there and back

NAMES = st.text("ABcdef-", min_size=1, max_size=8).map(str.encode)
VALUES = st.text("ab,;= \t\xe4", max_size=8).map(lambda text: text.strip("\t ").encode("latin-1"))
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
FRAMINGS = st.sampled_from([b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])


def lines_of(fields):
    return b"".join(b"%b: %b\r\n" % field for field in fields)


@given(st.sampled_from([b"GET", b"POST", b"OPTIONS"]), FIELDS, FRAMINGS)
def test_a_forwarded_request_reads_as_the_one_received(method, fields, framing):
    start = method + b" /a/./b?c HTTP/1.1\r\nHost: A.b:80\r\nX-Forwarded-For: 1.1.1.1\r\n"
    first = parse_request(start + lines_of(fields) + framing + b"\r\n")
    second = parse_request(writer.render_request(first, b""))
    for name in ("method", "target", "path", "host", "authority", "minor", "length", "keep_alive"):
        assert getattr(second, name) == getattr(first, name)
    kept = [field for field in first.headers if passes_to_worker(field[0])]
    again = [field for field in second.headers if passes_to_worker(field[0])]
    assert again[:-1] == kept
    assert again[-1] == (b"Via", b"1.1 webqx-sv")


@given(st.sampled_from([b"GET", b"HEAD"]), st.integers(200, 599), FIELDS, FRAMINGS)
def test_a_relayed_answer_reads_as_the_one_received(method, status, fields, framing):
    octets = b"HTTP/1.1 %d X\r\n" % status + lines_of(fields) + framing + b"\r\n"
    first = parse_response(octets, method)
    relay = writer.render_response(first, close=False, client_minor=1, length=first.length)
    second = parse_response(relay, method)
    for name in ("status", "reason", "minor", "length", "keep_alive"):
        assert getattr(second, name) == getattr(first, name)
    kept = [field for field in first.headers if passes_to_client(field[0])]
    assert [field for field in second.headers if passes_to_client(field[0])][:-1] == kept
