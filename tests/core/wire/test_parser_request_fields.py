import pytest

from webqx_supervisor.core.wire.messages import CHUNKED, Malformed
from webqx_supervisor.core.wire.parser import parse_request

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
OLD = b"GET / HTTP/1.0\r\n"


def request(start, *lines):
    return parse_request(start + b"".join(line + b"\r\n" for line in lines) + b"\r\n")


def refusal(start, *lines):
    with pytest.raises(Malformed) as caught:
        request(start, *lines)
    return caught.value.status


# --- the body's length


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ([], 0),
        ([b"Content-Length: 0"], 0),
        ([b"content-length: 42"], 42),
        ([b"Content-Length: 00042"], 42),
        ([b"Content-Length: " + b"0" * 5000 + b"7"], 7),
        ([b"Content-Length: 9007199254740991"], 2**53 - 1),
        ([b"Transfer-Encoding: chunked"], CHUNKED),
        ([b"Transfer-Encoding: Chunked"], CHUNKED),
        ([b"Transfer-Encoding:\tchunked "], CHUNKED),
    ],
)
def test_a_requests_body_has_one_length(lines, length):
    assert request(POST, *lines).length == length


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"Content-Length:"], 400),
        ([b"Content-Length: +2"], 400),
        ([b"Content-Length: -2"], 400),
        ([b"Content-Length: 0x2"], 400),
        ([b"Content-Length: 1 2"], 400),
        ([b"Content-Length: 1_2"], 400),
        ([b"Content-Length: 1.0"], 400),
        ([b"Content-Length: 2, 2"], 400),
        ([b"Content-Length: 2", b"Content-Length: 2"], 400),
        ([b"Content-Length: 2", b"content-length: 3"], 400),
        ([b"Content-Length: 9007199254740992"], 413),
        ([b"Content-Length: 18446744073709551618"], 413),
        ([b"Content-Length: " + b"9" * 5000], 413),
        ([b"Transfer-Encoding: chunked", b"Content-Length: 2"], 400),
        ([b"Content-Length: 2", b"transfer-encoding: chunked"], 400),
        ([b"Transfer-Encoding: gzip", b"Content-Length: 2"], 400),
        ([b"Transfer-Encoding:"], 400),
        ([b"Transfer-Encoding: identity"], 400),
        ([b"Transfer-Encoding: gzip"], 400),
        ([b"Transfer-Encoding: chunked, gzip"], 400),
        ([b"Transfer-Encoding: chunked, chunked"], 400),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], 400),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"], 400),
        ([b'Transfer-Encoding: "chunked"'], 400),
        ([b"Transfer-Encoding: chunked;q=1"], 400),
        ([b"Transfer-Encoding: xchunked"], 400),
        ([b"Transfer-Encoding: chunked\x0b"], 400),
        ([b"Transfer-Encoding: gzip, chunked"], 501),
        ([b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"], 501),
        ([b"Transfer-Encoding: identity, chunked"], 501),
    ],
)
def test_a_body_of_doubtful_length_is_refused(lines, status):
    assert refusal(POST, *lines) == status


def test_transfer_encoding_in_http_1_0_is_refused():
    assert refusal(OLD, b"Transfer-Encoding: chunked") == 400


# --- Connection, Upgrade, Expect, Via, Max-Forwards


@pytest.mark.parametrize(
    ("start", "lines", "keep_alive"),
    [
        (GET, [], True),
        (GET, [b"Connection: keep-alive"], True),
        (GET, [b"Connection: Close"], False),
        (GET, [b"Connection: keep-alive, close"], False),
        (GET, [b"Connection: x", b"Connection: ,, close ,"], False),
        (GET, [b"Connection:"], True),
        (OLD, [], False),
        (OLD, [b"Connection: keep-alive"], False),
    ],
)
def test_only_an_http_1_1_client_that_does_not_say_close_keeps_its_connection(
    start, lines, keep_alive
):
    assert request(start, *lines).keep_alive is keep_alive


