"""The keys of a service that say what it lives for, and for how long."""

import os
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import units
from webqx_supervisor.config.kinds import Command, Count, Duration, Section, Texts, Timeout
from webqx_supervisor.config.phrases import found
from webqx_supervisor.core import cron
from webqx_supervisor.model import service

_SCHEDULE = service.Schedule()
_ROLLING = service.Rolling()
_HOOKS = service.Hooks()
_WATCH = service.Watch()


def cron_expression(text: str) -> str:
    """Take a cron expression. Raises ValueError."""
    wrong = cron.problem(text)
    if not wrong:
        return text
    wanted = 'wanted a cron expression, like "0 4 * * *" or "@daily"'
    raise ValueError(f"{wanted}; found {found(text)}: {wrong}")


def time_zone(name: str) -> str:
    """Take the name of a time zone that this machine knows. Raises ValueError."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        wanted = 'wanted a time zone, like "Europe/Berlin" or "UTC"'
        raise ValueError(f"{wanted}; found {found(name)}") from None
    return name


def watch_table(value: object) -> object:
    """Take `watch = "src"` for `watch = { paths = ["src"] }`."""
    return {"paths": value} if isinstance(value, str | list) else value


def local_zone() -> str:
    """Return the machine's time zone: that of TZ, else of /etc/localtime, else UTC."""
    link = os.path.realpath("/etc/localtime")
    for name in (os.environ.get("TZ", "").removeprefix(":"), link.partition("/zoneinfo/")[2]):
        try:
            if name:
                return time_zone(name)
        except ValueError:
            continue
    return "UTC"


Cron = Annotated[
    str, AfterValidator(cron_expression), Field(examples=["0 4 * * *", "@daily", "*/5 * * * *"])
]

Zone = Annotated[str, AfterValidator(time_zone)]


class Watch(Section):
    """Files whose changes reload a service; a path or a list of paths alone is `paths`."""

    paths: Texts = Field(
        description="Files and folders with all below them, seen from the folder of this file."
    )
    ignore: Texts = Field(
        default=_WATCH.ignore,
        description='Patterns of names or paths below, like "*.log" or "build/*", that do not '
        "count; nor do version control, caches, editors' own files and `node_modules`.",
    )
    debounce: Timeout = Field(
        default=units.as_written(_WATCH.debounce),
        description="For so long nothing else may change before it counts.",
    )


class Hooks(Section):
    """Commands that run where a worker does, with its environment and `WEBQX_SV_HOOK`."""

    before_start: Command | None = Field(
        default=None,
        description="Runs to its end before each start of a worker, which fails if this does.",
    )
    after_ready: Command | None = Field(
        default=None,
        description="Runs beside a worker that has become ready, with its pid as `WEBQX_SV_PID`; a "
        "failure is an event.",
    )
    before_stop: Command | None = Field(
        default=None,
        description="Runs before a ready worker drains and is stopped, with its pid as "
        "`WEBQX_SV_PID`; a failure is an event.",
    )
    timeout: Timeout = Field(
        default=units.as_written(_HOOKS.timeout),
        description="A hook that is not done by then is killed and has failed.",
    )


class Life(Section):
    """What every service may say about the life of its workers."""

    kind: Annotated[service.Kind, Field(strict=False)] = Field(
        default=service.Kind.SERVICE,
        description='"task" is a program that is to end, like a migration or a build: it runs '
        "once, and `start` waits for its end.",
    )
    restart_with: Texts = Field(
        default=(),
        description="Services of `depends_on` that take this one along: when they have crashed, or "
        "were restarted or reloaded, and are there again, it is reloaded.",
    )
    schedule: Cron | None = Field(
        default=None,
        description="When a task is run, by crontab(5) and `time_zone`; with six fields the first "
        "is the second. It makes the service a task.",
    )
    overlap: Annotated[service.Overlap, Field(strict=False)] = Field(
        default=_SCHEDULE.overlap,
        description="What is done at the time of `schedule` when the run before has not ended: "
        "leave this one out, run it right after that, or end that one.",
    )
    cron_restart: Cron | None = Field(
        default=None,
        description="When all workers are replaced one by one as in a reload, by crontab(5) and "
        "`time_zone`; each service up to 10 s later.",
    )
    max_age: Duration = Field(
        default=units.as_written(_ROLLING.max_age),
        description="A worker that is older, or up to a tenth younger, is replaced as in a reload; "
        "0 means never.",
    )
    max_requests: Count = Field(
        default=_ROLLING.max_requests,
        description="A worker that has answered so many requests, or up to a tenth less, is "
        "replaced as in a reload; 0 means never.",
    )
    time_zone: Zone | None = Field(
        default=None,
        description="The IANA name of the zone of `schedule` and `cron_restart`; by default the "
        "machine's.",
    )
    watch: Annotated[
        Watch | None,
        BeforeValidator(watch_table, json_schema_input_type=str | list[str] | Watch),
    ] = Field(
        default=None,
        description="Files whose changes reload the service, or run a task again: paths, or all of "
        "these. It needs the extra `webqx-sv[watch]`.",
    )
    hooks: Hooks = Field(
        default_factory=Hooks, description="Commands at the turns of a worker's life."
    )


def kind(entry: Life) -> service.Kind:
    """Return what a service is: with a schedule, a task."""
    return service.Kind.TASK if entry.schedule is not None else entry.kind


def schedule(entry: Life) -> service.Schedule:
    """Return when a task is run."""
    if entry.schedule is None:
        return _SCHEDULE
    return service.Schedule(entry.schedule, entry.time_zone or local_zone(), entry.overlap)


def hooks(entry: Life) -> service.Hooks:
    """Return what runs at the turns of a worker's life."""
    said = entry.hooks
    return service.Hooks(
        said.before_start or (), said.after_ready or (), said.before_stop or (), said.timeout
    )


def rolling(entry: Life) -> service.Rolling:
    """Return when workers are replaced."""
    cron_restart = entry.cron_restart or ""
    zone = (entry.time_zone or local_zone()) if cron_restart else _ROLLING.time_zone
    return service.Rolling(cron_restart, zone, entry.max_age, entry.max_requests)
