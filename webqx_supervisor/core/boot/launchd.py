"""The property list of one daemon for launchd, launchd.plist(5)."""

import plistlib
from typing import Any
from xml.parsers.expat import ExpatError

from webqx_supervisor.model.boot import Boot

PREFIX, SUFFIX = "webqx-sv.", ".plist"


def label(name: str) -> str:
    """Return what launchd calls the daemon of this name."""
    return f"{PREFIX}{name}"


def plist(boot: Boot, log: str) -> bytes:
    """Return the property list; what is said before daemon.log is open goes to `log`.

    Raises ValueError for what XML cannot hold.
    """
    job: dict[str, Any] = {
        "Label": label(boot.name),
        "ProgramArguments": list(boot.foreground),
        "EnvironmentVariables": dict(boot.environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},  # `webqx-sv stop` is an end
        "AbandonProcessGroup": True,  # workers and proxies outlive a keeper that died
        "ProcessType": "Interactive",  # else it is throttled like a job of the background
        "ThrottleInterval": 1,
        "ExitTimeOut": round(boot.stop_timeout),
        "SoftResourceLimits": {"NumberOfFiles": boot.descriptors},
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    if boot.user:
        job["UserName"] = boot.user
    return plistlib.dumps(job)


def file_of(text: bytes) -> str | None:
    """Return the services.toml that a property list of ours is for; None: it is not of ours."""
    words = _words(text)
    return words[-1] if words[-2:-1] == ["-c"] else None


def programs(text: bytes) -> tuple[str, ...]:
    """Return the program that one of ours starts."""
    return tuple(_words(text)[:1])


def _words(text: bytes) -> list[str]:
    """Return the command of a property list of ours, nothing of another."""
    try:
        job = plistlib.loads(text)
    except (ValueError, ExpatError):
        return []
    if not isinstance(job, dict) or not str(job.get("Label", "")).startswith(PREFIX):
        return []
    return [str(word) for word in job.get("ProgramArguments", [])]
