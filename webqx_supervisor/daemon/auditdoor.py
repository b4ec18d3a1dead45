"""Commands and signals, recorded before they are carried out and again with what came of them."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio

from webqx_supervisor.control.server import Call, Handler, Reply
from webqx_supervisor.core.reconcile import Change
from webqx_supervisor.core.redaction import arguments
from webqx_supervisor.daemon.audit import AuditLog
from webqx_supervisor.daemon.auditactor import actor
from webqx_supervisor.daemon.pauses import Pauses
from webqx_supervisor.daemon.services import Failure, Services
from webqx_supervisor.model.audit import Commands
from webqx_supervisor.model.codec import to_plain
from webqx_supervisor.model.errors import WebqxError

View = dict[str, Any]
"""What a command may change, by name."""
Apply = Callable[[], Awaitable[tuple[Sequence[Change], Sequence[Failure]]]]


def view(services: Services, pauses: Pauses) -> View:
    """Return what runs and what is in force at this moment."""
    config = json.dumps(to_plain(services.config), sort_keys=True).encode()
    seen: View = {
        f"service {each.service.name}": {
            "state": each.state,
            "wanted": each.wanted,
            "stopped": each.stopped,
            "pids": [worker.pid for worker in each.everyone if worker.pid is not None],
        }
        for each in services.all()
    }
    seen["paused"] = [each.name for each in pauses.all()]
    seen["configuration"] = hashlib.sha256(config).hexdigest()
    return seen


def difference(before: View, after: View) -> dict[str, View]:
    """Return the two with only what is not the same in both."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {
        "before": {name: before[name] for name in names if name in before},
        "after": {name: after[name] for name in names if name in after},
    }


class AuditDoor:
    """Stands before the handlers of commands; `look` gives the View of the moment."""

    def __init__(self, audit: AuditLog, handle: Handler, look: Callable[[], View]) -> None:
        self._audit = audit
        self._handle = handle
        self._look = look
        self._asked = 0

    async def handle(self, call: Call, via: str = "") -> Any:
        """Carry out a command. Raises WebqxError, also where it must not go unrecorded.

        `via` names the door that it came through, if that is not the control socket.
        """
        if not self._is_wanted(call):
            return await self._handle(call)
        said = {key: value for key, value in (("query", call.query), ("body", call.body)) if value}
        who = await trio.to_thread.run_sync(actor, call.uid, call.pid)
        what = {"verb": call.path[1:], "actor": who | ({"via": via} if via else {})}
        more = {"arguments": arguments(said)}
        changes = call.method == "POST"
        return await self._carry_out(what, more, lambda: self._handle(call), look=changes)

    async def hang_up(self, apply: Apply) -> list[Failure]:
        """Apply the edited file on SIGHUP; return what failed. Raises WebqxError."""
        what = {"verb": "apply", "actor": {"signal": "SIGHUP"}}
        failures: list[Failure] = []

        async def carry_out() -> Reply:
            changes, failed = await apply()
            failures.extend(failed)
            return Reply({"changes": to_plain(changes), "failed": to_plain(failed)})

        await self._carry_out(what, {}, carry_out, look=True)
        return failures

    def _is_wanted(self, call: Call) -> bool:
        """Say whether a command is one that is recorded."""
        policy = self._audit.policy
        if policy is None:
            return call.path == "/apply"  # which may bring one
        changes = call.method == "POST"
        return call.path != "/ping" and (changes or policy.commands is Commands.ALL)

    async def _carry_out(
        self, what: View, more: View, carry_out: Callable[[], Awaitable[Any]], *, look: bool
    ) -> Any:
        if self._audit.policy is None:
            answer = await carry_out()
            if self._audit.policy is not None:
                await self._done(what, 0, _outcome(answer), {}, look=False)
            return answer
        self._asked += 1
        number = self._asked
        before = self._look() if look else {}
        await self._audit.write("command", phase="asked", number=number, **what, **more)
        try:
            answer = await carry_out()
        except Exception as error:
            text = str(error) if isinstance(error, WebqxError) else "internal error"
            outcome = {"result": "refused", "error": text}
            await self._done(what, number, outcome, before, look=look)
            raise
        if look:
            await self._done(what, number, _outcome(answer), before, look=look)
        return answer

    async def _done(
        self, what: View, number: int, outcome: View, before: View, *, look: bool
    ) -> None:
        changed = difference(before, self._look()) if look else {}
        await self._audit.tell("command", phase="done", number=number, **what, **outcome, **changed)


def _outcome(answer: Any) -> View:
    """Return what came of a command, without what workers have written."""
    payload = answer.payload if isinstance(answer, Reply) else None
    said = payload if isinstance(payload, dict) else {}
    rows = [row for row in (*_listed(said, "services"), *_listed(said, "failed")) if row]
    reasons = {row.get("name"): row.get("reason", "") for row in rows if isinstance(row, dict)}
    failed = [row.get("name") if isinstance(row, dict) else row for row in _listed(said, "failed")]
    return {
        "result": "failed" if failed else "ok",
        "failed": [{"name": name, "reason": reasons.get(name, "")} for name in failed],
        **({"changes": said["changes"]} if "changes" in said else {}),
    }


def _listed(said: View, key: str) -> Sequence[Any]:
    found = said.get(key)
    return found if isinstance(found, list | tuple) else ()
