"""Who is left of a daemon that died."""

from webqx_supervisor.process.procfs import Entry
from webqx_supervisor.process.strays import strays
from webqx_supervisor.process.tree import COOKIE_VARIABLE

KEEPER = 10


class Table:
    """A snapshot: pid -> (parent, marks)."""

    def __init__(self, **processes):
        self.entries = tuple(
            Entry(int(pid[1:]), parent, 1, 1, 5, running=True, cpu_seconds=0.0, rss_bytes=0)
            for pid, (parent, _) in processes.items()
        )
        self._marks = {int(pid[1:]): marks for pid, (_, marks) in processes.items()}

    def marks(self, pid):
        return self._marks[pid]


def pids(*args):
    return [(identity.pid, cookie) for identity, cookie in strays(*args)]


def test_it_is_the_keepers_own_with_a_cookie_that_nobody_knows():
    table = Table(
        p1=(KEEPER, ["known"]),
        p2=(KEEPER, ["hook"]),
        p3=(KEEPER, []),
        p4=(2, ["hook"]),
        p5=(1, ["x"]),
    )
    assert pids({"known"}, KEEPER, (), table) == [(2, "hook")]
    assert pids({"known"}, None, (), table) == []


def test_without_a_keeper_it_is_who_has_a_log_that_nobody_claims():
    table = Table(p1=(1, ["known"]), p2=(1, ["hook"]), p3=(1, ["of another daemon"]))
    assert pids({"known"}, None, {"hook"}, table) == [(2, "hook")]


def test_the_mark_that_the_daemon_has_itself_marks_nobody(monkeypatch):
    monkeypatch.setenv(COOKIE_VARIABLE, "outer")
    assert pids((), KEEPER, (), Table(p1=(KEEPER, ["outer"]))) == []
