import os
import subprocess

from helpers import until

from webqx_supervisor.process.usage import sample


def test_work_shows_as_cpu_time_and_memory_as_resident_bytes():
    before = sample(os.getpid())
    ballast = os.urandom(32 * 1024 * 1024)
    until(lambda: sample(os.getpid()).cpu_seconds > before.cpu_seconds)
    assert sample(os.getpid()).rss_bytes >= before.rss_bytes + len(ballast) // 2


def test_an_ended_process_has_no_usage():
    with subprocess.Popen(["true"]) as child:
        until(lambda: sample(child.pid) is None)
    assert sample(child.pid) is None
