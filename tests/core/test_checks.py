import json

import pytest

from webqx_supervisor.core.checks import command_pause, wanted
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.readiness import Access, Check, Means, Readiness
from webqx_supervisor.model.service import Service


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (Check(Means.PORT), "port 3001 to accept"),
        (Check(Means.TCP, port=5433), "port 5433 to accept"),
        (Check(Means.NOTIFY), "READY=1"),
        (Check(Means.IPC), "process.send('ready')"),
        (Check(Means.LOG, pattern="listening"), "a line with `listening`"),
        (Check(Means.FD, fd=3), "a line end on descriptor 3"),
        (Check(Means.HTTP, path="/ready"), "a good answer to /ready"),
        (Check(Means.COMMAND, command=("pg_isready", "-q")), "`pg_isready -q` to exit 0"),
    ],
)
def test_what_a_check_waits_for_is_said(check, words):
    assert wanted(check, 3001) == words


def test_a_command_is_run_less_often_the_longer_it_fails_and_never_less_than_by_its_interval():
    assert command_pause(0, 5) == 0.1
    assert command_pause(10, 5) == 1
    assert command_pause(1000, 5) == 5
    assert command_pause(0, 0.05) == 0.05


@pytest.mark.parametrize(
    ("said", "access"),
    [
        (Readiness(), None),
        (Readiness(ready=Check(Means.FD, fd=3)), None),
        (Readiness(ready=Check(Means.NOTIFY)), Access.ALL),
        (Readiness(startup=Check(Means.NOTIFY)), Access.ALL),
        (Readiness(watchdog=3), Access.ALL),
        (Readiness(watchdog=3, access=Access.MAIN), Access.MAIN),
        (Readiness(access=Access.MAIN), Access.MAIN),
    ],
)
def test_a_worker_has_a_socket_where_something_needs_one(said, access):
    assert said.notify is access


def test_what_is_wanted_can_be_written_down_and_read_again():
    said = Readiness(
        startup=Check(Means.LOG, pattern="x"),
        live=Check(Means.COMMAND, command=("a", "b"), timeout=0.5),
        watchdog=1.5,
        access=Access.MAIN,
    )
    api = Service("api", ("x",), "/", readiness=said)
    plain = json.loads(json.dumps(to_plain(api)))
    assert from_plain(Service, plain) == api
    del plain["readiness"]  # by an older version
    assert from_plain(Service, plain).readiness == Readiness()


def test_only_a_new_process_sees_what_it_is_born_with():
    before = Readiness(ready=Check(Means.FD, fd=3), live=Check(Means.HTTP, path="/live"))
    assert before.given == Readiness(startup=Check(Means.FD, fd=3)).given
    assert before.given != Readiness(ready=Check(Means.FD, fd=4)).given
    assert before.given != Readiness(ready=Check(Means.NOTIFY)).given
    assert Readiness().given != Readiness(ready=Check(Means.IPC)).given
    assert Readiness(watchdog=1).given != Readiness(watchdog=2).given
    asked = Readiness(ready=Check(Means.COMMAND, command=("true",)))
    assert Readiness().given == asked.given
