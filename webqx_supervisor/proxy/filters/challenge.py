"""The Authorization of a request, and the WWW-Authenticate that asks for one (RFC 9110 11)."""

from webqx_supervisor.core.wire.lines import values
from webqx_supervisor.core.wire.messages import RequestHead
from webqx_supervisor.proxy.refusal import Refused


def authorization(head: RequestHead, scheme: bytes) -> bytes | None:
    """Return the credentials of this scheme (lower case), None if there are none.

    Raises Refused where there are several: the worker might go by others than are checked here.
    """
    found = values(head.block, b"authorization:")
    if not found:
        return None
    if len(found) > 1:
        raise Refused(400, "there is more than one Authorization")
    kind, _, credentials = found[0].partition(b" ")
    return credentials.strip(b" ") if kind.lower() == scheme else None


def challenge(scheme: str, realm: str, **parameters: str) -> bytes:
    """Return the whole WWW-Authenticate line; empty parameters are left out."""
    said = {"realm": realm, **parameters}
    words = ", ".join(f'{name}="{_quotable(value)}"' for name, value in said.items() if value)
    return f"WWW-Authenticate: {scheme} {words}\r\n".encode("ascii")


def _quotable(text: str) -> str:
    """Take what would end the quotes, or the line, out of a text."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "'" for each in text)
