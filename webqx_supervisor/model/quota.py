"""What a worker's whole process tree may use, and as whom it runs."""

from dataclasses import dataclass

UNLIMITED = -1
"""Stands for no limit where 0 is one: of `Quota.core`."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What is not said is left as the daemon itself has it."""

    memory_soft: int = 0
    """Octets from which a worker is replaced by a fresh one; 0: never."""
    memory: int = 0
    """Octets that it never has more of: it is killed instead; 0: no limit."""
    cpu: float = 0.0
    """CPUs that it may keep busy, 1.5 is one and a half; 0: no limit."""
    pids: int = 0
    """Processes and threads that it may have at once; 0: no limit."""
    nice: int | None = None
    """From -20 (first) to 19 (last), see nice(2)."""
    io: str = ""
    """`idle`, `best-effort:N` or `realtime:N`, N from 0 (first) to 7, see ioprio_set(2)."""
    cpus: tuple[int, ...] = ()
    """The CPUs that it may run on, by number; none named: on all."""
    umask: int | None = None
    nofile: int | None = None
    """Open files of each process."""
    core: int | None = None
    """Octets of a core file; UNLIMITED: any."""

    @property
    def bounds_the_tree(self) -> bool:
        """Whether something here is for the tree as a whole, not for each of its processes."""
        return bool(self.memory_soft or self.memory or self.cpu or self.pids)


@dataclass(frozen=True, slots=True)
class Privileges:
    """As whom a worker runs. `user` is `name` or `name:group`, numbers too; "": as the daemon."""

    user: str = ""
    no_new_privileges: bool = False
    """It can gain none by execve(2), as by a setuid program."""
    private_tmp: bool = False
    """It has a /tmp and a /var/tmp of its own, which are gone with it."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who `user` is on this machine; `name` is as it was written, `login` and `home` may be ""."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    login: str = ""
    home: str = ""
