"""Which browsers were let in."""

import stat

import pytest

from webqx_supervisor.daemon.dashboard.sessions import CODE_LIFE, LIFE, MOST, Sessions


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(tmp_path, clock):
    return Sessions(tmp_path / "sessions.json", clock)


def test_a_code_lets_one_browser_in(sessions):
    code = sessions.invite()
    token = sessions.admit(code)
    assert token
    assert sessions.knows(token)
    assert sessions.admit(code) is None


def test_a_code_is_good_for_a_minute(sessions, clock):
    code = sessions.invite()
    clock.now += CODE_LIFE
    assert sessions.admit(code) is None


@pytest.mark.parametrize("wrong", ["", "x", "ü"])
def test_what_was_not_given_out_lets_nobody_in(sessions, wrong):
    assert sessions.admit(wrong) is None
    assert not sessions.knows(wrong)


def test_the_next_daemon_knows_them_but_not_their_secrets(sessions, tmp_path, clock):
    token = sessions.admit(sessions.invite())
    file = tmp_path / "sessions.json"
    assert token not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    later = Sessions(file, clock)
    assert later.knows(token)
    clock.now += LIFE
    assert not later.knows(token)


def test_one_that_left_is_forgotten(sessions, tmp_path, clock):
    token = sessions.admit(sessions.invite())
    sessions.end(token)
    assert not sessions.knows(token)
    assert not Sessions(tmp_path / "sessions.json", clock).knows(token)


def test_no_more_are_kept_than_are_bearable(sessions, clock):
    tokens = []
    for _ in range(MOST + 1):
        clock.now += 1
        tokens.append(sessions.admit(sessions.invite()))
    assert [sessions.knows(token) for token in tokens] == [False] + [True] * MOST


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": "b"}'])
def test_a_broken_file_knows_nobody(tmp_path, clock, content):
    file = tmp_path / "sessions.json"
    file.write_text(content)
    sessions = Sessions(file, clock)
    assert sessions.knows(sessions.admit(sessions.invite()))


def test_a_full_disk_keeps_nobody_out(tmp_path, clock):
    sessions = Sessions(tmp_path / "no folder" / "sessions.json", clock)
    assert sessions.knows(sessions.admit(sessions.invite()))
