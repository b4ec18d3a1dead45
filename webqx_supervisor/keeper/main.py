"""Hold file descriptors, reap orphans, and start the daemon again when it died: nothing else.

Run as a file, `python -I -S main.py --state DIR --stored N=lock ... -- DAEMON ARGV...`, so that
neither this package nor site-packages is loaded. The daemon speaks to its keeper as to systemd:
sd_notify(3) with the file descriptor store, LISTEN_FDS of sd_listen_fds(3) at its start.

What is `--stored` at the start comes from an earlier keeper: this one's own older code, which
becomes the present one when the daemon exits with RENEW; or one that died, whose daemon started
this one and is gone when the descriptor `--after` ends.
"""

# The C modules under `signal` and `socket`: their Python wrappers would cost 1.5 MB for enums.
import _signal as signal  # type: ignore[import-not-found]  # no stub for the bare module
import _socket as socket
import ctypes
import fcntl
import os
import resource
import select
import sys
import time

FIRST_FD = 3  # SD_LISTEN_FDS_START
LONGEST_PAUSE = 5.0
STEADY_AFTER = 10.0
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
MOST_FDS = 253  # SCM_MAX_FD of unix(7): descriptors in one message
REPORT = b"%8d %6d\n"  # 16 bytes, a divisor of any pipe's size: reports are dropped whole
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HEEDED = (signal.SIGCHLD, *PASSED_ON)
RENEW = 75  # EX_TEMPFAIL of sysexits.h: the daemon asks for itself and its keeper to be renewed


def pause(failures: int) -> float:
    """Return the seconds to wait before a restart, after `failures` short lives before this one."""
    return min(LONGEST_PAUSE, 0.1 * 2 ** min(failures - 1, 10)) if failures else 0.0


