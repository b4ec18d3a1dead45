"""The daemon's side of systemd's protocol, against a real datagram socket."""

import os
import socket
import subprocess
import sys

import pytest

from webqx_supervisor.control.fdstore import FdStore, inherited, watchdog

LISTENER = """
import json, os
from webqx_supervisor.control.fdstore import inherited
found = inherited()
print(json.dumps({
    "found": found,
    "left": [key for key in os.environ if key.startswith("LISTEN_")],
    "inheritable": [os.get_inheritable(fd) for fds in found.values() for fd in fds],
}))
"""


@pytest.fixture(params=["path", "abstract"])
def keeper(request, tmp_path):
    """A bound datagram socket, and its NOTIFY_SOCKET value."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.settimeout(10)
        if request.param == "path":
            bound.bind(str(tmp_path / "notify"))
            yield bound, str(tmp_path / "notify")
        else:
            if sys.platform != "linux":
                pytest.skip("abstract names are Linux'")
            bound.bind("")
            yield bound, "@" + bound.getsockname()[1:].decode()


def run_with(pid: str, names: str | None, count: str) -> str:
    """Run LISTENER with two pipe ends from 3 on; a pid of "own" is its own."""
    reader, writer = os.pipe()
    variables = {"LISTEN_FDS": count, "LISTEN_PID": pid}
    if names is not None:
        variables["LISTEN_FDNAMES"] = names
    start = "import os; os.environ['LISTEN_PID'] = str(os.getpid())\n" if pid == "own" else ""
    fds = f"import os; os.dup2({reader}, 3); os.dup2({writer}, 4)\n"
    try:
        return subprocess.run(
            [sys.executable, "-c", start + fds + LISTENER],
            env={**os.environ, **variables},
            pass_fds=(reader, writer),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("lock:api.out", '{"lock": [3], "api.out": [4]}'),
        ("listener:listener", '{"listener": [3, 4]}'),
        ("lock", '{"lock": [3], "unknown": [4]}'),
        (None, '{"unknown": [3, 4]}'),
    ],
)
def test_descriptors_are_taken_by_name_and_not_handed_on(names, found):
    told = run_with("own", names, "2")
    assert told == f'{{"found": {found}, "left": [], "inheritable": [false, false]}}'


@pytest.mark.parametrize(("pid", "count"), [("1", "2"), ("", "2"), ("own", ""), ("own", "two")])
def test_what_is_meant_for_another_process_is_not_taken(pid, count):
    assert run_with(pid, "a:b", count) == '{"found": {}, "left": [], "inheritable": []}'


HANDING_ON = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
from webqx_supervisor.control.fdstore import hand_on
hand_on(sys.argv[1], int(sys.argv[2]))
os.execv(sys.executable, [sys.executable, "-c", sys.argv[3]])
"""


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (None, '{"lock": [3]}'),
        ("log", '{"log": [3], "lock": [4]}'),
        ("log:lock:listen", '{"log": [3], "lock": [4], "listen": [5]}'),
    ],
)
def test_what_is_handed_on_comes_to_the_next_program_beside_what_was_given(names, found):
    count = names.count(":") + 1 if names else 0
    variables = {"LISTEN_FDS": str(count), "LISTEN_FDNAMES": names or ""} if names else {}
    given = [os.pipe() for _ in range(count)]
    reader, writer = os.pipe()
    places = (
        f"import os; {'; '.join(f'os.dup2({r}, {at})' for at, (r, _) in enumerate(given, 3))}\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", places + HANDING_ON, "lock", str(reader), LISTENER],
        env={**os.environ, **variables},
        pass_fds=(reader, *(r for r, _ in given)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for fd in (reader, writer, *(end for ends in given for end in ends)):
        os.close(fd)
    assert f'{{"found": {found}, "left": [], ' in told


def test_nothing_is_inherited_without_the_variables(monkeypatch):
    monkeypatch.delenv("LISTEN_FDS", raising=False)
    assert inherited() == {}


def test_a_descriptor_is_pushed_with_its_name(keeper):
    bound, address = keeper
    reader, writer = os.pipe()
    assert FdStore(address).push("api.out", reader)
    text, (received,), _, _ = socket.recv_fds(bound, 4096, 4)
    assert text == b"FDSTORE=1\nFDNAME=api.out\nFDPOLL=0"
    assert os.path.sameopenfile(received, reader)
    for fd in (reader, writer, received):
        os.close(fd)


def test_removal_and_states_are_told(keeper):
    bound, address = keeper
    store = FdStore(address)
    assert store.remove("api.out")
    assert store.notify(b"READY=1")
    assert bound.recv(4096) == b"FDSTOREREMOVE=1\nFDNAME=api.out"
    assert bound.recv(4096) == b"READY=1"


def test_the_address_is_taken_from_the_environment_and_unset(keeper, monkeypatch):
    bound, address = keeper
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    store = FdStore()
    assert "NOTIFY_SOCKET" not in os.environ
    assert store.notify(b"READY=1")
    assert bound.recv(4096) == b"READY=1"


@pytest.mark.parametrize("name", ["", "a:b", "a b", "a\nREADY=1", "ü", "x" * 256])
def test_a_name_that_systemd_refuses_is_refused(name):
    with pytest.raises(ValueError, match="no name"):
        FdStore().push(name, 0)
    with pytest.raises(ValueError, match="no name"):
        FdStore().remove(name)


def test_without_a_keeper_nothing_is_taken(monkeypatch, caplog):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not FdStore().push("api.out", 0)
    assert not FdStore().notify(b"READY=1")
    assert caplog.records == []


def test_a_keeper_that_is_gone_is_logged_and_survived(tmp_path, caplog):
    store = FdStore(str(tmp_path / "nobody"))
    assert not store.push("api.out", 0)
    assert "does not take b'FDSTORE=1'" in caplog.text


@pytest.mark.parametrize(
    ("pid", "asked", "every"),
    [
        ("own", "30000000", 15.0),
        ("", "3000000", 1.5),
        ("1", "3000000", None),
        ("own", "", None),
        ("own", "0", None),
        ("own", "soon", None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(monkeypatch, pid, asked, every):
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    monkeypatch.setenv("WATCHDOG_USEC", asked)
    assert watchdog() == every
    assert watchdog() is None  # no child takes it for its own
    assert "WATCHDOG_USEC" not in os.environ
