"""Users and groups of this machine: what `user` of services.toml stands for."""

import grp
import os
import pwd

from webqx_supervisor.model.quota import Account

_UNCHANGED = 2**32 - 1
"""No number of anybody: setuid(2) and its kin leave as it is what is given this."""


def account(text: str) -> Account:
    """Look up `user` or `user:group`, each a name or a number.

    A number need not be known, if the group is named. Raises ValueError with a sentence.
    """
    user, _, group = text.partition(":")
    known = _user(user)
    gid = _group(group) if group else known.pw_gid if known else None
    if gid is None:
        raise ValueError(f"user {user} is unknown here, so its group must be named: {user}:GROUP")
    if known is None:
        return Account(text, int(user), gid, (gid,))
    groups = tuple(os.getgrouplist(known.pw_name, gid))
    return Account(text, known.pw_uid, gid, groups, known.pw_name, known.pw_dir)


def _user(text: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(int(text)) if text.isdecimal() else pwd.getpwnam(text)
    except (KeyError, OverflowError):
        if text.isdecimal() and int(text) < _UNCHANGED:
            return None
        raise ValueError(f"there is no user {text} on this machine") from None


def _group(text: str) -> int:
    if text.isdecimal() and int(text) < _UNCHANGED:
        return int(text)
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise ValueError(f"there is no group {text} on this machine") from None
