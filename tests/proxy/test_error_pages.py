"""proxy/filters/pages.py: pages of one's own, for people, on errors that the proxy makes."""

from stage import Stage, ok, request

from webqx_supervisor.model.filters import Access, ErrorPage

PAGES = (ErrorPage("5xx", "<p>{status} {reason} {request_id}"), ErrorPage("403", "<p>no"))
HTML = "Accept: text/html,application/xhtml+xml"


async def test_people_see_the_page_with_reason_and_id_and_programs_plain_text(stage: Stage):
    stage.filter(error_pages=PAGES)
    await stage.apply(expecting=False, reason="api is <stopped>")
    status, fields, body = await stage.ask(request("GET", "/", HTML))
    assert status == 503
    assert fields["content-type"] == "text/html; charset=utf-8"
    assert fields["cache-control"] == "no-store"
    assert body == b"<p>503 api is &lt;stopped&gt; %b" % fields["x-request-id"].encode()
    for accept in ((), ("Accept: application/json",), ("Accept: */*",)):
        status, fields, body = await stage.ask(request("GET", "/", *accept))
        assert (status, fields["content-type"]) == (503, "text/plain; charset=utf-8")
        assert b"api is <stopped>" in body


async def test_what_a_filter_refuses_has_its_page_too_and_head_has_none(stage: Stage):
    stage.filter(error_pages=PAGES, access=Access(deny=("127.0.0.1",)))
    await stage.apply()
    assert (await stage.ask(request("GET", "/", HTML)))[2] == b"<p>no"
    status, fields, body = await stage.ask(request("HEAD", "/", HTML))
    assert (status, fields["content-length"], body) == (403, "5", b"")


async def test_a_workers_own_error_is_its_own(stage: Stage):
    async def fails(peer):
        await peer.head()
        await peer.send(ok(b"mine").replace(b"200 OK", b"503 No"))

    stage.filter(error_pages=PAGES)
    await stage.apply(await stage.upstream(fails))
    status, _, body = await stage.ask(request("GET", "/", HTML))
    assert (status, body) == (503, b"mine")
