"""The verbs: what is refused and why, and what each answers."""

import json
import os
from dataclasses import replace

import pytest
import trio
import trio.testing
from fakes import service

from webqx_supervisor.config.places import Places
from webqx_supervisor.control.commands import COMMANDS
from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.server import Call
from webqx_supervisor.core.headroom import MIB, Room
from webqx_supervisor.core.reconcile import Scaled
from webqx_supervisor.daemon import headroom
from webqx_supervisor.daemon.handlers import Handlers, Pulse
from webqx_supervisor.daemon.logs import LogReader
from webqx_supervisor.daemon.looking import Looking
from webqx_supervisor.daemon.proxies import Proxies
from webqx_supervisor.daemon.services import Failure, Services
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.daemon.status import Notes
from webqx_supervisor.daemon.views import Views
from webqx_supervisor.model.autoscale import Autoscale
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import NoSuchService, UsageError
from webqx_supervisor.model.gateway import Table
from webqx_supervisor.model.service import RestartPolicy


class FakeDaemon:
    """Tells what it was asked for."""

    def __init__(self, registry) -> None:
        self.registry = registry

    async def apply(self, environment=None):
        await trio.lowlevel.checkpoint()
        self.registry.tell("applied", f"{environment=}")
        return [Scaled("api", 1, 2)], [Failure("api", "because", ("line",))]

    def shut_down(self):
        self.registry.tell("shut_down", "")

    def activate(self, profiles):
        if profiles:
            self.registry.tell("activated", ", ".join(profiles))

    def pulse(self):
        return Pulse(7, "1.0", kept=True, renewing=False)

    async def renew(self, *, proxies):
        await trio.lowlevel.checkpoint()
        return lambda: self.registry.tell("renewed", f"{proxies=}")


class Desk:
    """The handlers over real services; `ended` counts the calls for the daemon's end."""

    def __init__(self, handlers: Handlers, services: Services, registry) -> None:
        self.handlers = handlers
        self.services = services
        self.registry = registry

    async def ask(self, path: str, body=None, **query):
        with trio.fail_after(20):
            return await self.handlers.handle(Call("GET", path, query, body, 0))


@pytest.fixture
async def desk(stage, output, tmp_path, nursery):
    fatal = RestartPolicy(limit=0, retry_fatal=1000)
    broken = service("/no/such/program", restart=fatal)
    config = Config("name", "/services.toml", services=(service(),))
    registry, store = stage.resources.registry, FdStore("")
    sockets = ListeningSockets(store, registry)
    services = Services(config, stage.resources, sockets)
    proxies = Proxies(Table, sockets, store, registry, [])

    places = Places.at(tmp_path / "services.toml", tmp_path)
    views = Views(services, proxies, stage.resources, places, Notes())
    logs = LogReader(tmp_path, output, services)
    looking = Looking(services, views, registry, logs, stage.resources.evidence)
    handlers = Handlers(services, registry, looking, FakeDaemon(registry))
    desk = Desk(handlers, services, registry)
    desk.broken = broken
    await nursery.start(services.run)
    yield desk
    services.close()
    with trio.fail_after(20):
        await services.gone.wait()


async def test_every_command_has_its_verb(desk):
    assert set(desk.handlers._verbs) == {command.path for command in COMMANDS}


@pytest.mark.parametrize(
    "body", [["api"], "api", {"service": "api"}, {"services": "api"}, {"services": [1]}]
)
@pytest.mark.parametrize("path", ["/start", "/stop", "/restart", "/reload"])
async def test_a_slip_in_the_body_never_means_everything(desk, path, body):
    with pytest.raises(UsageError):
        await desk.ask(path, body)


async def test_stopping_everything_ends_the_daemon_after_the_answer(desk):
    reply = await desk.ask("/stop", {"services": []})
    assert reply.payload == {"stopped": ["api"], "daemon": True}
    assert desk.registry.events()[-1].text == "stop"
    reply.after()
    assert desk.registry.events()[-1].kind == "shut_down"


