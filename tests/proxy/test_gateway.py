import pytest
from stage import Stage, echo, request

from webqx_supervisor.model.filters import Access, Filters
from webqx_supervisor.model.gateway import (
    Files,
    FixedAnswer,
    Listener,
    Route,
    Table,
    UpstreamGroup,
)
from webqx_supervisor.model.limits import Crowding
from webqx_supervisor.model.link import Applied, TableMessage

WEB = (Listener("web", ("here",)),)


async def apply(stage: Stage, table: Table) -> None:
    await stage.link.send(TableMessage(table))
    await stage.hears(Applied(table.version))


async def test_a_backup_serves_while_the_service_has_nobody(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    route = (Route("web", "api", backup="spare"),)
    spare = UpstreamGroup("spare", (worker.model,))
    await apply(stage, Table(8, WEB, route, (UpstreamGroup("api"), spare)))
    assert (await stage.ask(request()))[0] == 200


async def test_a_backup_without_workers_is_no_help(stage: Stage):
    await stage.apply()
    route = (Route("web", "api", backup="spare"),)
    api = UpstreamGroup("api", expecting=False, reason="api is down")
    await apply(stage, Table(8, WEB, route, (api, UpstreamGroup("spare"))))
    status, _, body = await stage.ask(request())
    assert status == 503
    assert b"api is down" in body


async def test_routes_are_told_apart_by_host_and_path(stage: Stage):
    one, two = await stage.upstream(echo, "1"), await stage.upstream(echo, "2")
    await stage.apply()
    routes = (Route("web", "a", path="/a"), Route("web", "b", host="b.example"))
    groups = (UpstreamGroup("a", (one.model,)), UpstreamGroup("b", (two.model,)))
    await apply(stage, Table(8, WEB, routes, groups))
    assert (await stage.ask(request("GET", "/a/x")))[0] == 200
    assert (await stage.ask(b"GET /x HTTP/1.1\r\nHost: B.example:80\r\n\r\n"))[0] == 200
    assert (await stage.ask(request("GET", "/x")))[0] == 404
    assert (one.connections, two.connections) == (1, 1)


async def test_the_date_is_made_once_a_second(stage: Stage):
    gateway = stage.proxy.gateway
    assert gateway.date() is gateway.date()
    first = gateway.date()
    gateway.reactor.now += 1
    assert gateway.date() is not first


@pytest.mark.parametrize(
    "path",
    [
        *("/admin%2Fusers", "/admin%2fusers", "/%2Fadmin/users", "//admin/users"),
        *("/./%61dmin%2Fusers", "/admin;x=1/users", "/admin%3Bx/users", "/;/admin", "//admin"),
        *("//host/admin/users", "///host/admin"),
        *("/users/7/keys/", "/blocked%2Fx", "/api//admin", "/a%3Ab", "/files%2Fx", "/login/%2F"),
    ],
)
async def test_no_spelling_of_a_path_leads_past_what_guards_it(stage: Stage, path):
    nobody = Filters(access=Access(deny=("0.0.0.0/0",)))
    stage.routes = (
        Route("web", "api"),
        Route("web", "api", path="/admin", filters=nobody),
        Route("web", "api", path="/a:b", filters=nobody),
        Route("web", "api", pattern="/users/*/keys", filters=nobody),
        Route("web", "api", path="/admin/open/"),
        Route("web", "api", path="/api", strip_prefix=True),
        Route("web", "api", path="/api/admin", rewrite="/admin", filters=nobody),
        Route("web", "api", pattern="/login", filters=Filters(crowding=Crowding(1))),
        Route("web", path="/blocked", answer=FixedAnswer(404)),
        Route("web", path="/files", files=Files("/srv"), filters=nobody),
    )
    await stage.apply(await stage.upstream(echo))
    status, _, body = await stage.ask(request("GET", path))
    assert (status, b"two ways" in body) == (400, True)


@pytest.mark.parametrize("path", ["/group%2Fproject/files", "/a//b", "/open;v=1/x", "/%20/x"])
async def test_a_path_with_more_than_one_reading_passes_where_none_is_guarded(stage: Stage, path):
    friends = Filters(access=Access(allow=("127.0.0.0/8",)))
    stage.routes = (
        Route("web", "api", filters=friends),
        Route("web", "api", path="/open"),
        Route("web", "api", pattern="/*/files", filters=friends),
    )
    await stage.apply(await stage.upstream(echo))
    status, _, body = await stage.ask(request("GET", path))
    assert (status, body.startswith(b"GET " + path.encode())) == (200, True)
