import pytest

from webqx_supervisor.core.doctor import limits
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.finding import Level
from webqx_supervisor.model.gateway import Limits, Listener
from webqx_supervisor.model.service import LogOutput, Logs, Service

MB = limits.MEGABYTE


def config(instances=2, connections=1000, proxies=2, logs=None):
    service = Service("api", ("true",), "/", instances=instances, logs=logs or Logs())
    listener = Listener("web", ("127.0.0.1:80",), limits=Limits(max_connections=connections))
    return Config("x", "/x", proxies, (service,), (listener,))


def test_descriptors_are_counted_for_daemon_and_proxies():
    assert limits.descriptors(config()) == (64 + 16, 64 + 4 * 500)
    assert limits.descriptors(config(connections=0)) == (64 + 16, 64)


@pytest.mark.parametrize(
    ("hard", "level"), [(50, Level.PROBLEM), (1024, Level.WARNING), (5000, Level.OK)]
)
def test_open_files(hard, level):
    finding = limits.nofile(hard, 100, 5000)
    assert finding.level is level
    assert bool(finding.remedy) == (level is not Level.OK)


@pytest.mark.parametrize(("number", "level"), [(128, Level.WARNING), (4096, Level.OK)])
def test_the_backlog(number, level):
    assert limits.backlog(number).level is level


@pytest.mark.parametrize(
    ("folders", "more", "level"),
    [
        (10, False, Level.OK),
        (60, False, Level.WARNING),
        (101, False, Level.PROBLEM),
        (100, True, Level.PROBLEM),
    ],
)
def test_watches(folders, more, level):
    finding = limits.watches(folders, 100, more=more)
    assert finding.level is level
    assert ("more than" in finding.text) == more


def test_instances_of_inotify():
    assert limits.watchers(100, 28, 128) is None
    assert limits.watchers(100, 29, 128).level is Level.PROBLEM


def test_what_logs_may_take():
    assert limits.logs_at_most(config(logs=Logs(max_size=10, keep=2))) == 2 * 10 * 3
    assert limits.logs_at_most(config(logs=Logs(output=LogOutput.JOURNALD))) == 0


@pytest.mark.parametrize(
    ("octets", "files", "level"),
    [
        (10 * MB, 10**6, Level.PROBLEM),
        (900 * MB, 10, Level.PROBLEM),
        (900 * MB, 10**6, Level.WARNING),
        (9000 * MB, 10**6, Level.OK),
    ],
)
def test_the_disk(octets, files, level):
    assert limits.disk("/var", octets, files, 1000 * MB).level is level


def test_memory_and_swap():
    assert limits.memory(1000, 99).level is Level.WARNING
    assert limits.memory(1000, 500).level is Level.OK
    assert limits.swap(0, 0).level is Level.NOTE
    assert limits.swap(1000, 501).level is Level.WARNING
    assert limits.swap(1000, 0).level is Level.OK