def say(text: str) -> None:
    """Write one line to the daemon's log."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"{stamp} keeper[{os.getpid()}]: {text}", file=sys.stderr, flush=True)


class Keeper:
    """One daemon, the descriptors it stored, and the wish to stop once somebody asked for it."""

    def __init__(self, state: str, stored: list[tuple[str, int]], argv: list[str]) -> None:
        self.state = state
        self.argv = argv
        self.limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        if sys.platform == "linux":  # a restart holds every stored descriptor twice for a moment
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.limits[1], self.limits[1]))
        # Both ends stay open here, so reports wait in the pipe while no daemon lives.
        self.orphans, self.reports = _pipe()
        self.store = [("orphans", self.orphans)]
        for name, fd in stored:
            self.take_over(name, fd)
        self.wake, wake_end = _pipe()
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        for number in HEEDED:
            signal.signal(number, _ignore)  # the wake-up byte does the work
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)
        self.notify, self.address = _notify_socket(state)
        self.poll = select.poll()
        self.poll.register(self.wake, select.POLLIN)
        self.poll.register(self.notify, select.POLLIN)
        self.daemon = 0
        self.ready = False
        self.leaving = 0  # the stop signal that was asked for; a successor gets it too
        self.failures = 0
        self.born = self.due = time.monotonic()
        self.verdict: int | None = None

    def take_over(self, name: str, fd: int) -> None:
        """Keep what an earlier keeper has kept, and what it had to report."""
        os.set_inheritable(fd, False)
        if name != "orphans":
            self.store.append((name, fd))
            return
        os.write(self.reports, _drained(fd))
        os.close(fd)

    def run(self) -> int:
        """Keep the daemon until it ends well; return the exit code."""
        while self.verdict is None:
            left = self.due - time.monotonic()
            if not self.daemon and left <= 0:
                self.start()
            self.poll.poll(None if self.daemon else left * 1000)
            self.read_signals()
            self.read_notifications(self.daemon)
            self.reap()
        return self.verdict

    def start(self) -> None:
        """Start the daemon with every stored descriptor."""
        self.born, self.ready = time.monotonic(), False
        self.daemon = os.fork()
        if not self.daemon:
            try:
                self.become_daemon()
            except OSError as error:
                say(f"cannot start {self.argv[0]}: {error.strerror}")
            finally:
                os._exit(127)

    def become_daemon(self) -> None:
        """Give the stored descriptors their places from 3 on and execute the daemon."""
        os.setsid()  # a terminal's Ctrl-C reaches the keeper alone, which passes it on once
        past = FIRST_FD + len(self.store)
        clear = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, past) for _, fd in self.store]
        for place, fd in enumerate(clear, FIRST_FD):
            os.dup2(fd, place)
        told = {
            "LISTEN_PID": str(os.getpid()),
            "LISTEN_FDS": str(len(self.store)),
            "LISTEN_FDNAMES": ":".join(name for name, _ in self.store),
            "NOTIFY_SOCKET": self.address,
            "WEBQX_SV_KEEPER_PID": str(os.getppid()),
        }
        resource.setrlimit(resource.RLIMIT_NOFILE, self.limits)
        os.execvpe(self.argv[0], self.argv, {**os.environ, **told})  # noqa: S606 - no shell wanted

    def read_signals(self) -> None:
        """Act on the signals that came; each left its number as one byte."""
        for number in _drained(self.wake):
            if number == signal.SIGHUP and self.daemon and self.ready:
                os.kill(self.daemon, number)  # before that it has yet to read what changed
            elif number in (signal.SIGTERM, signal.SIGINT):
                self.leave(number)

    def leave(self, number: int) -> None:
        """Pass a stop signal on: when the daemon is ready for it, or when it is sent again."""
        if self.daemon and (self.ready or self.leaving):
            os.kill(self.daemon, number)
        self.leaving, self.due = number, time.monotonic()

    def read_notifications(self, daemon: int) -> None:
        """Take in what the process `daemon` sent; what anybody else sent is dropped."""
        space = socket.CMSG_SPACE(MOST_FDS * 4) + socket.CMSG_SPACE(3 * 4)
        while True:
            try:
                text, ancillary, _, _ = self.notify.recvmsg(4096, space)
            except BlockingIOError:
                return
            fds, sender = _unpack(ancillary)
            for fd in fds:
                os.set_inheritable(fd, False)
            if daemon and sender in (daemon, None):
                self.obey(text.decode(errors="replace").split("\n"), fds)
            else:
                _close(fds)

    def obey(self, lines: list[str], fds: list[int]) -> None:
        """Do what one notification says."""
        said = dict(line.split("=", 1) for line in lines if "=" in line)
        name = said.get("FDNAME", "stored")
        if said.get("FDSTORE") == "1":
            self.store += [(name, fd) for fd in fds]
        else:
            _close(fds)
        if said.get("FDSTOREREMOVE") == "1":
            _close([fd for stored, fd in self.store if stored == name])
            self.store = [(stored, fd) for stored, fd in self.store if stored != name]
        if said.get("READY") == "1":
            self.ready = True
            if self.leaving and self.daemon:
                os.kill(self.daemon, self.leaving)
        if said.get("STOPPING") == "1":  # should it die over that, a successor has to finish
            self.leaving = self.leaving or signal.SIGTERM

    def reap(self) -> None:
        """Collect every ended child: the daemon's end is acted on, any other is reported."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self.daemon:
                self.daemon_ended(status)
            else:
                self.report(pid, status)

    def daemon_ended(self, status: int) -> None:
        """Leave with a daemon that ended well; have any other started again."""
        pid, self.daemon = self.daemon, 0
        self.read_notifications(pid)  # its last words, sent before the end was noticed
        code = os.waitstatus_to_exitcode(status)
        if status == 0:
            self.verdict = 0
        elif code == RENEW and not self.leaving:
            self.renew()
        elif self.leaving and not self.ready:
            self.verdict = 1  # asked to stop, and it does not even come up
        else:
            now = time.monotonic()
            if now - self.born >= STEADY_AFTER:
                self.failures = 0
            wait = pause(self.failures)
            self.failures += 1
            self.due = now + wait
            how = f"exited {code}" if code >= 0 else f"was killed by signal {-code}"
            say(f"daemon {pid} {how}; starting it again in {wait:g} s")

    def renew(self) -> None:
        """Become the code that is now on the disk; it starts the daemon with all that is stored.

        The same process goes on: its children stay its own, and so do the orphans to come.
        """
        command = [sys.executable, "-I", "-S", __file__, "--state", self.state]
        for name, fd in self.store:
            os.set_inheritable(fd, True)
            command += ["--stored", f"{fd}={name}"]
        signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)  # until there are handlers again
        try:
            os.execv(command[0], [*command, "--", *self.argv])  # noqa: S606 - no shell wanted
        except OSError as error:  # the old code is better than none
            say(f"cannot be renewed: {error.strerror}")
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)
            self.due = time.monotonic()

    def report(self, pid: int, status: int) -> None:
        """Tell the daemon how an orphan ended; when nobody reads, the oldest report makes room."""
        while True:
            try:
                os.write(self.reports, REPORT % (pid, status))
            except BlockingIOError:
                _drained(self.orphans, 4096)
            else:
                return


