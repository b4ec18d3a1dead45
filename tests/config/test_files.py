import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from webqx_supervisor.config.files import locate, prepare, read_services_toml, remember
from webqx_supervisor.config.names import default_daemon_name
from webqx_supervisor.config.places import LONGEST_SOCKET, Places, write_atomically
from webqx_supervisor.model.errors import ConfigError, WebqxError

ROOT = Path(__file__).parents[2]


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("WEBQX_SV_HOME", str(home))
    return home


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "services.toml"
    file.write_text("")
    return file


def test_everything_lies_below_the_state_folder(home, file):
    state = home / default_daemon_name(file)
    places = locate(file)
    assert places == Places(
        file=file,
        state_dir=state,
        socket=places.socket,
        lock=state / "lock",
        logs=state / "logs",
        private=state / "private",
        wanted=state / "wanted.json",
        journal=state / "journal.json",
        deaths=state / "deaths.json",
        keys=state / "keys.json",
        audit=state / "audit",
        sessions=state / "sessions.json",
        alerts=state / "alerts.json",
        history=state / "history.db",
        daemon_log=state / "daemon.log",
        spans=places.spans,
    )
    assert not state.exists()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"WEBQX_SV_HOME": "/h", "XDG_STATE_HOME": "/x"}, "/h/clinic"),
        ({"XDG_STATE_HOME": "/x"}, "/x/webqx-sv/clinic"),
        ({"XDG_STATE_HOME": "x", "HOME": "/u"}, "/u/.local/state/webqx-sv/clinic"),
        ({"WEBQX_SV_HOME": "", "HOME": "/u"}, "/u/.local/state/webqx-sv/clinic"),
    ],
)
def test_the_state_folder_follows_the_environment(monkeypatch, file, variables, expected):
    for name in ("WEBQX_SV_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    file.write_text("[daemon]\nname = 'clinic'")
    assert locate(file).state_dir == Path(expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("/var/lib/x", "/var/lib/x"), ("~/x/../y", "/u/y"), ("state", "{folder}/state")],
)
def test_the_file_may_name_the_state_folder(monkeypatch, home, file, written, expected):
    monkeypatch.setenv("HOME", "/u")
    file.write_text(f"[daemon]\nname = 'clinic'\nstate_dir = '{written}'")
    assert locate(file).state_dir == Path(expected.format(folder=file.parent))


def test_a_relative_path_of_the_file_means_the_same_daemon(monkeypatch, home, file):
    monkeypatch.chdir(file.parent)
    assert locate(Path("services.toml")) == locate(Path("./x/../services.toml")) == locate(file)


def test_a_file_that_is_missing_is_told(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        locate(Path("services.toml"))
    assert str(caught.value) == f"{tmp_path}/services.toml: no such file"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[daemon\n", ":1: not TOML: "),
        (b"\n[daemon]\nname = 3\n", ":2: daemon: wanted text, found the number 3"),
        (b"daemon = 3\n", ":1: daemon: wanted a table, found the number 3"),
        (b"[daemon]\nname = '../x'", ":1: daemon: a name is "),
        (b"[daemon]\nstate_dir = []", ":1: daemon: wanted text, found a list"),
        (b"\xff", ": not UTF-8 text: byte 0"),
    ],
)
def test_a_file_that_does_not_tell_its_daemon_is_told(home, file, content, message):
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        locate(file)
    assert str(caught.value).startswith(f"{file}{message}")


def test_a_folder_in_the_files_place_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_services_toml(tmp_path)


@pytest.mark.parametrize("content", [None, b"[daemon\n", b"[daemon]\nname = 3\n", b"\xff"])
def test_a_daemon_is_found_though_its_file_is_broken_or_gone(home, file, content):
    file.write_text("[daemon]\nname = 'clinic'")
    places = locate(file)
    remember(places)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert locate(file) == places


