import pytest

from webqx_supervisor.core.wire.messages import Malformed
from webqx_supervisor.core.wire.parser import HEAD_LIMIT, find_head, parse_request

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


def request(start, *lines):
    return parse_request(start + b"".join(line + b"\r\n" for line in lines) + b"\r\n")


def refusal(start, *lines):
    with pytest.raises(Malformed) as caught:
        request(start, *lines)
    return caught.value.status


def test_a_request_is_read_whole():
    head = request(
        b"POST /a/./b?c=d HTTP/1.1\r\n",
        b"Host: API.webqx.com:3000",
        b"Connection: Upgrade, X-Hop",
        b"Upgrade: Tele/2",
        b"Content-Length: 0",
        b"X-Hop: 1",
    )
    assert (head.method, head.target, head.path) == (b"POST", b"/a/./b?c=d", "/a/b")
    assert (head.host, head.authority) == (b"api.webqx.com", b"API.webqx.com:3000")
    assert (head.minor, head.length, head.keep_alive) == (1, 0, True)
    assert (head.upgrade, head.kept) == (
        b"tele/2",
        b"",
    )  # X-Hop is nominated, the rest never passes
    assert not head.expects_continue
    assert not head.via_self
    assert head.headers[-1] == (b"X-Hop", b"1")


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n" + GET + b"\r\n",
        b"get / HTTP/1.1\r\nhost:a\r\n\r\n",
        b"!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.9\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        GET + b"A:\r\nB: \r\nC:\t\r\n\r\n",
        GET + b"A: \x80\xff\tb\r\n\r\n",
        GET + b"A_B: c\r\nProxy: d\r\n\r\n",
    ],
)
def test_a_well_formed_request_is_accepted(head):
    assert find_head(head, HEAD_LIMIT) == len(head)
    assert parse_request(head).method


def test_methods_are_read_exactly():
    assert parse_request(b"get / HTTP/1.1\r\nHost: a\r\n\r\n").method == b"get"


def test_blanks_around_a_value_are_not_part_of_it():
    head = request(b"GET / HTTP/1.1\r\n", b"Host:\ta", b"A: \tb c\t ", b"B:\t ", b"C:d")
    assert head.headers == [(b"Host", b"a"), (b"A", b"b c"), (b"B", b""), (b"C", b"d")]


@pytest.mark.parametrize(
    "head",
    [
        # line ends
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\n\n",
        b"GET / HTTP/1.1\rHost: a\r\n\r\n",
        GET + b"A: b\rc\r\n\r\n",
        GET + b"A: b\r\r\n\r\n",
        GET + b"A\r: b\r\n\r\n",
        b"\r\n\r\n" + GET + b"\r\n",
        b"\n" + GET + b"\r\n",
        b" " + GET + b"\r\n",
        GET,
        GET + b"\r\n\r\n",
        # octets of values
        GET + b"A: b\x00c\r\n\r\n",
        GET + b"A: b\x07c\r\n\r\n",
        GET + b"A: b\x0bc\r\n\r\n",
        GET + b"A: b\x7fc\r\n\r\n",
        # blanks and folds
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n",
        GET + b"A: b\r\n c\r\n\r\n",
        GET + b"A: b\r\n\tc\r\n\r\n",
        GET + b"A : b\r\n\r\n",
        GET + b"A\t: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        # names
        GET + b": b\r\n\r\n",
        GET + b"A\r\n\r\n",
        GET + b"A b: c\r\n\r\n",
        GET + b"A\x00: c\r\n\r\n",
        GET + b"\xc3\xa4: c\r\n\r\n",
        GET + b"A(b): c\r\n\r\n",
        # request lines
        b"GET /\r\n\r\n",
        b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        b"GET / http/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\x07 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b" / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /../b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        # not HTTP at all
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_a_malformed_request_is_refused(head):
    with pytest.raises(Malformed) as caught:
        parse_request(head)
    assert caught.value.status == 400
    assert caught.value.reason


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"GET / HTTP/2.0\r\nHost: a\r\n", 505),
        (b"PRI * HTTP/2.0\r\n", 505),
        (b"GET / HTTP/3.0\r\nHost: a\r\n", 505),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n", 405),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n", 405),
    ],
)
def test_what_is_not_served_is_refused_by_its_own_status(start, status):
    assert refusal(start) == status


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (GET + b"A: b\nc\r\n\r\n", "a line ends with a bare CR or LF"),
        (GET + b"A: b\r\n c\r\n\r\n", "a line is folded, or begins with a blank"),
        (GET + b"A : b\r\n\r\n", "a field does not begin with a name and a colon"),
        (GET + b"A: \x00\r\n\r\n", "a field holds a control octet"),
        (GET, "the head does not end where it should"),
        (b"GET /\r\n\r\n", "the request line names no HTTP version"),
        (b"GET / / HTTP/1.1\r\n\r\n", "the request line is not METHOD SP target SP version"),
    ],
)
def test_a_refusal_says_what_is_wrong(head, reason):
    with pytest.raises(Malformed) as caught:
        parse_request(head)
    assert caught.value.reason == reason


# --- Host


@pytest.mark.parametrize(
    ("start", "lines", "host", "authority"),
    [
        (b"GET / HTTP/1.1\r\n", [b"Host: A.b:8"], b"a.b", b"A.b:8"),
        (b"GET / HTTP/1.0\r\n", [b"Host: a"], b"a", b"a"),
        (b"GET / HTTP/1.0\r\n", [], b"", b""),
        (b"GET http://B:8/ HTTP/1.1\r\n", [b"Host: a"], b"b", b"B:8"),
        (b"GET http://b/ HTTP/1.0\r\n", [], b"b", b"b"),
    ],
)
def test_the_host_is_the_targets_or_the_fields(start, lines, host, authority):
    head = request(start, *lines)
    assert (head.host, head.authority) == (host, authority)


@pytest.mark.parametrize(
    ("start", "lines"),
    [
        (b"GET / HTTP/1.1\r\n", []),
        (b"GET / HTTP/1.1\r\n", [b"Host: a", b"Host: a"]),
        (b"GET / HTTP/1.1\r\n", [b"Host: a", b"host: b"]),
        (b"GET / HTTP/1.0\r\n", [b"Host: a", b"Host: a"]),
        (b"GET / HTTP/1.1\r\n", [b"Host:"]),
        (b"GET / HTTP/1.1\r\n", [b"Host: a b"]),
        (b"GET / HTTP/1.1\r\n", [b"Host: u@a"]),
        (b"GET / HTTP/1.1\r\n", [b"Host: a/b"]),
        (b"GET / HTTP/1.1\r\n", [b"Host: a:x"]),
        (b"GET / HTTP/1.1\r\n", [b"Host: a, b"]),
        (b"GET http://b/ HTTP/1.1\r\n", []),
        (b"GET http://b/ HTTP/1.1\r\n", [b"Host: a b"]),
        (b"GET http://u@b/ HTTP/1.1\r\n", [b"Host: b"]),
        (b"GET http:///x HTTP/1.1\r\n", [b"Host: b"]),
        (b"GET ftp://b/ HTTP/1.1\r\n", [b"Host: b"]),
    ],
)
def test_a_request_without_one_valid_host_is_refused(start, lines):
    assert refusal(start, *lines) == 400
