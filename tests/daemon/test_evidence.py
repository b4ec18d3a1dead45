"""What is known of the ends of workers, put together from the kernel and the proxies."""

import os
import signal

import pytest
import trio
from fakes import service

from webqx_supervisor.core.quarantine import DURATION
from webqx_supervisor.daemon.evidence import ASKED, KEPT_OF_ONE, Evidence
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.evidence import LostRequest
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.link import Lost, Survived

CRASH, KILLED = Exit(code=7), Exit(signal=signal.SIGKILL)


class World:
    """An Evidence with a clock and a count of the kernel's kills that the test sets."""

    def __init__(self, path) -> None:
        self.path = path
        self.now = 1000.0
        self.kills = 3
        self.registry = Registry(lambda: self.now)
        self.evidence = self.another()

    def another(self):
        return Evidence(
            self.registry, self.path, wall_clock=lambda: self.now, kills=lambda: self.kills
        )

    def lost(self, pid, target="/", instance=1):
        request = LostRequest("GET", target, 0.5, f"id-{pid}", fingerprint=f"print of {target}")
        self.evidence.lost(Lost(f"api:{instance}@{pid}", request))

    def died(self, pid, ended=CRASH, verdict="", instance=1):
        return self.evidence.died(service(), instance, pid, ended, verdict, 12.34)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "deaths.json")


def test_a_death_says_how_and_after_how_long(world):
    world.died(7)
    (death,) = world.evidence.deaths("api")
    assert death.text == "pid 7 exited 7 after 12.3 s"
    assert (death.service, death.instance, death.at, death.uptime_s) == ("api", 1, 1000.0, 12.3)


def test_a_verdict_stands_before_the_end(world):
    world.died(7, KILLED, "not ready within 5 s")
    assert world.evidence.deaths("api")[0].text.startswith("not ready within 5 s; pid 7 killed by")


def test_requests_may_be_told_of_before_and_after_the_death(world):
    world.lost(7, "/early")
    death = world.died(7)
    world.lost(7, "/late")
    world.lost(8, "/elsewhere")
    world.evidence.last_words(death, ["the end"])
    (death,) = world.evidence.deaths("api")
    assert [request.target for request in death.requests] == ["/early", "/late"]
    assert death.last_lines == ("the end",)


def test_a_kill_for_want_of_memory_is_named(world):
    world.kills += 1
    world.died(7, KILLED)
    world.died(8, KILLED)
    first, second = world.evidence.deaths("api")
    assert "killed by SIGKILL (out of memory) after" in first.text
    assert "out of memory" not in second.text


def test_a_kill_by_the_daemon_is_no_want_of_memory(world):
    world.kills += 1
    world.died(7, KILLED, "not ready within 5 s")
    assert "out of memory" not in world.evidence.deaths("api")[0].text


def test_older_kills_for_want_of_memory_were_of_others(world):
    world.kills += 1
    world.evidence.look({})
    world.died(7, KILLED)
    assert "out of memory" not in world.evidence.deaths("api")[0].text


def test_the_memory_of_the_last_minute_is_kept(world):
    for _ in range(20):
        world.evidence.look({os.getpid(): 1 << 20})
        world.now += 5
    world.died(os.getpid())
    (death,) = world.evidence.deaths("api")
    assert [seconds for seconds, _ in death.memory] == [65.0 - 5 * step for step in range(13)]
    assert all(octets > 1_000_000 for _, octets in death.memory)


def test_what_was_asked_for_before_is_kept_unless_it_is_long_ago(world):
    world.registry.tell(ASKED, "start", service="api")
    world.now += 1000
    world.registry.tell(ASKED, "reload", service="api")
    world.registry.tell("ready", "pid 7", service="api")
    world.registry.tell(ASKED, "apply")
    world.died(7)
    assert world.evidence.deaths("api")[0].changes == ("api reload", "apply")


def test_only_the_latest_deaths_of_a_worker_are_kept(world):
    world.died(99, instance=2)
    for pid in range(KEPT_OF_ONE + 3):
        world.died(pid)
    assert [death.pid for death in world.evidence.deaths("api", 1)] == [3, 4, 5, 6, 7]
    assert [death.pid for death in world.evidence.deaths("api")] == [99, 3, 4, 5, 6, 7]


def test_the_next_daemon_knows_them_too(world):
    world.lost(7)
    world.died(7)
    world.evidence.save()
    assert world.another().deaths("api") == world.evidence.deaths("api")


def test_what_cannot_be_read_is_no_death(world):
    world.path.write_text("[{]")
    assert world.another().deaths("api") == []


async def test_news_are_written_by_themselves(world, nursery, autojump_clock):
    nursery.start_soon(world.evidence.keep_saved)
    await trio.testing.wait_all_tasks_blocked()
    assert not world.path.exists()
    world.died(7)
    await trio.sleep(1)
    assert world.another().deaths("api")


def test_a_request_over_which_worker_after_worker_dies_is_refused(world):
    for pid in (1, 2, 3):
        assert world.evidence.suspects("api")[1] == ()
        world.died(pid)
        world.lost(pid, "/poison")
    assert world.evidence.suspects("api") == ((), ("print of /poison",))
    (refused,) = world.evidence.quarantined("api")
    assert (refused.method, refused.target, refused.deaths) == ("GET", "/poison", 3)
    assert world.registry.events()[-1].kind == "quarantined"
    world.now += DURATION
    world.evidence.look({})
    assert world.evidence.suspects("api") == ((), ())
    assert world.evidence.quarantined("api") == []


def test_many_of_a_kind_at_one_death_count_once(world):
    for _ in range(5):
        world.lost(1)
    world.died(1)
    for _ in range(5):
        world.lost(1)
    assert world.evidence.suspects("api") == (("print of /",), ())


def test_a_request_that_is_answered_in_between_is_not(world):
    for pid in range(10):
        world.lost(pid)
        world.died(pid)
        world.evidence.survived(Survived("api", "print of /"))
    assert world.evidence.suspects("api") == ((), ())


def test_a_kill_from_outside_is_no_requests_fault(world):
    for pid in range(10):
        world.lost(pid)
        world.died(pid, KILLED)
    assert world.evidence.suspects("api") == ((), ())


def test_a_kill_for_want_of_memory_may_be(world):
    for pid in range(3):
        world.kills += 1
        world.died(pid, KILLED)
        world.lost(pid)
    assert world.evidence.suspects("api")[1] == ("print of /",)


def test_a_secret_in_a_request_is_not_kept(tmp_path):
    registry = Registry(mask=lambda text: text.replace("hunter22", "***"))
    evidence = Evidence(registry, tmp_path / "deaths.json", kills=lambda: 0)
    evidence.died(service(), 1, 7, CRASH, "", 1.0)
    evidence.lost(Lost("api:1@7", LostRequest("GET", "/?key=hunter22", 0.5, "id")))
    evidence.save()
    assert evidence.deaths("api")[0].requests[0].target == "/?key=***"
    assert "hunter22" not in (tmp_path / "deaths.json").read_text()
