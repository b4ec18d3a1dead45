"""Rules about what there is enough of: descriptors, memory, room on the disk, watches."""

from webqx_supervisor.model.config import Config
from webqx_supervisor.model.finding import Finding, Level
from webqx_supervisor.model.service import LogOutput

MEGABYTE = 1024 * 1024
LEAST_ROOM = 50 * MEGABYTE
LEAST_FILES = 1000
LOW_MEMORY = 0.1
BUSY_SWAP = 0.5
OWN = 64
"""Descriptors of a process of ours, beside connections and workers."""
PER_WORKER = 8
"""Of the daemon: log pipes, files, pidfd, probe."""
PER_CONNECTION = 4
"""Of a proxy: a client, its upstream, and a pipe of two ends between them."""
BACKLOG = 1024


def descriptors(config: Config) -> tuple[int, int]:
    """Return how many a process must have, and how many a proxy may come to have."""
    workers = sum(service.instances for service in config.services)
    clients = sum(listener.limits.max_connections for listener in config.listeners)
    most = OWN + PER_CONNECTION * -(-clients // max(1, config.proxies))
    return OWN + PER_WORKER * workers, most


def nofile(hard: int, least: int, most: int) -> Finding:
    """Judge the hard limit of open files, up to which the programs raise their own."""
    remedy = (
        "LimitNOFILE= in the unit; without systemd: `* hard nofile 1048576` in "
        "/etc/security/limits.conf and a new login"
    )
    if hard < least:
        text = f"{hard} open files at most, and the daemon needs {least}"
        return Finding("open files", Level.PROBLEM, text, remedy)
    if hard < most:
        text = (
            f"{hard} open files at most: a proxy refuses clients before it has max_connections, "
            f"which may take {most}"
        )
        return Finding("open files", Level.WARNING, text, remedy)
    return Finding("open files", Level.OK, f"{hard} at most")


def backlog(somaxconn: int) -> Finding:
    """Judge how many connections may wait to be accepted."""
    if somaxconn >= BACKLOG:
        return Finding("backlog", Level.OK, f"{somaxconn} connections may wait to be accepted")
    return Finding(
        "backlog",
        Level.WARNING,
        f"only {somaxconn} connections may wait to be accepted: in a burst the kernel drops others",
        "echo net.core.somaxconn=4096 | sudo tee /etc/sysctl.d/92-webqx-sv.conf && "
        "sudo sysctl --system",
    )


def watches(folders: int, limit: int, *, more: bool) -> Finding:
    """Judge the watches of inotify(7), one per folder; `more`: there are even more folders."""
    counted = f"{'more than ' if more else ''}{folders} folders to watch"
    if not more and folders <= limit // 2:
        return Finding("watch", Level.OK, f"{counted}, the kernel allows {limit} watches")
    level = Level.PROBLEM if more or folders > limit else Level.WARNING
    return Finding(
        "watch",
        level,
        f"{counted}, and all programs of this user together may have {limit} watches",
        "echo fs.inotify.max_user_watches=524288 | sudo tee /etc/sysctl.d/93-webqx-sv.conf && "
        "sudo sysctl --system; or a smaller `watch`",
    )


def watchers(used: int, wanted: int, limit: int) -> Finding | None:
    """Judge the instances of inotify(7): those in use by this user, those that are to come."""
    if used + wanted <= limit:
        return None
    return Finding(
        "watch",
        Level.PROBLEM,
        f"{used} of the {limit} inotify instances of this user are in use, and `watch` needs "
        f"{wanted}",
        "echo fs.inotify.max_user_instances=1024 | sudo tee /etc/sysctl.d/94-webqx-sv.conf && "
        "sudo sysctl --system",
    )


def logs_at_most(config: Config) -> int:
    """Return how many octets the log files may come to be, uncompressed."""
    each = (
        service.instances * service.logs.max_size * (service.logs.keep + 1)
        for service in config.services
        if service.logs.output is not LogOutput.JOURNALD
    )
    return sum(each)


def disk(folder: str, octets: int, files: int, logs: int) -> Finding:
    """Judge the room beside the state folder: octets and files (inodes) left, logs' most."""
    room = f"{octets // MEGABYTE} MB left beside {folder}"
    remedy = "make room there, or put `state_dir` of [daemon] elsewhere"
    if octets < LEAST_ROOM:
        return Finding("disk", Level.PROBLEM, room, remedy)
    if files < LEAST_FILES:
        text = f"no more than {files} files can be made beside {folder}"
        return Finding("disk", Level.PROBLEM, text, remedy)
    if octets < logs:
        text = f"{room}; logs may take {logs // MEGABYTE} MB before the oldest are removed"
        return Finding("disk", Level.WARNING, text, "smaller `logs.max_size` or `logs.keep`")
    return Finding("disk", Level.OK, room)


def memory(total: int, available: int) -> Finding:
    """Judge what is left of the memory, in octets."""
    text = f"{available // MEGABYTE} of {total // MEGABYTE} MB of memory are left"
    if available < LOW_MEMORY * total:
        return Finding("memory", Level.WARNING, text, "fewer instances, or more memory")
    return Finding("memory", Level.OK, text)


def swap(total: int, used: int) -> Finding:
    """Judge the swap, in octets."""
    if not total:
        text = "there is no swap: when memory runs out, the kernel kills at once"
        return Finding("swap", Level.NOTE, text)
    text = f"{used // MEGABYTE} of {total // MEGABYTE} MB of swap are in use"
    if used > BUSY_SWAP * total:
        remedy = "fewer instances, or more memory: a worker that is swapped out answers late"
        return Finding("swap", Level.WARNING, text, remedy)
    return Finding("swap", Level.OK, text)
