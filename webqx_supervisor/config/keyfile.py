"""A secret key in a file of its own, which nobody but its owner may read."""

import binascii
import contextlib
import os
import stat
from base64 import b64decode
from pathlib import Path

from webqx_supervisor.core.audit import KEY_SIZE

_LONGEST = 4096


def read_key(path: str | Path) -> bytes:
    """Return the key in a file: 32 octets in hexadecimal or base64.

    Raises ValueError, which never repeats any of it, where it is none, or is not its owner's alone.
    """
    try:
        with Path(path).open("rb") as file:
            seen = os.fstat(file.fileno())
            text = file.read(_LONGEST).strip()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    if seen.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"{path}: others may read or write it; wanted mode 0600: chmod 600 {path}")
    for decode in (binascii.unhexlify, lambda each: b64decode(each, validate=True)):
        with contextlib.suppress(ValueError):
            key = decode(text)
            if len(key) == KEY_SIZE:
                return bytes(key)
    raise ValueError(
        f"{path}: wanted a key of {KEY_SIZE} bytes in hexadecimal or base64, as "
        "`openssl rand -hex 32` makes one"
    )
