import os
import subprocess
from dataclasses import replace

from helpers import until

from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.process.identity import Identity, alive, identify, start_time


def test_this_process_is_alive():
    assert alive(identify(os.getpid()))


def test_an_ended_process_has_no_identity():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert start_time(ended.pid) is None
    assert identify(ended.pid) is None


def test_a_zombie_is_not_alive():
    with subprocess.Popen(["true"]) as child:
        identity = identify(child.pid)
        until(lambda: not alive(identity))
        assert start_time(child.pid) == identity.start_time


def test_the_next_owner_of_a_pid_is_another_process():
    me = identify(os.getpid())
    assert not alive(replace(me, start_time=me.start_time - 1))


def test_nothing_survives_a_reboot():
    assert not alive(replace(identify(os.getpid()), boot_id="an earlier one"))


def test_an_identity_goes_through_a_journal_unchanged():
    me = identify(os.getpid())
    assert from_plain(Identity, to_plain(me)) == me
