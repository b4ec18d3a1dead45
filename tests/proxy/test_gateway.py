from stage import Stage, echo, request

from webqx_supervisor.model.gateway import Listener, Route, Table, UpstreamGroup
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
