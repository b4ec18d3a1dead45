"""What single values of who-may-ask must be: each function returns the value or says why not.

All of them raise ValueError with a sentence for the person who wrote the file.
"""

import json
import re

from webqx_supervisor.config.filter_fields import field_name
from webqx_supervisor.config.phrases import did_you_mean, found
from webqx_supervisor.core.bearer import ALGORITHMS

_NAMED = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|cred:[!-.0-~]{1,255}")
_REMOTE = re.compile(r"(https?)://(\[[0-9a-fA-F:.]+\]|[^/:@\s]+)(:[0-9]{1,5})?(/[!-~]*)?")
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
_PLAIN = re.compile(r"[ -!#-\[\]-~]+")
# What the proxy itself says of a request, or the client to the worker, is no place for a claim.
_TAKEN = {
    "authorization",
    "cookie",
    "x-real-ip",
    "x-request-id",
    "expect",
    "proxy-authorization",
} | {f"x-forwarded-{name}" for name in ("for", "host", "proto", "prefix", "method", "uri")}


def jwt_table(value: object) -> object:
    """Take `jwt = "jwks.json"`, or a list of such, for `jwt = { keys = ... }`; false for none."""
    if value is False:
        return None
    return {"keys": value} if isinstance(value, str | list) else value


def file_table(value: object) -> object:
    """Take `basic_auth = "htpasswd"` for `basic_auth = { file = "htpasswd" }`; false for none."""
    if value is False:
        return None
    return {"file": value} if isinstance(value, str) else value


def service_table(value: object) -> object:
    """Take `forward_auth = "auth"` for `forward_auth = { service = "auth" }`; false for none."""
    if value is False:
        return None
    return {"service": value} if isinstance(value, str) else value


def key_place(text: str) -> str:
    """Take a file, or an address from which keys can be fetched and nobody can change them."""
    if "://" not in text:
        return file_place(text)
    match = _REMOTE.fullmatch(text)
    if match is None:
        raise ValueError(
            f'wanted a file or an address like "https://…/jwks.json"; found {found(text)}'
        )
    if match[1] == "http" and match[2].lower() not in _LOOPBACK:
        raise ValueError("keys that come over http:// can be changed on the way: wanted https://")
    return text


def file_place(text: str) -> str:
    """Take a file; what is secret does not stand in services.toml itself."""
    if "\0" in text or "\n" in text or not text.strip():
        raise ValueError("wanted the name of a file; what is secret stands in there, not here")
    return text


def secret_place(text: str) -> str:
    """Take `file:PATH`, `env:NAME` or `cred:NAME`; never the secret itself, and never repeat it."""
    if _NAMED.fullmatch(text) or (text.startswith("file:") and file_place(text[5:])):
        return text
    raise ValueError(
        'wanted "file:NAME", "env:NAME" or "cred:NAME"; a secret in this file would be in its '
        "history, in every copy of it and on every screen that shows it"
    )


def algorithm(name: str) -> str:
    """Take the name of a signature algorithm (RFC 7518 section 3.1)."""
    if name in ALGORITHMS:
        return name
    if name.lower() == "none":
        raise ValueError("a token that nobody signed vouches for nobody")
    raise ValueError(f"no algorithm is called `{name}`{did_you_mean(name, sorted(ALGORITHMS))}")


def scope(text: str) -> str:
    """Take one scope (RFC 6749 section 3.3)."""
    if re.fullmatch(r"[!#-\[\]-~]+", text):
        return text
    raise ValueError(f'wanted one scope, like "read"; found {found(text)}')


def realm(text: str) -> str:
    """Take what can stand between quotes in WWW-Authenticate."""
    if _PLAIN.fullmatch(text):
        return text
    raise ValueError("a realm is plain ASCII, without quotes and backslashes")


def said_header(name: str) -> str:
    """Take a header that tells a worker who asks."""
    if name == "*" or field_name(name).lower() in _TAKEN:
        raise ValueError(f"`{name}` says something else already; take a name of your own")
    if "_" in name:
        raise ValueError(f"`{name}` has an underscore: workers cannot tell it from a dash")
    return name


def user_header(name: str) -> str:
    """Do the same; empty for none."""
    return said_header(name) if name else name


def claim_values(value: object) -> object:
    """Take what a claim must say, or a list of which it must say one; as JSON."""
    values = value if isinstance(value, list) else [value]
    if values and all(isinstance(each, str | int) for each in values):
        return tuple(json.dumps(each) for each in values)
    raise ValueError(
        f"wanted text, a number, true or false, or a list of these; found {found(value)}"
    )
