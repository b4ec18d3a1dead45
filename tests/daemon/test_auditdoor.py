"""Commands are recorded before they are carried out, and with what came of them."""

import pytest

from webqx_supervisor.control.server import Call, Reply, Stream
from webqx_supervisor.daemon.auditdoor import AuditDoor, difference
from webqx_supervisor.model.audit import Audit, Commands
from webqx_supervisor.model.errors import UsageError, WebqxError


class Log:
    """An audit log that only remembers, and may refuse."""

    def __init__(self, policy=Audit(), refuses=False):  # noqa: B008 - frozen
        self.policy = policy
        self.refuses = refuses
        self.records = []

    async def write(self, kind, **fields):
        if self.refuses:
            raise WebqxError("it cannot be recorded")
        self.records.append({"kind": kind, **fields})

    async def tell(self, kind, **fields):
        self.records.append({"kind": kind, **fields})


class Desk:
    def __init__(self, answer, log):
        self.answer = answer
        self.log = log
        self.seen = {"service api": 1, "same": 0}
        self.calls = 0
        self.door = AuditDoor(log, self.handle, lambda: dict(self.seen))

    async def handle(self, _call):
        self.calls += 1
        self.seen["service api"] = 2
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def ask(self, method="POST", path="/scale", body=None, **more):
        return await self.door.handle(Call(method, path, {}, body, 0, pid=1), **more)


def desk(answer=Reply({}), **log):  # noqa: B008 - frozen
    return Desk(answer, Log(**log))


async def test_a_change_has_two_records_and_what_is_not_the_same():
    here = desk(Reply({"failed": []}))
    await here.ask(body={"service": "api", "token": "hidden"})
    asked, done = here.log.records
    assert asked["arguments"] == {"body": {"service": "api", "token": "[redacted]"}}
    assert asked["actor"]["uid"] == 0
    assert (done["result"], done["before"], done["after"]) == (
        "ok",
        {"service api": 1},
        {"service api": 2},
    )
    assert asked["number"] == done["number"]


async def test_who_came_by_another_door_is_marked():
    here = desk()
    await here.ask(via="dashboard")
    assert [each["actor"]["via"] for each in here.log.records] == ["dashboard"] * 2


@pytest.mark.parametrize(
    ("answer", "result", "failed"),
    [
        (
            Reply(
                {"failed": ["api"], "services": [{"name": "api", "reason": "x", "lines": ["y"]}]}
            ),
            "failed",
            [{"name": "api", "reason": "x"}],
        ),
        (
            Reply({"failed": [{"name": "api", "reason": "x", "lines": ["patient"]}]}),
            "failed",
            [{"name": "api", "reason": "x"}],
        ),
        (Reply([1, 2]), "ok", []),
        (Reply(None), "ok", []),
        (Reply({"failed": 0, "services": "x"}), "ok", []),
        (Stream("text/plain", None), "ok", []),
    ],
)
async def test_whatever_the_answer_it_is_recorded_without_what_workers_wrote(
    answer, result, failed
):
    here = desk(answer)
    assert await here.ask() is answer
    done = here.log.records[-1]
    assert (done["result"], done["failed"]) == (result, failed)


@pytest.mark.parametrize(
    ("error", "text"), [(UsageError("wrong"), "wrong"), (ValueError("secret"), "internal error")]
)
async def test_what_is_refused_is_recorded_with_its_reason(error, text):
    here = desk(error)
    with pytest.raises(type(error)):
        await here.ask()
    done = here.log.records[-1]
    assert (done["result"], done["error"]) == ("refused", text)


async def test_what_must_not_go_unrecorded_is_not_carried_out():
    here = desk(refuses=True)
    with pytest.raises(WebqxError, match="cannot be recorded"):
        await here.ask()
    assert here.calls == 0


@pytest.mark.parametrize(
    ("policy", "path", "records"),
    [
        (None, "/status", 0),
        (Audit(), "/status", 0),
        (Audit(commands=Commands.ALL), "/status", 1),
        (Audit(commands=Commands.ALL), "/ping", 0),
    ],
)
async def test_who_only_looks_is_recorded_where_that_is_wanted(policy, path, records):
    here = desk(policy=policy)
    await here.ask("GET", path)
    assert len(here.log.records) == records


async def test_a_hang_up_is_a_command_of_nobody_known():
    async def apply():
        return [], []

    here = desk()
    assert await here.door.hang_up(apply) == []
    assert [each["actor"] for each in here.log.records] == [{"signal": "SIGHUP"}] * 2


def test_what_comes_and_goes_is_a_difference():
    assert difference({"a": 1, "b": 1}, {"b": 1, "c": 1}) == {"before": {"a": 1}, "after": {"c": 1}}
