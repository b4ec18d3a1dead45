"""proxy/filters/cors.py: permissions on every answer of a route, preflights answered here."""

from stage import Stage, echo, ok, request

from webqx_supervisor.model.filters import Access, Cors

ORIGIN = "Origin: https://me.github.io"
POLICY = Cors(origins=("https://me.github.io",), credentials=True)


def preflight(*fields):
    return request("OPTIONS", "/x", "Access-Control-Request-Method: PUT", *fields)


async def hosts(stage: Stage, script=echo, **filters):
    stage.filter(**({"cors": POLICY} | filters))
    await stage.apply(await stage.upstream(script))


async def says_star(peer):
    while True:
        await peer.head()
        await peer.send(ok(b"x", "Access-Control-Allow-Origin: *", "Vary: Accept"))


async def test_the_workers_own_permissions_are_replaced_not_doubled(stage: Stage):
    await hosts(stage, says_star)
    client = await stage.connect()
    await client.send(request("GET", "/", ORIGIN))
    head = await client.head()
    assert head.lower().count(b"access-control-allow-origin") == 1
    assert b"Access-Control-Allow-Origin: https://me.github.io\r\n" in head
    assert b"Vary: Accept\r\n" in head
    assert b"Vary: Origin\r\n" in head


async def test_who_is_not_listed_gets_the_answer_but_no_permission(stage: Stage):
    await hosts(stage, says_star)
    status, fields, _ = await stage.ask(request("GET", "/", "Origin: https://evil.example"))
    assert status == 200
    assert not [name for name in fields if name.startswith("access-control")]


async def test_a_preflight_reaches_no_worker(stage: Stage):
    await hosts(stage)
    client = await stage.connect()
    for _ in range(2):  # the connection goes on
        await client.send(preflight(ORIGIN))
        status, fields, _ = await client.answer()
        assert status == 204
        assert "content-length" not in fields
        assert fields["access-control-allow-origin"] == "https://me.github.io"
        assert fields["access-control-allow-credentials"] == "true"
        assert "put" in fields["access-control-allow-methods"]
    assert all(" - " in line for line in stage.log_lines())  # no upstream


async def test_a_preflight_of_who_is_not_listed_is_refused(stage: Stage):
    await hosts(stage)
    status, fields, body = await stage.ask(preflight("Origin: https://evil.example"))
    assert status == 403
    assert b"cors lists no origin https://evil.example" in body
    assert "access-control-allow-origin" not in fields


async def test_an_options_request_of_the_applications_own_reaches_it(stage: Stage):
    await hosts(stage)
    status, fields, body = await stage.ask(request("OPTIONS", "/x", ORIGIN))
    assert status == 200
    assert body.startswith(b"OPTIONS /x")
    assert fields["access-control-allow-origin"] == "https://me.github.io"


async def test_what_the_proxy_refuses_can_be_read_by_the_page_too(stage: Stage):
    await hosts(stage, access=Access(deny=("127.0.0.0/8",)))
    status, fields, _ = await stage.ask(request("GET", "/", ORIGIN))
    assert status == 403
    assert fields["access-control-allow-origin"] == "https://me.github.io"


async def test_and_so_can_what_it_says_when_no_worker_is_there(stage: Stage):
    stage.filter(cors=POLICY)
    await stage.apply(expecting=False, reason="api is stopped")
    status, fields, _ = await stage.ask(request("GET", "/", ORIGIN))
    assert status == 503
    assert fields["access-control-allow-origin"] == "https://me.github.io"
