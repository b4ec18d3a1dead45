"""What single values of breakers and retries must be: each function returns it or says why not.

All of them raise ValueError with a sentence for the person who wrote the file.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from webqx_supervisor.config.fields import NOTHING
from webqx_supervisor.config.phrases import did_you_mean, found

_REMOTE = re.compile(r"http://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/?")

CONDITIONS = ("connect", "timeout", "invalid")


def breaker_table(value: object) -> object:
    """Take `breaker = true` for a table that says nothing, false for none."""
    if isinstance(value, bool):
        return {} if value else None
    return value


def retry_table(value: object) -> object:
    """Take `retry = ["timeout", 503]` for `retry = { on = [...] }`, false for a single attempt."""
    if value is False:
        return {"attempts": 1}
    return {"on": value} if isinstance(value, list) else value


def conditions(value: object) -> object:
    """Take a list of conditions: words, and statuses from 400 up."""
    if not isinstance(value, list | tuple):
        value = [value]
    for each in value:
        if isinstance(each, int) and not isinstance(each, bool) and 400 <= each <= 599:
            continue
        if each not in CONDITIONS or not isinstance(each, str):
            hint = did_you_mean(each, CONDITIONS) if isinstance(each, str) else ""
            raise ValueError(
                'wanted "connect", "timeout", "invalid" or a status from 400 to 599; '
                f"found {found(each)}{hint}"
            )
    return value


def nothing_to_run(entry: object) -> object:
    """Let a service that is remote go without a command."""
    if isinstance(entry, dict) and "remote" in entry and "command" not in entry:
        return {**entry, "command": NOTHING}
    return entry


def command_or_remote(schema: dict[str, Any]) -> None:
    """Say the same to editors."""
    schema["required"].remove("command")
    if not schema["required"]:
        del schema["required"]
    schema["anyOf"] = [{"required": ["command"]}, {"required": ["remote"]}]


def addresses(value: object) -> object:
    """Take a single address for a list of one."""
    if value == []:
        raise ValueError("the list is empty")
    return value if isinstance(value, list | tuple) else [value]


def remote_address(text: str) -> str:
    """Take an address like `http://10.0.0.7:3001`; return it as `host:port`."""
    wanted = 'wanted an address like "http://10.0.0.7:3001"'
    if text.lower().startswith("https://"):
        raise ValueError(f"{wanted}; https is not spoken to remote services, only http")
    match = _REMOTE.fullmatch(text.lower())
    if match is None or not 1 <= int(match[2] or 80) <= 65535:
        path = re.match(r"(?i)http://[^/?#]+[/?#]", text)
        raise ValueError(f"{wanted}{', without a path' if path else ''}; found {found(text)}")
    try:
        host = f"[{IPv6Address(match[1][1:-1])}]" if match[1].startswith("[") else match[1]
    except AddressValueError:
        raise ValueError(f"{wanted}; found {found(text)}") from None
    return f"{host}:{int(match[2] or 80)}"