def _ignore(_number: int, _frame: object) -> None:
    """Handle a signal: a handler must exist for its wake-up byte to be written."""


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends


def _drained(fd: int, most: int = 65536) -> bytes:
    try:
        return os.read(fd, most)
    except BlockingIOError:
        return b""


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def _notify_socket(state: str) -> tuple[socket.socket, str]:
    """Return the bound datagram socket and its NOTIFY_SOCKET value."""
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.setblocking(False)
    if sys.platform == "linux":
        notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        notify.bind("")  # the kernel picks a free abstract name, unix(7) "Autobind"
        return notify, "@" + notify.getsockname()[1:].decode()
    path = os.path.join(state, "notify")  # noqa: PTH118 - pathlib is not loaded here
    if os.path.exists(path):  # noqa: PTH110 - the same
        os.unlink(path)  # noqa: PTH108 - the same
    notify.bind(path)
    return notify, path


def _unpack(ancillary: list[tuple[int, int, bytes]]) -> tuple[list[int], int | None]:
    """Return the descriptors and the sender's pid; None where the system tells no sender."""
    fds: list[int] = []
    sender = None
    for level, kind, data in ancillary:
        numbers = memoryview(data)[: len(data) // 4 * 4].cast("i").tolist()
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds += numbers
        elif sys.platform == "linux" and kind == socket.SCM_CREDENTIALS:
            sender = numbers[0]  # struct ucred: pid, uid, gid
    return fds, sender


def _become_subreaper() -> None:
    """Have the orphans of all descendants reparented to this process, prctl(2)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main(arguments: list[str]) -> int:
    """Run a keeper as `--state DIR [--after FD] [--stored FD=NAME]... -- ARGV...` says.

    Returns its exit code. `--check` only says that this code can be run at all.
    """
    state, after, stored = "", -1, []
    words = iter(arguments)
    for word in words:
        if word == "--":
            break
        value = next(words, "")
        if word == "--state":
            state = value
        elif word == "--after":
            after = int(value)
        elif word == "--stored":
            fd, _, name = value.partition("=")
            stored.append((name, int(fd)))
    argv = list(words)
    if arguments == ["--check"]:
        return 0
    if not (state and argv):
        say("usage: main.py --state DIR [--after FD] [--stored FD=NAME]... -- DAEMON ARGV...")
        return 2
    if after >= 0:
        os.read(after, 1)
        os.close(after)
    _become_subreaper()
    return Keeper(state, stored, argv).run()


if __name__ == "__main__":
    # Not sys.exit: on its long way a signal would meet default handlers, and end it otherwise.
    os._exit(main(sys.argv[1:]))
