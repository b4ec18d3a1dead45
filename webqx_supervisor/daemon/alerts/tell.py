"""Reach a receiver: HTTP, mail, or a command. What speaks to it is imported when first needed."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import trio

from webqx_supervisor import __version__
from webqx_supervisor.config.secretfile import NoSecret, kept
from webqx_supervisor.core.alerting import forms
from webqx_supervisor.core.alerting.forms import Message
from webqx_supervisor.model.alerts import Means, Receiver

TIME_LIMIT = 30.0
"""s for one attempt."""


class NotTold(Exception):  # noqa: N818 - what became of it
    """The receiver was not reached; says why, without an address that may be a secret."""


async def tell(receiver: Receiver, message: Message) -> None:
    """Tell one receiver. Raises NotTold."""
    with trio.move_on_after(TIME_LIMIT) as limit:
        match receiver.means:
            case Means.EMAIL:
                await trio.to_thread.run_sync(_mail, receiver, message, abandon_on_cancel=True)
            case Means.COMMAND:
                await _run(receiver.command, message)
            case _:
                await _post(receiver, message)
    if limit.cancelled_caught:
        raise NotTold(f"not done within {TIME_LIMIT:g} s")


def said(place: str) -> str:
    """Return what a place says, or the text itself. Raises NotTold."""
    try:
        return kept(place).strip()
    except NoSecret as error:
        raise NotTold(str(error)) from None


async def _post(receiver: Receiver, message: Message) -> None:
    import httpx  # noqa: PLC0415 - see the head of this file

    address = said(receiver.place)
    headers = {"User-Agent": f"webqx-sv/{__version__} (alert)"}
    if receiver.token:
        headers["Authorization"] = f"Bearer {said(receiver.token)}"
    address, body = _body(receiver.means, address, message)
    try:
        async with httpx.AsyncClient(trust_env=True, follow_redirects=False) as client:
            answer = await client.post(address, json=body, headers=headers, timeout=TIME_LIMIT)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        where = urlsplit(address).hostname or "its address"
        raise NotTold(f"{where}: {type(error).__name__} {error}".rstrip()) from None
    if not answer.is_success:
        raise NotTold(f"{answer.url.host} answered {answer.status_code}")


def _body(means: Means, address: str, message: Message) -> tuple[str, Mapping[str, Any]]:
    match means:
        case Means.SLACK:
            return address, forms.slack(message)
        case Means.DISCORD:
            return address, forms.discord(message)
        case Means.NTFY:
            server, _, topic = address.rstrip("/").rpartition("/")
            return server, forms.ntfy(message, topic)
    return address, forms.as_json(message)


async def _run(command: tuple[str, ...], message: Message) -> None:
    """Run a command with the message in its environment and, as JSON, on its stdin."""
    env = {**os.environ, **forms.environment(message)}
    try:
        done = await trio.run_process(
            list(command),
            stdin=json.dumps(forms.as_json(message)).encode(),
            stdout=subprocess.DEVNULL,
            capture_stderr=True,
            check=False,
            env=env,
            start_new_session=True,
            deliver_cancel=_kill_group,
        )
    except (OSError, ValueError) as error:
        raise NotTold(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        said = (done.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        raise NotTold(": ".join([f"{command[0]} ended with {done.returncode}", *said]))


async def _kill_group(process: trio.Process) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def _mail(receiver: Receiver, message: Message) -> None:
    from webqx_supervisor.daemon.alerts import mail  # noqa: PLC0415 - see the head of this file

    password = said(receiver.smtp.password) if receiver.smtp.user else ""
    try:
        mail.send(receiver, password, message)
    except mail.FAULTS as error:
        raise NotTold(f"{receiver.smtp.host}: {type(error).__name__} {error}") from None
