"""What can be asked of the daemon: one row per command, the reference of the control API.

Wherever services are named, groups and globs (`api-*`) are good as well, but for `scale`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One request that the daemon answers.

    `query` and `body` name the keys that are read; a trailing "?" marks one that may be left out.
    """

    verb: str
    method: str
    path: str
    summary: str
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()


COMMANDS = (
    Command("ping", "GET", "/ping", "Say the daemon's pid and version, and whether it is kept."),
    Command(
        "status",
        "GET",
        "/status",
        "Show every service, worker and proxy as they are now; of services `api,web` if named.",
        query=("services?",),
    ),
    Command(
        "start",
        "POST",
        "/start",
        "Start services (none named: all but those that only a profile which is not active wants) "
        "and wait until they are ready or have failed; `profiles` are active from now on.",
        body=("services?", "profiles?"),
    ),
    Command(
        "stop",
        "POST",
        "/stop",
        "Drain and stop services; none named: everything, the daemon too.",
        body=("services?",),
    ),
    Command("restart", "POST", "/restart", "Stop services and start them.", body=("services?",)),
    Command(
        "reload",
        "POST",
        "/reload",
        "Replace workers one by one; the first that does not get ready ends it, the old ones stay.",
        body=("services?",),
    ),
    Command(
        "scale",
        "POST",
        "/scale",
        'Change how many workers run: "4", "+1", "-1" or "max".',
        body=("service", "instances"),
    ),
    Command(
        "apply",
        "POST",
        "/apply",
        "Make the running state match services.toml, touching only what changed; `environment` "
        "names other tables of `env` than those in force.",
        body=("environment?",),
    ),
    Command(
        "pause",
        "POST",
        "/pause",
        "Answer the requests of a route, or of all routes to a service, with 503; or, with `hold`, "
        "let them wait for so many seconds first.",
        body=("route", "hold?", "retry_after?", "reason?"),
    ),
    Command(
        "dashboard",
        "POST",
        "/dashboard",
        "Serve the page for browsers, and return an address that lets one in, within a minute.",
    ),
    Command(
        "slo",
        "GET",
        "/slo",
        "Show how the objectives of services stand: what was reached, budget left, burn rates.",
    ),
    Command(
        "history",
        "GET",
        "/history",
        "Give what a service was and did in the last `seconds`, 30 days at most.",
        query=("service", "seconds?"),
    ),
    Command("alerts", "GET", "/alerts", "Show what is pending or firing, and who was told."),
    Command(
        "alerts test",
        "POST",
        "/alerts/test",
        "Tell a receiver, or all, that this is a test; say how that went.",
        body=("receiver?",),
    ),
    Command("resume", "POST", "/resume", "End the pause of that name.", body=("route",)),
    Command(
        "upgrade",
        "POST",
        "/upgrade",
        "Give way to the code that is on the disk now: keeper, daemon and, unless told otherwise, "
        "proxies. Workers go on; nothing is lost.",
        body=("proxies?",),
    ),
    Command(
        "metrics",
        "GET",
        "/metrics",
        "Show all that is measured and counted, as text that Prometheus reads.",
    ),
    Command(
        "logs",
        "GET",
        "/logs",
        "Print the last n lines, at most 1000, of workers and services (`api:1,web`; none named: "
        "all); with follow=1 go on.",
        query=("worker?", "n?", "follow?"),
    ),
    Command(
        "logfiles",
        "GET",
        "/logfiles",
        "Say in which files, and in which form, the lines of workers and services are.",
        query=("worker?",),
    ),
    Command(
        "describe",
        "GET",
        "/describe",
        "Show a service whole: what is wanted, what is seen, what happened. Of a group or a glob: "
        "a list, `services`.",
        query=("service",),
    ),
    Command(
        "why",
        "GET",
        "/why",
        "Show why workers of a service, or one worker such as api:1, died; and what is refused. "
        "Of a group or a glob: a list, `services`.",
        query=("worker",),
    ),
    Command(
        "signal",
        "POST",
        "/signal",
        'Send a signal ("HUP", "SIGUSR2", "10") to workers such as api:1, to all of a service, or '
        "with `tree` to all processes of each.",
        body=("signal", "workers", "tree?"),
    ),
    Command(
        "env",
        "GET",
        "/env",
        "Show the environment of a worker, api:1, or of a service's first; what looks like a "
        "secret is masked unless show=1.",
        query=("worker", "show?"),
    ),
    Command(
        "exec",
        "GET",
        "/exec",
        "Give what a command needs that is to run like a worker, or a service's first: folder and "
        "environment, nothing masked.",
        query=("worker",),
    ),
    Command(
        "attach",
        "GET",
        "/attach",
        "Show what comes on the terminal of a worker, api:1, or of a service's first: the last of "
        "before, then all, until its process ends.",
        query=("worker",),
    ),
    Command(
        "type",
        "POST",
        "/type",
        "Type text into the terminal of a worker; says how many bytes there was room for.",
        body=("worker", "text"),
    ),
    Command(
        "resize",
        "POST",
        "/resize",
        "Say how large the screen is that shows the terminal of a worker.",
        body=("worker", "rows", "columns"),
    ),
    Command(
        "events",
        "GET",
        "/events",
        "List the last n events, of services `api,web` if named; with follow=1 go on as "
        "server-sent events.",
        query=("services?", "n?", "follow?"),
    ),
)


def methods(path: str) -> tuple[str, ...]:
    """Return the HTTP methods that `path` answers; none for a path that does not exist."""
    return tuple(command.method for command in COMMANDS if command.path == path)