@pytest.mark.parametrize(
    "value",
    [
        *(b"Host", b"content-length", b"Content-Type", b"Authorization", b"cookie", b"Forwarded"),
        *(b"X-Forwarded-For", b"close, X-Forwarded-Host", b"X-Request-Id", b"traceparent"),
        *(b'"close"', b"close;x", b"a b", b"close, (x)"),
    ],
)
def test_connection_may_only_list_names_and_none_that_must_reach_the_worker(value):
    assert refusal(GET, b"Connection: " + value) == 400


@pytest.mark.parametrize(
    ("start", "lines", "upgrade"),
    [
        (GET, [b"Connection: upgrade", b"Upgrade: WebSocket"], b"websocket"),
        (GET, [b"Connection: keep-alive, Upgrade", b"Upgrade: websocket"], b"websocket"),
        (POST, [b"Connection: upgrade", b"Upgrade: tcp"], b"tcp"),
        (GET, [b"Upgrade: websocket"], b""),
        (GET, [b"Connection: upgrade"], b""),
        (POST, [b"Connection: upgrade", b"Upgrade: websocket"], b""),
        (GET, [b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 3"], b""),
        (GET, [b"Connection: upgrade", b"Upgrade: h2c", b"HTTP2-Settings: x"], b""),
        (GET, [b"Connection: upgrade", b"Upgrade: websocket, h2c"], b""),
        (GET, [b"Connection: upgrade", b"Upgrade: websocket", b"Upgrade: h2c"], b""),
        (GET, [b"Connection: upgrade", b"Upgrade: not a token"], b""),
        (OLD, [b"Connection: upgrade", b"Upgrade: websocket"], b""),
    ],
)
def test_an_upgrade_is_seen_only_in_due_form(start, lines, upgrade):
    assert request(start, *lines).upgrade == upgrade


@pytest.mark.parametrize(
    ("start", "lines", "expects"),
    [
        (POST, [b"Expect: 100-Continue", b"Content-Length: 1"], True),
        (POST, [b"Expect: 100-continue", b"Transfer-Encoding: chunked"], True),
        (POST, [b"Content-Length: 1"], False),
        (POST, [b"Expect: 100-continue"], False),
        (OLD, [b"Expect: 100-continue", b"Content-Length: 1"], False),
        (OLD, [b"Expect: anything"], False),
    ],
)
def test_a_client_waits_for_continue_only_in_http_1_1_and_with_a_body(start, lines, expects):
    assert request(start, *lines).expects_continue is expects


@pytest.mark.parametrize("value", [b"", b"200-ok", b"100-continue, x", b"100-continue;q=1"])
def test_an_unknown_expectation_is_refused(value):
    assert refusal(POST, b"Content-Length: 1", b"Expect: " + value) == 417


@pytest.mark.parametrize(
    ("lines", "via_self"),
    [
        ([b"Via: 1.1 webqx-sv"], False),
        ([b"Via: 1.1 webqx-sv, 1.1 webqx-sv"], True),
        ([b"Via: 1.1 webqx-sv", b"Via: HTTP/1.0 a, 1.1\tWEBQX-SV (x)"], True),
        ([b"Via: 1.1 webqx-sv, 1.1 webqx-sv-2, 1.1 my-webqx-sv, webqx-sv"], False),
        ([b"Via: 1.1 a", b"X-Via: 1.1 webqx-sv, 1.1 webqx-sv"], False),
    ],
)
def test_a_request_that_came_through_twice_before_runs_in_a_circle(lines, via_self):
    assert request(GET, *lines).via_self is via_self


@pytest.mark.parametrize(
    ("method", "hops", "target"),
    [(b"OPTIONS", b"0", b"*"), (b"OPTIONS", b"1", b"/a"), (b"GET", b"0", b"/a")],
)
def test_options_at_its_last_hop_asks_this_server_itself(method, hops, target):
    head = request(method + b" /a HTTP/1.1\r\n", b"Host: a", b"Max-Forwards: " + hops)
    assert head.target == target


@pytest.mark.parametrize("lines", [[b"Max-Forwards: x"], [b"Max-Forwards: 1"] * 2])
def test_options_with_doubtful_hops_is_refused(lines):
    assert refusal(b"OPTIONS / HTTP/1.1\r\nHost: a\r\n", *lines) == 400
