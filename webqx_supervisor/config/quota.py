"""The keys of a service that say what its workers may use, and as whom they run."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import units
from webqx_supervisor.config.kinds import Capacity, Count, Positive, Section, Text
from webqx_supervisor.config.phrases import found
from webqx_supervisor.model import quota

CPU_PATTERN = r"^[0-9]{1,6}(\.[0-9]+)?%$"
CPUS_PATTERN = r"^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$"
IO_PATTERN = r"^(idle|(best-effort|realtime)(:[0-7])?)$"
UMASK_PATTERN = r"^0?[0-7]{3}$"
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - the folders themselves are meant
"""What a worker with a private one does not see."""

_CPU = re.compile(CPU_PATTERN)
_CPUS = re.compile(CPUS_PATTERN)
_IO = re.compile(IO_PATTERN)
_UMASK = re.compile(UMASK_PATTERN)
_USER = re.compile(r"[^:\s]+(:[^:\s]+)?")


def cpu_value(value: object) -> float:
    """Read "150%" or 1.5 as one CPU and a half. Raises ValueError."""
    share = 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        share = float(value)
    elif isinstance(value, str) and _CPU.fullmatch(value):
        share = float(value[:-1]) / 100
    if 0.01 <= share <= 10_000:
        return share
    wanted = 'wanted CPUs from 0.01 up, like 1.5 or "150%"'
    raise ValueError(f"{wanted}; found {found(value)}")


def cpus_value(value: object) -> tuple[int, ...]:
    """Read "0-3,6" as 0, 1, 2, 3, 6, see cpuset(7). Raises ValueError."""
    if isinstance(value, str) and _CPUS.fullmatch(value.replace(" ", "")):
        numbers: set[int] = set()
        for part in value.replace(" ", "").split(","):
            first, _, last = part.partition("-")
            numbers.update(range(int(first), int(last or first) + 1))
            if int(last or first) < int(first):
                raise ValueError(f"`{part}` counts backwards")
        return tuple(sorted(numbers))
    raise ValueError(f'wanted numbers of CPUs, like "0-3,6"; found {found(value)}')


def io_class(text: str) -> str:
    """Take a class of ionice(1). Raises ValueError."""
    if not _IO.fullmatch(text):
        wanted = 'wanted "idle", "best-effort:N" or "realtime:N" with N from 0 (first) to 7'
        raise ValueError(f"{wanted}; found {found(text)}")
    return text if text == "idle" or ":" in text else f"{text}:4"


def umask_value(value: object) -> int:
    """Read "027", in octal digits as everywhere. Raises ValueError."""
    if isinstance(value, str) and _UMASK.fullmatch(value):
        return int(value, 8)
    raise ValueError(f'wanted octal digits in quotes, like "027"; found {found(value)}')


def core_value(value: object) -> int:
    """Read a size or "unlimited". Raises ValueError."""
    return quota.UNLIMITED if value == "unlimited" else units.size(value)


def user_and_group(text: str) -> str:
    """Take `user` or `user:group`; whether they exist is asked later. Raises ValueError."""
    if _USER.fullmatch(text):
        return text
    raise ValueError(f'wanted a user, like "www-data" or "www-data:adm"; found {found(text)}')


class Resources(Section):
    """What each worker may use, with every process that it starts; by default, all there is."""

    memory_soft: Capacity | None = Field(
        default=None,
        description="A worker that uses more is replaced as in a reload, with no request lost.",
    )
    memory: Capacity | None = Field(
        default=None, description="A worker that wants more is killed, as by a crash."
    )
    cpu: (
        Annotated[
            float,
            BeforeValidator(
                cpu_value,
                json_schema_input_type=float
                | Annotated[str, Field(pattern=CPU_PATTERN, examples=["150%"])],
            ),
        ]
        | None
    ) = Field(
        default=None,
        description='How many CPUs it may keep busy, 1.5 or "150%". It needs cgroups; without '
        "them, more is an event.",
    )
    pids: Positive | None = Field(
        default=None, description="How many processes and threads it may have at once."
    )
    nice: Annotated[int, Field(ge=-20, le=19)] | None = Field(
        default=None,
        description="From -20 (before others) to 19 (after them); less than the daemon has "
        "needs root.",
    )
    io: (
        Annotated[
            str,
            AfterValidator(io_class),
            Field(
                json_schema_extra={
                    "pattern": IO_PATTERN,
                    "examples": ["idle", "best-effort:4"],
                }
            ),
        ]
        | None
    ) = Field(
        default=None,
        description='Its turn at disks, as in ionice(1): "idle", "best-effort:N", "realtime:N", '
        "N from 0 (first) to 7.",
    )
    cpus: (
        Annotated[
            tuple[int, ...],
            BeforeValidator(
                cpus_value,
                json_schema_input_type=Annotated[
                    str, Field(pattern=CPUS_PATTERN, examples=["0-3,6"])
                ],
            ),
        ]
        | None
    ) = Field(default=None, description='The CPUs that it may run on, like "0-3,6".')
    umask: (
        Annotated[
            int,
            BeforeValidator(
                umask_value,
                json_schema_input_type=Annotated[
                    str, Field(pattern=UMASK_PATTERN, examples=["027"])
                ],
            ),
        ]
        | None
    ) = Field(
        default=None, description="The permissions that new files do not get, in octal digits."
    )
    nofile: Positive | None = Field(
        default=None, description="How many files each process may have open."
    )
    core: Annotated[int, BeforeValidator(core_value, json_schema_input_type=Count | str)] | None = (
        Field(
            default=None,
            description='The largest core file of a crash: a size, "unlimited", or 0 for none.',
        )
    )


class Means(Section):
    """What every service may say of what its workers may use, and as whom they run."""

    resources: Resources = Field(
        default_factory=Resources,
        description="What a worker may use, with all that it starts.",
    )
    user: Annotated[Text, AfterValidator(user_and_group)] | None = Field(
        default=None,
        description='As whom the workers run: "user" or "user:group", by name or number; the '
        "daemon must be root for it.",
    )
    no_new_privileges: bool = Field(
        default=False,
        description="Whether setuid programs, like sudo, give a worker nothing.",
    )
    private_tmp: bool = Field(
        default=False,
        description="Whether each worker has a `/tmp` and a `/var/tmp` of its own, gone with it.",
    )


def tree_quota(entry: Means) -> quota.Quota:
    """Return what a worker may use."""
    said = entry.resources.model_dump(exclude_none=True)
    return quota.Quota(**said)


def privileges(entry: Means) -> quota.Privileges:
    """Return as whom a worker runs."""
    return quota.Privileges(entry.user or "", entry.no_new_privileges, entry.private_tmp)
