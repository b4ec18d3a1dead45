"""proxy/ways.py: what becomes of requests on their way, route by route."""

import pytest
from stage import Stage, echo, ok, request

from webqx_supervisor.model.filters import Access, Edits
from webqx_supervisor.model.gateway import FixedAnswer, Redirect, Route


async def says_server(peer):
    while True:
        await peer.head()
        await peer.send(ok(b"x", "Server: secret/1.0", "X-Frame-Options: ALLOWALL"))


async def test_headers_of_a_request_are_changed_before_the_worker_sees_them(stage: Stage):
    stage.filter(
        request_headers=Edits(remove=("X-Evil",), set=(("X-Plan", "free"),), add=(("X-More", "2"),))
    )
    await stage.apply(await stage.upstream(echo))
    _, _, body = await stage.ask(request("GET", "/", "x-evil: 1", "X-Plan: gold", "X-More: 1"))
    assert b"evil" not in body
    assert b"X-Plan: free\r\n" in body
    assert b"gold" not in body
    assert b"X-More: 1\r\n" in body
    assert b"X-More: 2\r\n" in body


@pytest.mark.parametrize("path", ["/", "/refused"])
async def test_headers_of_an_answer_are_changed_whoever_gives_it(stage: Stage, path):
    edits = Edits(remove=("Server",), set=(("X-Frame-Options", "DENY"),))
    stage.filter(response_headers=edits)
    refusing = Route(
        "web", "api", path="/refused", filters=stage.routes[0].filters, answer=FixedAnswer(410)
    )
    stage.routes += (refusing,)
    await stage.apply(await stage.upstream(says_server))
    client = await stage.connect()
    await client.send(request("GET", path))
    head = await client.head()
    assert b"secret" not in head
    assert head.count(b"X-Frame-Options") == 1
    assert b"X-Frame-Options: DENY\r\n" in head


async def test_a_stranger_is_refused_by_address(stage: Stage):
    stage.filter(access=Access(allow=("10.0.0.0/8",)))
    await stage.apply(await stage.upstream(echo))
    assert (await stage.ask(request()))[0] == 403
    stage.filter(access=Access(allow=("127.0.0.1",)))
    await stage.apply(await stage.upstream(echo))
    assert (await stage.ask(request()))[0] == 200


async def test_a_prefix_is_stripped_or_replaced_and_the_log_tells_what_was_asked(stage: Stage):
    stage.routes = (
        Route("web", "api", path="/api/", strip_prefix=True),
        Route("web", "api", path="/old/", rewrite="/new/"),
    )
    await stage.apply(await stage.upstream(echo))
    _, _, body = await stage.ask(request("GET", "/api/users?x=1"))
    assert body.startswith(b"GET /users?x=1 HTTP/1.1\r\n")
    assert b"X-Forwarded-Prefix: /api\r\n" in body
    _, _, body = await stage.ask(request("GET", "/old/a"))
    assert body.startswith(b"GET /new/a HTTP/1.1\r\n")
    assert " GET /api/users?x=1 200 " in stage.log_lines()[0]


async def test_a_redirect_sends_the_client_elsewhere(stage: Stage):
    stage.routes = (Route("web", redirect=Redirect("https://{host}{path}{query}")),)
    await stage.apply()
    status, fields, body = await stage.ask(request("GET", "/a?b=c"))
    assert (status, fields["location"], body) == (308, "https://example.org/a?b=c", b"")


async def test_a_fixed_answer_is_given_and_to_head_without_its_body(stage: Stage):
    stage.routes = (Route("web", answer=FixedAnswer(200, "User-agent: *\n")),)
    await stage.apply()
    status, fields, body = await stage.ask(request("GET", "/robots.txt"))
    assert (status, body) == (200, b"User-agent: *\n")
    assert fields["content-type"] == "text/plain; charset=utf-8"
    status, fields, body = await stage.ask(request("HEAD", "/robots.txt"))
    assert (status, fields["content-length"], body) == (200, "14", b"")


async def test_an_answer_that_has_no_body_by_its_status_is_sent_without(stage: Stage):
    stage.routes = (Route("web", answer=FixedAnswer(204, "HTTP/1.1 200 OK\r\n\r\n")),)
    await stage.apply()
    client = await stage.connect()
    for _ in range(2):
        await client.send(request())
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 204 ")
        assert b"Content-" not in head


async def test_a_body_that_nobody_reads_costs_the_connection_not_the_answer(stage: Stage):
    stage.routes = (Route("web", answer=FixedAnswer(200, "no")),)
    await stage.apply()
    status, fields, body = await stage.ask(request("POST", "/", body=b"x" * 50_000))
    assert (status, body, fields["connection"]) == (200, b"no", "close")


async def test_a_route_may_be_more_patient_or_less_than_its_service(stage: Stage):
    async def hangs(peer):
        await peer.head()
        await peer.rest()

    stage.routes = (Route("web", "api"), Route("web", "api", path="/quick", response_timeout=0.05))
    await stage.apply(await stage.upstream(hangs))
    status, _, body = await stage.ask(request("GET", "/quick"))
    assert status == 504
    assert b"gave no answer in 0.05 s" in body
