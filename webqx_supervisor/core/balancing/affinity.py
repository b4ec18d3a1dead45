"""What a request is recognised by: the key of a hash, and the cookie that leads back."""

from collections.abc import Sequence

from webqx_supervisor.core.wire.cookies import cookie

Fields = Sequence[tuple[bytes, bytes]]


class Affinity:
    """Reads the key that `hash_by` names: `client_ip`, `header:NAME` or `cookie:NAME`."""

    __slots__ = ("_kind", "_name")

    def __init__(self, hash_by: str) -> None:
        self._kind, _, name = hash_by.partition(":")
        self._name = name.lower().encode() if self._kind == "header" else name.encode()

    def key(self, fields: Fields, client_ip: str) -> bytes:
        """Return what the request is hashed by.

        Where the field or the cookie is missing it is the client's address, so that those
        requests are shared as well, and not all one worker's.
        """
        if self._kind == "header":
            values = [value for name, value in fields if name.lower() == self._name]
            found = b",".join(values)
        elif self._kind == "cookie":
            found = cookie(fields, self._name)
        else:
            found = b""
        return found or client_ip.encode()