async def test_root_becomes_whoever_the_daemon_is_to_execute_something(desk, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "getegid", lambda: 54321)
    entry = (await desk.ask("/exec", worker="api")).payload["entry"]
    assert (entry["account"]["uid"], entry["account"]["gid"]) == (12345, 54321)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert (await desk.ask("/exec", worker="api")).payload["entry"]["account"] is None


async def test_a_service_is_started_scaled_and_stopped(desk):
    started = await desk.ask("/start", {"services": ["api"]})
    assert started.payload["failed"] == []
    scaled = await desk.ask("/scale", {"service": "api", "instances": "+1"})
    assert scaled.payload == {"name": "api", "from": 1, "to": 2, "failed": [], "warning": ""}
    stopped = await desk.ask("/stop", {"services": ["api"]})
    assert stopped.payload == {"stopped": ["api"], "daemon": False, "remote": []}
    assert desk.services.all()[0].workers == {}


async def test_by_hand_the_number_stays_in_the_span_of_autoscale(desk):
    (supervisor,) = desk.services.all()
    supervisor.service = replace(supervisor.service, autoscale=Autoscale(min=1, max=3))
    for wanted in ("0", "4"):
        with pytest.raises(UsageError, match="api has 1 to 3 workers"):
            await desk.ask("/scale", {"service": "api", "instances": wanted})
    scaled = await desk.ask("/scale", {"service": "api", "instances": "3"})
    assert scaled.payload["to"] == 3


async def test_who_asks_for_more_than_the_memory_holds_is_warned(desk, monkeypatch):
    await desk.ask("/start", {"services": ["api"]})
    monkeypatch.setattr(headroom, "room_beside", _full)
    scaled = await desk.ask("/scale", {"service": "api", "instances": "2"})
    assert (scaled.payload["to"], scaled.payload["failed"]) == (2, [])
    assert scaled.payload["warning"] == (
        "the machine may swap: a worker takes 180M, 90M are available"
    )


async def _full(_workers):
    await trio.lowlevel.checkpoint()
    return Room(0, 180 * MIB, 90 * MIB)


async def test_a_remote_service_is_neither_scaled_nor_reloaded(desk):
    (supervisor,) = desk.services.all()
    supervisor.service = replace(supervisor.service, command=(), remote=("127.0.0.1:9",))
    with pytest.raises(UsageError, match="api is remote"):
        await desk.ask("/scale", {"service": "api", "instances": "2"})
    reloaded = await desk.ask("/reload", {"services": ["api"]})
    assert reloaded.payload == {"reloaded": [], "failed": [], "remote": ["api"]}


async def test_what_does_not_start_is_named_with_its_reason(desk):
    desk.services.all()[0].service = desk.broken
    payload = (await desk.ask("/start")).payload
    assert payload["failed"] == ["api"]
    assert "/no/such/program" in payload["services"][0]["reason"]


@pytest.mark.parametrize(
    ("path", "query"),
    [("/describe", {}), ("/describe", {"service": "web"}), ("/logs", {"worker": "web"})],
)
async def test_an_unknown_service_is_refused(desk, path, query):
    with pytest.raises(NoSuchService):
        await desk.ask(path, **query)


@pytest.mark.parametrize("n", ["-1", "many", ""])
async def test_a_number_of_lines_is_a_number(desk, n):
    with pytest.raises(UsageError):
        await desk.ask("/events", n=n)


async def test_events_are_the_last_n(desk):
    for number in range(5):
        desk.registry.tell("told", str(number))
    reply = await desk.ask("/events", n="2")
    assert [event["text"] for event in reply.payload["events"]] == ["3", "4"]


async def test_followed_events_come_without_gap_or_repetition(desk):
    desk.registry.tell("told", "before")
    stream = (await desk.ask("/events", n="1", follow="1")).pieces
    texts = []
    for coming in ("one", "two", "end"):
        piece = await anext(stream)
        texts += [json.loads(each[6:])["text"] for each in piece.split(b"\n\n") if each]
        desk.registry.changed()
        desk.registry.tell("told", coming)
        desk.registry.tell("told", coming + "!")
    assert texts == ["before", "one", "one!", "two", "two!"]
    await stream.aclose()


