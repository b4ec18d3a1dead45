"""What single values of filters must be: each function returns the value or says why not.

All of them raise ValueError with a sentence for the person who wrote the file.
"""

import re
from ipaddress import ip_network

from webqx_supervisor.config.fields import route_path
from webqx_supervisor.config.phrases import found
from webqx_supervisor.core.wire.headers import TOKEN

_TOKEN = re.compile(TOKEN.decode())
_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:\*\.)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
# What frames a message, or says how it is transferred, is the proxy's to write.
_FRAMING = {"connection", "content-length", "date", "host", "keep-alive", "te", "trailer"} | {
    "transfer-encoding",
    "upgrade",
    "via",
}


def field_name(name: str) -> str:
    """Take the name of a header (RFC 9110 5.1), or a star."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(
            f'wanted the name of a header, like "X-Frame-Options"; found {found(name)}'
        )
    if name.lower() in _FRAMING:
        raise ValueError(f"`{name}` is written by the proxy itself and cannot be changed")
    return name


def one_field_name(name: str) -> str:
    """Take the name of a header."""
    if "*" in name:
        raise ValueError(f'wanted the name of one header, like "X-Real-IP"; found {found(name)}')
    return field_name(name)


def field_value(value: str) -> str:
    """Take what a header may say (RFC 9110 5.5): no control characters, nothing beyond Latin-1."""
    if _VALUE.fullmatch(value):
        return value.strip()
    raise ValueError("a header holds no line breaks, and no characters beyond Latin-1")


def method(name: str) -> str:
    """Take a method (RFC 9110 9.1), or a star."""
    if _TOKEN.fullmatch(name) and name == name.upper():
        return name
    raise ValueError(f'wanted a method in capitals, like "GET"; found {found(name)}')


def network(text: str) -> str:
    """Take an address, or a network in CIDR notation."""
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError(
            f'wanted an address or a network, like "192.168.0.0/16" or "2001:db8::/32"; '
            f"found {found(text)}"
        ) from None


def origin(text: str) -> str:
    """Take an origin as browsers write it: scheme, host and port if it is not the usual one."""
    plain = text.lower()
    if plain in ("*", "null") or _ORIGIN.fullmatch(plain):
        return plain
    hint = ""
    if _ORIGIN.match(plain) and "/" in plain.partition("://")[2]:
        hint = ": an origin has no path"
    elif "://" not in plain:
        hint = ": an origin begins with its scheme, like https://"
    raise ValueError(f'wanted an origin, like "https://me.github.io"; found {found(text)}{hint}')


def cors_table(value: object) -> object:
    """Take `cors = ["https://me.github.io"]` for `cors = { origins = [...] }`."""
    value = {"origins": [value]} if isinstance(value, str) else value
    value = {"origins": value} if isinstance(value, list) else value
    value = {"origins": []} if value is False else value
    if isinstance(value, dict) and value.get("credentials") is True:
        origins = value.get("origins")
        if origins == "*" or (isinstance(origins, list) and "*" in origins):
            raise ValueError('`credentials` cannot be for everybody: name the origins, not "*"')
    return value


def compress_table(value: object) -> object:
    """Take `compress = true` for the defaults, false for none."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


def media_type(text: str) -> str:
    """Take a media type without parameters (RFC 9110 8.3.1)."""
    kind, _, subtype = text.partition("/")
    if _TOKEN.fullmatch(kind) and _TOKEN.fullmatch(subtype):
        return text.lower()
    raise ValueError(f'wanted a media type, like "text/html"; found {found(text)}')


def pattern(text: str) -> str:
    """Take what a whole path looks like: `*` within a segment, `**` at the end."""
    if text.startswith("/") and text.isascii() and text.isprintable() and " " not in text:
        stars = text.removesuffix("**")
        if "**" not in stars and not any(
            len(re.findall(r"\*|\{[A-Za-z0-9_]+\}", segment)) > 1 for segment in stars.split("/")
        ):
            return route_path(text)
        raise ValueError("a segment may hold one `*`, and `**` may stand at the end only")
    raise ValueError(f'wanted a pattern like "/users/*/photos/**"; found {found(text)}')


def redirect_table(value: object) -> object:
    """Take `redirect = "https://…"` for `redirect = { to = "https://…" }`."""
    return {"to": value} if isinstance(value, str) else value


def redirect_target(text: str) -> str:
    """Take where a redirect may lead: an address or a path; {host}, {path} and {query} in it."""
    if re.fullmatch(r"(?:https?://|/|\{path\})[!-~]*", text):
        return text
    raise ValueError(
        f'wanted an address like "https://{{host}}{{path}}{{query}}"; found {found(text)}'
    )


def answer_table(value: object) -> object:
    """Take `answer = 204` or `answer = "text"` for the table."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"status": value}
    return {"body": value} if isinstance(value, str) else value
