"""A daemon for the keeper's tests: does what its orders say, one line after the other.

`fake_daemon.py FOLDER`: life N obeys FOLDER/orders-N (or the last there is) and appends what it
sees to FOLDER/seen. Each function named `do_...` is an order.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(sys.argv[1])
NOTIFY = os.environ["NOTIFY_SOCKET"]
CAUGHT: list[int] = []


def saw(text: str) -> None:
    with (FOLDER / "seen").open("a") as seen:
        seen.write(text + "\n")


def notify(text: str, *fds: int) -> None:
    address = "\0" + NOTIFY[1:] if NOTIFY[0] == "@" else NOTIFY
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect(address)
        socket.send_fds(notifier, [text.encode()], fds)


def stored() -> dict[str, int]:
    assert int(os.environ["LISTEN_PID"]) == os.getpid()
    assert int(os.environ["WEBQX_SV_KEEPER_PID"]) == os.getppid()
    names = os.environ["LISTEN_FDNAMES"].split(":")
    assert len(names) == int(os.environ["LISTEN_FDS"])
    return {name: fd for fd, name in enumerate(names, 3)}


def do_names() -> None:
    saw("names " + ":".join(stored()))


def do_strays() -> None:
    """See the descriptors that came along without being in the store."""
    listed = [int(entry.name) for entry in Path("/dev/fd").iterdir()]
    saw(f"strays {[fd for fd in listed if fd > 2 + len(stored()) and is_open(fd)]}")


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def do_store(name: str, text: str) -> None:
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    notify(f"FDSTORE=1\nFDNAME={name}", reader)
    os.close(reader)


def do_read(name: str) -> None:
    saw(f"read {os.read(stored()[name], 100).decode()}")


def do_say(*words: str) -> None:
    notify("\n".join(words))


def do_stranger(*words: str) -> None:
    """Have somebody else than the daemon speak to the keeper."""
    subprocess.run([sys.executable, __file__, str(FOLDER), "notify", *words], check=True)


def do_orphan(code: str, when: str = "") -> None:
    """Start a grandchild that exits with `code`, at once or when this process is `gone`."""
    ends = "import os, time\n"
    if when == "gone":
        ends += f"while os.path.exists('/proc/{os.getpid()}'): time.sleep(0.01)\n"
    ends += f"os._exit({code})"
    starts = f"subprocess.Popen([sys.executable, '-c', {ends!r}], stdout=subprocess.DEVNULL)"
    middle = [sys.executable, "-W", "ignore", "-c", f"import subprocess, sys; print({starts}.pid)"]
    told = subprocess.run(middle, stdout=subprocess.PIPE, text=True, check=True)
    saw(f"orphan {told.stdout.strip()}")


def do_reports(count: str) -> None:
    """Wait for so many lines of the keeper."""
    pending = b""
    while pending.count(b"\n") < int(count):
        try:
            pending += os.read(stored()["orphans"], 65536)
        except BlockingIOError:
            time.sleep(0.01)
    for line in pending.decode().splitlines():
        saw("report " + " ".join(line.split()))


def do_catch(*names: str) -> None:
    def caught(number: int, _frame: object) -> None:
        CAUGHT.append(number)
        saw(f"signal {number}")

    for name in names:
        signal.signal(signal.Signals[name], caught)


def do_wait() -> None:
    """Wait for a signal, and then for the test."""
    while not (CAUGHT and (FOLDER / "go").exists()):
        time.sleep(0.01)


def do_kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def do_exit(code: str) -> None:
    os._exit(int(code))


def main() -> None:
    with (FOLDER / "lives").open("a") as lives:
        lives.write("x")
        life = lives.tell()
    while not (FOLDER / f"orders-{life}").exists():
        life -= 1
    saw(f"life {os.getpid()}")
    for line in (FOLDER / f"orders-{life}").read_text().splitlines():
        verb, *words = line.split()
        globals()[f"do_{verb}"](*words)


if sys.argv[2:3] == ["notify"]:
    notify("\n".join(sys.argv[3:]))
else:
    main()
