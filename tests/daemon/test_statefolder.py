"""A state folder that somebody removed is made anew, with a lock that keeps others out."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from webqx_supervisor.config.places import Places
from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon.statefolder import StateFolder


@pytest.fixture
def places(tmp_path):
    places = Places.at(Path("/services.toml"), tmp_path / "state")
    places.logs.mkdir(parents=True)
    places.socket.touch()
    return places


def locked(places) -> int:
    lock = os.open(places.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


@pytest.fixture
def folder(places):
    return StateFolder(places, FdStore(""), locked(places))


def test_one_that_is_there_is_whole(folder):
    assert folder.is_whole()


@pytest.mark.parametrize("missing", ["socket", "lock", "state_dir"])
def test_one_that_lacks_something_is_not(folder, places, missing):
    path = getattr(places, missing)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not folder.is_whole()


def test_it_is_made_anew_and_nobody_else_gets_the_lock(folder, places):
    shutil.rmtree(places.state_dir)
    assert folder.mend()
    assert places.logs.is_dir()
    with pytest.raises(BlockingIOError):
        locked(places)


def test_a_lock_that_is_there_still_stays(folder, places):
    before = places.lock.stat().st_ino
    places.socket.unlink()
    assert folder.mend()
    assert places.lock.stat().st_ino == before


def test_it_is_left_to_another_daemon_that_was_faster(folder, places):
    shutil.rmtree(places.state_dir)
    places.logs.mkdir(parents=True)
    theirs = locked(places)
    assert not folder.mend()
    os.close(theirs)
    assert folder.mend()


def test_a_long_log_is_put_aside_and_its_writers_write_on(folder, places, monkeypatch):
    monkeypatch.setattr("webqx_supervisor.daemon.statefolder.LOG_SIZE", 10)
    with places.daemon_log.open("ab", buffering=0) as writer:
        writer.write(b"too short")
        assert not folder.log_is_long()
        writer.write(b", now long")
        assert folder.log_is_long()
        folder.put_log_aside()
        writer.write(b"more")
    aside = places.state_dir / "daemon.log.1"
    assert places.daemon_log.read_bytes() == b"more"
    assert aside.read_bytes() == b"too short, now long"
    assert aside.stat().st_mode & 0o777 == 0o600


def test_a_log_that_is_not_there_is_not_long(folder):
    assert not folder.log_is_long()
