"""Who asks at the control socket, as a record names him."""

import contextlib
import pwd
import sys
from pathlib import Path
from typing import Any

_UNSET = 2**32 - 1  # what the kernel says of processes that no login has started


def actor(uid: int, pid: int) -> dict[str, Any]:
    """Return user, name and pid; and who has logged in, where that is somebody else.

    So whoever became root by sudo is named (proc(5), loginuid). May take its time: names may come
    from a directory service.
    """
    who: dict[str, Any] = {"uid": uid, "user": _name(uid), "pid": pid}
    login = _login(pid) if pid else None
    if login is not None and login != uid:
        who |= {"login_uid": login, "login_user": _name(login)}
    return who


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _login(pid: int) -> int | None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):
            uid = int(Path(f"/proc/{pid}/loginuid").read_text("ascii"))
            return None if uid == _UNSET else uid
    return None