def test_a_daemon_that_runs_is_found_though_its_file_names_another_place_by_now(home, file):
    before = locate(file)
    remember(before)
    file.write_text("[daemon]\nname = 'renamed'")
    with before.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert locate(file) == before
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert locate(file).state_dir == home / "renamed"
    before.lock.unlink()
    assert locate(file).state_dir == home / "renamed"


def test_what_is_made_is_for_this_user_alone(home, file):
    places = locate(file)
    remember(places)
    assert [mode(path) for path in (places.state_dir, places.logs)] == [0o700, 0o700]
    (pointer,) = (home / "by-file").iterdir()
    assert (mode(pointer.parent), mode(pointer)) == (0o700, 0o600)
    remember(places)


def test_a_folder_that_was_there_keeps_its_mode(home, file):
    places = locate(file)
    places.state_dir.mkdir(parents=True, mode=0o755)
    prepare(places)
    assert mode(places.state_dir) == 0o755


def test_a_folder_that_everybody_may_write_in_is_refused(home, file):
    places = locate(file)
    places.state_dir.mkdir(parents=True)
    places.state_dir.chmod(0o1777)
    with pytest.raises(WebqxError, match="everybody may write in"):
        prepare(places)


def test_a_folder_that_cannot_be_made_is_told(home, file):
    home.write_text("a file")
    with pytest.raises(WebqxError, match=r"cannot make .*: Not a directory"):
        prepare(locate(file))


def test_a_socket_lies_in_the_state_folder_while_its_path_is_short_enough():
    short = Path("/" + "x" * (LONGEST_SOCKET - len("//daemon.sock")))
    long = Path(f"{short}x")
    assert Places.at(Path("/f"), short).socket == short / "daemon.sock"
    socket = Places.at(Path("/f"), long).socket
    assert socket.parent == Path(f"/tmp/webqx-sv-{os.getuid()}")
    assert socket != Places.at(Path("/f"), Path(f"{long}y")).socket


@pytest.fixture
def far_away(tmp_path):
    """Places whose socket lies in a folder of this test alone instead of /tmp."""
    places = Places.at(tmp_path / "services.toml", tmp_path / "state")
    values = {name: getattr(places, name) for name in Places.__slots__}
    return Places(**{**values, "socket": tmp_path / "short" / "x.sock"})


def test_the_short_place_of_a_socket_is_made_for_this_user_alone(far_away):
    prepare(far_away)
    assert mode(far_away.socket.parent) == 0o700


@pytest.mark.parametrize("kind", ["open", "link"])
def test_a_short_place_that_others_may_enter_is_refused(far_away, tmp_path, kind):
    folder = far_away.socket.parent
    if kind == "open":
        folder.mkdir()
        folder.chmod(0o750)
    else:
        folder.symlink_to(tmp_path)
    with pytest.raises(WebqxError, match="is not a folder of this user alone"):
        prepare(far_away)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_short_place_of_another_user_is_refused(far_away):
    folder = far_away.socket.parent
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(WebqxError, match="is not a folder of this user alone"):
        prepare(far_away)


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole_and_for_its_owner_alone(tmp_path, durable):
    path = tmp_path / "state.json"
    write_atomically(path, b"old", durable=durable)
    before = path.open("rb")
    write_atomically(path, b"new", durable=durable)
    with before:
        assert before.read() == b"old"
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_the_mode_of_a_file_is_the_asked_one_whatever_the_umask(tmp_path):
    mask = os.umask(0o077)
    try:
        write_atomically(tmp_path / "a", b"", mode=0o644)
    finally:
        os.umask(mask)
    assert mode(tmp_path / "a") == 0o644


def test_a_file_that_cannot_be_replaced_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "a", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_finding_a_daemon_imports_next_to_nothing():
    code = "import sys, webqx_supervisor.config.files; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"pydantic", "trio", "click", "dotenv", "tomlkit", "socket", "subprocess", "tempfile"}
    assert heavy.isdisjoint(done.stdout.split())
