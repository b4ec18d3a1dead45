"""What a check waits for, in words; and how long to wait before it is asked again."""

from webqx_supervisor.model.readiness import Check, Means

SHORTEST, PATIENCE = 0.1, 0.1
"""s, and a share of the time waited so far: between two runs of a command at a start."""


def wanted(check: Check, port: int | None) -> str:
    """Return what a worker with this port is to do."""
    port = check.port or port
    match check.means:
        case Means.NOTIFY:
            return "READY=1"
        case Means.IPC:
            return "process.send('ready')"
        case Means.LOG:
            return f"a line with `{check.pattern}`"
        case Means.FD:
            return f"a line end on descriptor {check.fd}"
        case Means.HTTP:
            return f"a good answer to {check.path}"
        case Means.COMMAND:
            return f"`{' '.join(check.command)}` to exit 0"
        case _:
            return f"port {port} to accept"


def command_pause(waited: float, interval: float) -> float:
    """Return how long to wait, in s, until a command is run again after `waited` s in vain."""
    return min(max(SHORTEST, waited * PATIENCE), interval)