async def test_a_description_hides_the_values_of_the_environment(desk):
    supervisor = desk.services.all()[0]
    supervisor.retune(service())
    object.__setattr__(supervisor.service, "env", (("TOKEN", "hunter22"),))
    payload = (await desk.ask("/describe", service="api")).payload
    assert payload["service"]["env"] == ["TOKEN"]
    assert "hunter22" not in json.dumps(payload)


async def test_ping_tells_how_the_daemon_is(desk):
    reply = await desk.ask("/ping")
    assert reply.payload == {"pid": 7, "version": "1.0", "kept": True, "renewing": False}


@pytest.mark.parametrize(("body", "proxies"), [(None, True), ({"proxies": False}, False)])
async def test_an_upgrade_gives_way_after_the_answer(desk, body, proxies):
    reply = await desk.ask("/upgrade", body)
    assert reply.payload == {"pid": os.getpid()}
    assert desk.registry.events()[-1].text == "upgrade"
    reply.after()
    assert desk.registry.events()[-1].text == f"{proxies=}"


async def test_an_upgrade_takes_no_other_words(desk):
    with pytest.raises(UsageError):
        await desk.ask("/upgrade", {"proxies": "no"})


async def test_apply_tells_changes_and_failures(desk):
    payload = (await desk.ask("/apply")).payload
    (change,) = payload["changes"]
    assert (change["change"], change["before"], change["after"]) == ("scaled", 1, 2)
    row = {"name": "api", "reason": "because", "lines": ["line"], "kept": False}
    assert payload["failed"] == [row]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/signal", None),
        ("/signal", {"signal": "HUP"}),
        ("/signal", {"signal": "HUP", "workers": []}),
        ("/signal", {"signal": 1, "workers": ["api"]}),
        ("/signal", {"signal": "HUP", "workers": ["api"], "tree": 1}),
        ("/signal", {"signal": "HUP", "workers": ["api"], "three": True}),
        ("/type", {"worker": "api"}),
        ("/type", {"worker": "api", "text": 1}),
        ("/type", {"worker": "api", "text": "x"}),
        ("/resize", {"worker": "api", "rows": 0, "columns": 80}),
        ("/resize", {"worker": "api", "rows": "24", "columns": 80}),
        ("/resize", {"worker": "api", "rows": 10**9, "columns": 80}),
    ],
)
async def test_a_slip_by_hand_is_told(desk, path, body):
    with pytest.raises(UsageError):
        await desk.ask(path, body)


async def test_a_group_is_resolved_here_and_not_by_the_command_line(desk):
    (supervisor,) = desk.services.all()
    grouped = replace(supervisor.service, groups=("backend",), profiles=("dev",))
    supervisor.service = grouped
    desk.services.config = replace(desk.services.config, services=(grouped,))
    with pytest.raises(NoSuchService, match="start --profile dev"):
        await desk.ask("/start", {"services": ["backend"]})
    assert (await desk.ask("/start")).payload == {"services": [], "failed": []}
    desk.services.profiles = ("dev",)
    started = await desk.ask("/start", {"services": ["backend", "a*"]})
    assert [row["name"] for row in started.payload["services"]] == ["api"]
    listed = await desk.ask("/status", services="backend")
    assert [row["name"] for row in listed.payload["services"]] == ["api"]
    with pytest.raises(UsageError, match="backend is no single service"):
        await desk.ask("/scale", {"service": "backend", "instances": "2"})


@pytest.mark.parametrize(
    ("body", "seen"), [({}, None), ({"environment": "up"}, "up"), ({"environment": ""}, "")]
)
async def test_apply_may_name_an_environment(desk, body, seen):
    await desk.ask("/apply", body)
    assert desk.registry.events()[-1].text == f"environment={seen!r}"


async def test_apply_takes_no_other_words(desk):
    for body in ({"environment": 7}, {"enviroment": "up"}):
        with pytest.raises(UsageError):
            await desk.ask("/apply", body)
