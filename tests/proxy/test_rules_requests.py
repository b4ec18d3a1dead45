"""The head of a request, rule by rule: what is refused with which status, what is passed on how."""

import pytest
from octets import forwarded, record
from stage import Peer, Stage

NEXT = b"GET /next HTTP/1.1\r\nHost: example.org\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: example.org\r\n"


def head(*lines: bytes) -> bytes:
    return GET + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def target(raw: bytes) -> bytes:
    return b"GET " + raw + b" HTTP/1.1\r\nHost: example.org\r\n\r\n"


def host(*values: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\n" + b"".join(b"Host: %b\r\n" % value for value in values) + b"\r\n"


LINES = {
    "bare-lf": b"GET / HTTP/1.1\nHost: example.org\n\n",
    "bare-lf-after-request-line": b"GET / HTTP/1.1\nHost: example.org\r\n\r\n",
    "bare-lf-after-field": b"GET / HTTP/1.1\r\nHost: example.org\nA: b\r\n\r\n",
    "bare-lf-at-end": GET + b"\n",
    "bare-cr-in-target": b"GET /\ra HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "bare-cr-in-name": head(b"A\rB: c"),
    "bare-cr-in-value": head(b"A: b\rc"),
    "bare-cr-at-line-end": head(b"A: b\r"),
    "bare-cr-as-line-end": b"GET / HTTP/1.1\rHost: example.org\r\n\r\n",
    "nul-in-name": head(b"A\0: b"),
    "nul-in-value": head(b"A: b\0c"),
    "ctl-01": head(b"A: b\x01c"),
    "ctl-07": head(b"A: b\x07c"),
    "ctl-1f": head(b"A: b\x1fc"),
    "vertical-tab": head(b"A:\x0bb"),
    "del": head(b"A: b\x7fc"),
    "leading-crlf-twice": b"\r\n\r\n" + head(),
    "leading-lf": b"\n" + head(),
    "leading-space": b" " + head(),
    "obs-fold-first": b"GET / HTTP/1.1\r\n Host: example.org\r\n\r\n",
    "obs-fold": head(b"A: b", b" c"),
    "obs-fold-tab": head(b"A: b", b"\tc"),
    "obs-fold-blank": head(b"A: b", b" "),
    "space-before-colon": head(b"A : b"),
    "tab-before-colon": head(b"A\t: b"),
    "space-in-name": head(b"A B: c"),
    "name-empty": head(b": b"),
    "name-not-token": head(b"A(b): c"),
    "name-8-bit": head(b"\xc4: c"),
    "no-colon": head(b"A"),
}

REQUEST_LINES = {
    "two-spaces": b"GET  / HTTP/1.1",
    "tab": b"GET\t/ HTTP/1.1",
    "space-at-end": b"GET / HTTP/1.1 ",
    "method-empty": b" / HTTP/1.1",
    "method-not-token": b"GE(T / HTTP/1.1",
    "http-0.9": b"GET /",
    "http-0.9-said": b"GET / HTTP/0.9",
    "http-lower-case": b"GET / http/1.1",
    "version-cut": b"GET / HTTP/1.",
    "version-long": b"GET / HTTP/1.10",
    "version-comma": b"GET / HTTP/1,1",
    "version-none": b"GET / HTTP/",
    "other-protocol": b"GET / ICAP/1.0",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00",
}

TARGETS = {
    "space": b"/a b",
    "8-bit": b"/\xe4",
    "del": b"/\x7f",
    "nul": b"/\0",
    "fragment": b"/a#b",
    "relative": b"a/b",
    "authority-form": b"example.org:80",
    "asterisk-not-options": b"*",
    "scheme-unknown": b"ftp://example.org/",
    "scheme-alone": b"http:/a",
    "absolute-without-host": b"http:///a",
    "absolute-userinfo": b"http://user@example.org/",
    "absolute-bad-port": b"http://example.org:x/",
    "escape-nul": b"/a%00b",
    "escape-cut": b"/a%4",
    "escape-not-hex": b"/a%zz",
    "climbs": b"/a/../b",
    "climbs-escaped": b"/a/%2e%2e/b",
    "climbs-half-escaped": b"/a/.%2E/b",
    "climbs-at-end": b"/a/..",
    "climbs-with-parameter": b"/a/..;x/b",
    "climbs-by-escaped-slash": b"/a%2f..%2fb",
    "climbs-absolute": b"http://example.org/../a",
    "backslash": b"/a\\b",
    "escaped-backslash-lower": b"/a%5cb",
    "escaped-slash-beside-dots": b"/./a%2Fb",
}

HOSTS = {
    "missing": host(),
    "twice": host(b"example.org", b"example.org"),
    "twice-different": host(b"example.org", b"other"),
    "empty": host(b""),
    "blank": host(b"   "),
    "list": host(b"a, b"),
    "space": host(b"a b"),
    "userinfo": host(b"user@example.org"),
    "path": host(b"example.org/a"),
    "scheme": host(b"http://example.org"),
    "port-only": host(b":80"),
    "port-letters": host(b"example.org:http"),
    "port-large": host(b"example.org:65536"),
    "port-sign": host(b"example.org:+80"),
    "port-twice": host(b"example.org:80:80"),
    "8-bit": host(b"ex\xe4mple"),
    "ipv6-bare": host(b"::1"),
    "ipv6-open": host(b"[::1"),
    "ipv6-zone": host(b"[fe80::1%25eth0]"),
    "ipv6-too-long": host(b"[1:2:3:4:5:6:7:8:9]"),
    "ipv6-only-colons": host(b"[:::]"),
    "absolute-form-without": b"GET http://example.org/ HTTP/1.1\r\n\r\n",
    "absolute-form-with-bad": b"GET http://example.org/ HTTP/1.1\r\nHost: a b\r\n\r\n",
    "twice-in-1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
}

OTHERS = {
    "http-2": (b"GET / HTTP/2.0\r\nHost: example.org\r\n\r\n", 505),
    "http-2-preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "http-3": (b"GET / HTTP/3.0\r\nHost: example.org\r\n\r\n", 505),
    "trace": (b"TRACE / HTTP/1.1\r\nHost: example.org\r\n\r\n", 405),
    "connect": (b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", 405),
    "connect-path": (b"CONNECT / HTTP/1.1\r\nHost: example.org\r\n\r\n", 405),
    "request-line-8193": (target(b"/" + b"a" * 8180), 414),
    "head-16-kib-and-1": (head(b"A: " + b"a" * (16 * 1024 - len(GET) - 6)), 431),
    "fields-101": (head(*[b"A: b"] * 100), 431),
    "unknown-expectation": (head(b"Expect: 200-ok"), 417),
    "expectation-list": (head(b"Expect: 100-continue, 200-ok"), 417),
}

REFUSED = [
    *(pytest.param(raw, 400, id=f"line-{name}") for name, raw in LINES.items()),
    *(
        pytest.param(line + b"\r\nHost: example.org\r\n\r\n", 400, id=f"request-line-{name}")
        for name, line in REQUEST_LINES.items()
    ),
    *(pytest.param(target(raw), 400, id=f"target-{name}") for name, raw in TARGETS.items()),
    *(pytest.param(raw, 400, id=f"host-{name}") for name, raw in HOSTS.items()),
    *(pytest.param(raw, status, id=name) for name, (raw, status) in OTHERS.items()),
]


@pytest.mark.parametrize(("raw", "status"), REFUSED)
async def test_a_bad_head_is_refused_no_worker_hears_of_it_and_nothing_after_it_counts(
    stage: Stage, raw: bytes, status: int
):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(raw + NEXT)
    answered, fields, _ = await client.answer()
    assert (answered, fields["connection"]) == (status, "close")
    assert ("allow" in fields) == (status == 405)
    assert await client.ended()
    assert worker.connections == 0


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /" + b"a" * 9000, 414),
        (GET + b"A: " + b"a" * 17000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/1.1\r\nHost: example.org\n", 400),
    ],
    ids=["request-line-8193", "head-16-kib-and-1", "tls", "bare-lf"],
)
async def test_a_head_that_cannot_become_good_is_refused_before_its_end(stage, raw, status):
    await record(stage)
    client = await stage.connect()
    await client.send(raw)
    assert (await client.answer())[0] == status
    assert await client.ended()


async def lives_on(client: Peer) -> None:
    await client.send(NEXT)
    assert (await client.answer())[0] == 200


NEXT_FORWARDED = forwarded("GET /next HTTP/1.1")

FIELDS = {
    "obs-text": ([b"A: \x80\xff"], ["A: \x80\xff"]),
    "tab-after-colon": ([b"A:\tb"], ["A: b"]),
    "tab-inside": ([b"A: b\tc"], ["A: b\tc"]),
    "blanks-around": ([b"A:  b \t "], ["A: b"]),
    "no-blank": ([b"A:b"], ["A: b"]),
    "no-value": ([b"A:"], ["A: "]),
    "odd-token": ([b"!#$%&'*+-.^`|~9: b"], ["!#$%&'*+-.^`|~9: b"]),
    "same-name-in-order": ([b"A: 1", b"B: 2", b"a: 3"], ["A: 1", "B: 2", "a: 3"]),
    "fields-100": ([b"A: b"] * 99, ["A: b"] * 99),
    "underscore": ([b"X_Real_IP: 6.6.6.6", b"Content_Length: 5", b"A: b"], ["A: b"]),
    "underscore-framing": ([b"Transfer_Encoding: chunked"], []),
    "httpoxy": ([b"Proxy: http://evil"], []),
    "forwarded-family": (
        [
            *(b"Forwarded: for=6.6.6.6", b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Proto: https"),
            *(b"X-Forwarded-Host: evil", b"X-Forwarded-Port: 1", b"X-Real-IP: 6.6.6.6"),
            *(b"True-Client-IP: 6.6.6.6", b"CF-Connecting-IP: 6.6.6.6", b"X-Client-IP: 6.6.6.6"),
        ],
        [],
    ),
    "other-targets": ([b"X-Original-URL: /admin", b"X-Rewrite-URL: /admin"], []),
    "expect-without-body": ([b"Expect: 100-continue"], []),
    "max-forwards-of-get": ([b"Max-Forwards: 0"], ["Max-Forwards: 0"]),
}


@pytest.mark.parametrize(("sent", "passed"), FIELDS.values(), ids=FIELDS)
async def test_a_field_reaches_the_worker_as_it_should(stage: Stage, sent, passed):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(head(*sent))
    assert (await client.answer())[0] == 200
    await lives_on(client)
    assert worker.requests == [forwarded("GET / HTTP/1.1", *passed), NEXT_FORWARDED]
    assert worker.connections == 1


def origin(raw: str, authority: str = "example.org", method: str = "GET") -> bytes:
    length = ["Content-Length: 0"] if method == "POST" else []
    return forwarded(f"{method} {raw} HTTP/1.1", *length, host=authority)


HEADS = {
    "leading-crlf": (b"\r\n" + head(), origin("/")),
    "request-line-8192": (target(b"/" + b"a" * 8178), origin("/" + "a" * 8178)),
    "method-lower-case": (
        b"get / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        origin("/", method="get"),
    ),
    "method-unknown": (
        b"M-SEARCH / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        origin("/", method="M-SEARCH"),
    ),
    "version-1.7": (b"GET / HTTP/1.7\r\nHost: example.org\r\n\r\n", origin("/")),
    "post-without-length": (
        b"POST / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        origin("/", method="POST"),
    ),
    "host-port": (host(b"Example.Org:8080"), origin("/", "Example.Org:8080")),
    "host-final-dot": (host(b"example.org."), origin("/", "example.org.")),
    "host-ipv6": (host(b"[::1]:80"), origin("/", "[::1]:80")),
    "host-ipv6-with-ipv4": (host(b"[::ffff:127.0.0.1]"), origin("/", "[::ffff:127.0.0.1]")),
    "absolute": (target(b"http://other:81/a?b"), origin("/a?b", "other:81")),
    "absolute-https": (target(b"HTTPS://other/a"), origin("/a", "other")),
    "absolute-without-path": (target(b"http://other"), origin("/", "other")),
    "absolute-query-only": (target(b"http://other?a"), origin("/?a", "other")),
    "path-raw": (target(b"/%7Ea/./b//c;d=e"), origin("/%7Ea/./b//c;d=e")),
    "path-dots-in-name": (target(b"/a..b/..c"), origin("/a..b/..c")),
    "path-escaped-slash": (target(b"/a%2Fb"), origin("/a%2Fb")),
    "query-raw": (target(b"/?a=../..%00%zz\\"), origin("/?a=../..%00%zz\\")),
}


@pytest.mark.parametrize(("raw", "passed"), HEADS.values(), ids=HEADS)
async def test_a_good_head_reaches_the_worker_octet_for_octet(stage: Stage, raw, passed):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(raw)
    assert (await client.answer())[0] == 200
    await lives_on(client)
    assert worker.requests == [passed, NEXT_FORWARDED]
    assert worker.connections == 1


async def test_a_head_of_just_16_kib_is_served(stage: Stage):
    worker = await record(stage)
    raw = head(b"A: " + b"a" * (16 * 1024 - len(GET) - 7))
    assert len(raw) == 16 * 1024
    assert (await stage.ask(raw))[0] == 200
    assert len(worker.requests) == 1


@pytest.mark.parametrize("raw", [b"*", b"http://example.org"])
async def test_options_of_the_server_is_answered_here(stage: Stage, raw: bytes):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(b"OPTIONS " + raw + b" HTTP/1.1\r\nHost: example.org\r\n\r\n")
    status, fields, _ = await client.answer()
    assert status == 204
    assert "get" in fields["allow"]
    await lives_on(client)
    assert worker.requests == [NEXT_FORWARDED]


@pytest.mark.parametrize(("hops", "passed"), [(b"1", "0"), (b"007", "6")])
async def test_max_forwards_of_options_counts_down(stage: Stage, hops: bytes, passed: str):
    worker = await record(stage)
    raw = b"OPTIONS /a HTTP/1.1\r\nHost: example.org\r\nMax-Forwards: %b\r\n\r\n"
    assert (await stage.ask(raw % hops))[0] == 200
    assert worker.requests == [forwarded("OPTIONS /a HTTP/1.1", f"Max-Forwards: {passed}")]


@pytest.mark.parametrize(("hops", "status"), [(b"0", 204), (b"-1", 400), (b"x", 400)])
async def test_options_without_hops_left_goes_no_further(stage: Stage, hops: bytes, status: int):
    worker = await record(stage)
    raw = b"OPTIONS /a HTTP/1.1\r\nHost: example.org\r\nMax-Forwards: %b\r\n\r\n"
    assert (await stage.ask(raw % hops))[0] == status
    assert worker.connections == 0


@pytest.mark.parametrize(
    ("fields", "passed"),
    [
        (b"", forwarded("GET / HTTP/1.1", host="", via="1.0")),
        (
            b"Host: a\r\nConnection: keep-alive\r\n",
            forwarded("GET / HTTP/1.1", host="a", via="1.0"),
        ),
        (b"Expect: nonsense\r\n", forwarded("GET / HTTP/1.1", host="", via="1.0")),
    ],
    ids=["no-host", "keep-alive", "expect-ignored"],
)
async def test_an_http_1_0_client_is_served_once(stage: Stage, fields: bytes, passed: bytes):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(b"GET / HTTP/1.0\r\n" + fields + b"\r\n" + NEXT)
    status, answered, body = await client.answer()
    assert (status, answered["connection"], body) == (200, "close", b"seen")
    assert await client.ended()
    assert worker.requests == [passed]
