"""Rules about where the program runs: kernel, clock, cgroup, this installation, the boot."""

from webqx_supervisor.model.finding import Finding, Level

NEWEST_PAST = 1_750_000_000
"""Unix time of June 2025: a clock that shows an earlier time is wrong."""
MISSING_OFF_LINUX = (
    ("subreaper", "what a worker leaves behind in a session of its own may outlive it"),
    ("exit codes", "of workers that a new daemon has adopted: `ended, status unknown`"),
    ("sock_diag", "a POST whose worker died is answered with 502, never tried elsewhere"),
    ("splice", "bodies are copied, at twice the price"),
    ("memory kills", "`why` cannot say that the kernel killed for want of memory"),
)
"""(what only Linux has, what is different without it)."""


def promises(platform: str) -> list[Finding]:
    """Name what does not hold on this platform, each as a note."""
    if platform == "linux":
        return [Finding("platform", Level.OK, "Linux: every promise holds here")]
    return [
        Finding("platform", Level.NOTE, f"no {what} on {platform}: {without}")
        for what, without in MISSING_OFF_LINUX
    ]


def pidfd(*, works: bool) -> Finding:
    """Judge whether the kernel tells of exits, pidfd_open(2)."""
    if works:
        return Finding("kernel", Level.OK, "it tells of every exit at once (pidfd)")
    return Finding(
        "kernel",
        Level.PROBLEM,
        "pidfd_open(2) does not work here: older than Linux 5.3, or a sandbox forbids it",
        "a newer kernel, or a seccomp profile that allows pidfd_open",
    )


def sock_diag(*, works: bool) -> Finding:
    """Judge whether the kernel tells what a dead worker had not read."""
    if works:
        return Finding("kernel", Level.OK, "it tells what a dead worker had not read (sock_diag)")
    text = "a sandbox forbids sock_diag(7): a POST whose worker died is never tried elsewhere"
    return Finding("kernel", Level.WARNING, text)


def compiled(*, yes: bool, asked_for_pure: bool) -> Finding:
    """Judge whether the data plane is compiled."""
    if yes:
        return Finding("data plane", Level.OK, "compiled")
    if asked_for_pure:
        text = "WEBQX_SV_PURE is set: a request costs twice as much"
        return Finding("data plane", Level.WARNING, text, "unset WEBQX_SV_PURE")
    return Finding(
        "data plane",
        Level.WARNING,
        "not compiled, or older than its sources: a request costs twice as much",
        "apt-get install gcc python3-dev, then scripts/setup in a checkout, or "
        "pip install --force-reinstall",
    )


def clock(now: float, *, synchronised: bool | None) -> Finding:
    """Judge the clock; `synchronised` is None where the kernel does not say."""
    if now < NEWEST_PAST:
        text = "the clock is years behind: tokens and certificates are not yet valid"
        return Finding("clock", Level.PROBLEM, text, "sudo timedatectl set-ntp true")
    if synchronised is False:
        text = "nothing keeps the clock right: tokens (`jwt`) and schedules go by it"
        remedy = "sudo timedatectl set-ntp true, or whatever host or hypervisor offers"
        return Finding("clock", Level.NOTE, text, remedy)
    return Finding("clock", Level.OK, "it is kept right" if synchronised else "plausible")


def time_zone(zone: str, *, schedules: bool) -> Finding:
    """Say which zone counts for what."""
    text = f"{zone} here; logs and events are in UTC"
    if schedules and zone not in ("UTC", "Etc/UTC"):
        text += ", and schedules go by their `time_zone`, UTC when there is none"
        return Finding("time zone", Level.NOTE, text)
    return Finding("time zone", Level.OK, text)


def cgroup(*, version: int, writable: bool) -> Finding:
    """Say whether the cgroup of this user can be divided further."""
    if version == 2 and writable:
        return Finding("cgroup", Level.OK, "version 2, and this user may make own ones")
    text = "no cgroup v2 here" if version != 2 else "the cgroup is not delegated to this user"
    return Finding(
        "cgroup", Level.NOTE, f"{text}: process trees are found by a look at all processes"
    )


def state_folder(folder: str, complaint: str) -> Finding:
    """Judge whether the daemon could keep its state; `complaint` is empty when it could."""
    if not complaint:
        return Finding("state folder", Level.OK, folder)
    remedy = "give it to this user, or put `state_dir` of [daemon] elsewhere"
    return Finding("state folder", Level.PROBLEM, complaint, remedy)


def boot(starter: str, *, enabled: bool, missing: tuple[str, ...]) -> Finding:
    """Judge what starts the daemon at boot; `starter` is its file, empty when there is none."""
    if not starter:
        remedy = "webqx-sv startup"
        return Finding("boot", Level.NOTE, "nothing starts the daemon at boot", remedy)
    if missing:
        text = f"{starter} starts what is gone: {', '.join(missing)}"
        return Finding("boot", Level.PROBLEM, text, "webqx-sv startup, which writes it anew")
    if not enabled:
        text = f"{starter} is there and not enabled"
        return Finding("boot", Level.WARNING, text, "webqx-sv startup, which enables it")
    return Finding("boot", Level.OK, starter)


def left_over(starter: str, file: str) -> Finding:
    """Say that something would start a project that is no longer where it was."""
    text = f"{starter} starts {file}, which is gone"
    remedy = f"webqx-sv unstartup -c {file}; where it is now, webqx-sv startup"
    return Finding("boot", Level.WARNING, text, remedy)


def linger(user: str, *, yes: bool) -> Finding:
    """Judge whether the user's manager lives without a login."""
    if yes:
        return Finding("linger", Level.OK, f"{user} lingers: the unit starts at boot")
    return Finding(
        "linger",
        Level.WARNING,
        f"{user} does not linger: the daemon starts at the first login and ends with the last",
        f"sudo loginctl enable-linger {user}",
    )
