"""What single values of services.toml must be: each function returns the value or says why not.

All of them raise ValueError with a sentence for the person who wrote the file.
"""

import re
import shlex
import signal
from typing import TypeVar

from webqx_supervisor.config.phrases import did_you_mean, found
from webqx_supervisor.core.wire.cookies import is_cookie_name
from webqx_supervisor.core.wire.messages import Malformed
from webqx_supervisor.core.wire.target import routing_path

NOTHING = object()
"""Stands for the command of a service that is remote."""
MAX_PATTERN = r"^max(-[0-9]+)?$"

Number = TypeVar("Number", int, float)

_MAX = re.compile(MAX_PATTERN)
_INSTANCE = re.compile(r"[1-9][0-9]{0,5}")
_TOKEN = re.compile(
    r"[!#$%&'*+.^_`|~0-9A-Za-z/-]+"
)  # RFC 9110 7.8: protocol names, may be versioned
_HOST = re.compile(r"(?:\*\.)?[a-z0-9_.-]+|\[[0-9a-f:.]+\]")


def listed(value: object) -> object:
    """Take a single value for a list of one."""
    if value == []:
        raise ValueError("the list is empty")
    return value if isinstance(value, list) else [value]


def listed_texts(value: object) -> list[str]:
    """Take text for a list of one."""
    items = list(value) if isinstance(value, list | tuple) else [value]
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) == len(items):
        return texts
    culprit = found(next(item for item in items if not isinstance(item, str)))
    within = " in the list" if isinstance(value, list) else ""
    raise ValueError(f"wanted text or a list of texts, found {culprit}{within}")


def words(value: object) -> list[str]:
    """Split a command as a POSIX shell splits words, without anything else that a shell does."""
    if value is NOTHING:
        return []
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"cannot be split into words: {str(error).lower()}") from None
    command = listed_texts(value)
    if not command or not command[0]:
        raise ValueError("the command is empty")
    return command


def listener_table(value: object) -> object:
    """Take `listen = 3000` for `listen = { bind = 3000 }`."""
    return value if value is None or isinstance(value, dict) else {"bind": value}


def balance_table(value: object) -> object:
    """Take `balance = "two_choices"` for `balance = { policy = "two_choices" }`."""
    return {"policy": value} if isinstance(value, str) else value


def instance_number(text: str) -> str:
    """Take a key that is the number of an instance; they count from 1."""
    if _INSTANCE.fullmatch(text):
        return text
    raise ValueError(f"wanted the number of an instance, from 1 up; found `{text}`")


def hash_source(text: str) -> str:
    """Take "client_ip", "header:NAME" or "cookie:NAME"; both names are tokens of RFC 9110."""
    kind, colon, name = text.partition(":")
    if text == "client_ip" or (kind in ("header", "cookie") and is_cookie_name(name)):
        return text
    if kind in ("header", "cookie") and colon:
        raise ValueError(f"`{name}` cannot be the name of a {kind}")
    hint = did_you_mean(kind, ["client_ip", "header", "cookie"])
    raise ValueError(
        f'wanted "client_ip", "header:NAME" or "cookie:NAME"; found {found(text)}{hint}'
    )


def cookie_name(name: str) -> str:
    """Take the name of a cookie (RFC 6265 4.1.1)."""
    if is_cookie_name(name):
        return name
    raise ValueError(f'wanted the name of a cookie, like "worker"; found {found(name)}')


def instances(value: object) -> int | str:
    """Take a number from 0 up, "max" or "max-1"."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and _MAX.fullmatch(value):
        return value
    raise ValueError(f'wanted a number from 0 up, "max" or "max-1"; found {found(value)}')


def proxies(value: object) -> int | str:
    """Take a number from 1 up or "max"."""
    if value == "max" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError(f'wanted a number from 1 up, or "max"; found {found(value)}')


def resolved(wanted: int | str, cpus: int) -> int:
    """Return how many "max" and "max-1" are with this many CPUs: 1 at least."""
    if isinstance(wanted, int):
        return wanted
    return max(1, cpus - int(wanted.removeprefix("max").removeprefix("-") or 0))


def more_than_zero(value: Number) -> Number:
    """Refuse 0, which would be a time-out that is always over or a file that is always full."""
    if value > 0:
        return value
    raise ValueError("must be more than 0")


def without_nul(text: str) -> str:
    """Refuse what execve(2) and paths cannot carry."""
    if "\0" not in text:
        return text
    raise ValueError("a NUL character cannot be handed to a program")


def env_name(name: str) -> str:
    """Take the name of an environment variable (environ(7))."""
    if name and "=" not in without_nul(name):
        return name
    raise ValueError("an environment variable's name is not empty and holds no `=`")


def url_path(path: str) -> str:
    """Take a path as it stands in a request."""
    if path.startswith("/") and path.isascii() and path.isprintable() and " " not in path:
        return path
    raise ValueError(f'wanted a path like "/api/", percent-encoded; found {found(path)}')


def route_path(path: str) -> str:
    """Take a path that requests are compared with, spelled as theirs are by then."""
    url_path(path)
    if "?" in path or "#" in path:
        raise ValueError(
            f"a route goes by the path alone, without `?` and `#`; found {found(path)}"
        )
    try:
        plain = routing_path(path.encode("ascii"))
    except Malformed as fault:
        raise ValueError(f"no request ever has it: {fault.reason}") from None
    if plain != path:
        raise ValueError(f'requests are compared in the plain spelling: wanted "{plain}"')
    return path


def host(name: str) -> str:
    """Take a host as in the Host field, without its port, in lower case."""
    if _HOST.fullmatch(name.lower()):
        return name.lower()
    raise ValueError(f'wanted a host without its port, like "api.example.com"; found {found(name)}')


def upgrade_token(token: str) -> str:
    """Take a token of the Upgrade field (RFC 9110 7.8), in lower case."""
    if _TOKEN.fullmatch(token):
        return token.lower()
    raise ValueError(f'wanted a token of the Upgrade field, like "websocket"; found {found(token)}')


def signal_name(name: str) -> str:
    """Take the name of a signal that this system has."""
    names = [known.name for known in signal.Signals]
    if name in names:
        return name
    raise ValueError(f"no signal is called `{name}`{did_you_mean(name, names)}")
