"""What can go wrong, or is done to a running project; and what clients may see of it.

Each fault is a function that does it `times` times to a project under load, and checks what must
be true besides the clients' view. Its docstring is its name in the matrix.
"""

import contextlib
import os
import re
import signal
import socket
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import helpers
import psutil
from load import Client, nobody_listens, wait_for_answers
from project import APP, Project

REQUESTS = ("keep", "close", "slow", "post", "upload", "download")
STREAMS = ("events", "ws")
EVERY_KIND = REQUESTS + STREAMS

# What HTTP does not let anybody save. Everything else must be nothing at all.
DIED = {
    "post": ("502", "its bytes had reached the worker that died: never sent twice"),
    "upload": ("502|Broken|reset", "the same"),
    "download": ("cut short|IncompleteRead|reset", "half of the answer was sent"),
    "events": ("ended|IncompleteRead|reset", "the stream was the worker's"),
    "ws": ("1006|no close frame", "the connection was the worker's"),
}
REPLACED = {
    "events": ("ended", "the drain deadline of the old worker, or proxy"),
    "ws": ("1012", "the drain deadline of the old worker, or proxy: service restart"),
}
STOPPED = {
    "events": ("ended", "its worker was stopped by hand"),
    "ws": ("1001", "its worker was stopped by hand: going away"),
}
PROXY_DIED = dict.fromkeys(EVERY_KIND, (".", "the connection was the proxy's that died"))


@dataclass(frozen=True)
class Fault:
    """`excused`: by kind of client, which failures HTTP allows nobody to prevent, and why."""

    act: Callable[[Project, list[Client], int], None]
    more: str = "instances = 3"
    excused: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    kinds: tuple[str, ...] = EVERY_KIND
    extra: str = ""
    """More of services.toml."""

    @property
    def name(self) -> str:
        return self.act.__name__

    @property
    def title(self) -> str:
        return (self.act.__doc__ or "").partition("\n")[0].rstrip(".")

    def unexcused(self, client: Client) -> list[str]:
        """Return the failures of a client that must not have been."""
        pattern, _ = self.excused.get(client.kind, ("(?!)", ""))
        return [failure for failure in client.failures if not re.search(pattern, failure)]


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_one_of_three(project, clients, times):
    """kill -9 one of three workers."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        victim = project.all_running(3)[0]["pid"]
        kill(victim)
        helpers.until(lambda gone=victim: gone not in project.pids())


def kill_the_only_worker(project, clients, times):
    """kill -9 the only worker."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        kill(project.all_running(1)[0]["pid"])


def kill_all_workers(project, clients, times):
    """kill -9 all workers at once."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        for worker in project.all_running(3):
            kill(worker["pid"])


def rolling_reload(project, clients, times):
    """rolling reload."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        before = set(project.pids())
        project.cli("reload", timeout=120)
        assert not before & set(project.pids())


def reload_onto_broken_code(project, clients, times):
    """reload onto code that crashes, never listens, answers 500 to its probe."""
    before = project.pids()
    for broken in ("crash", "deaf", "ill"):
        (project.folder / "next").write_text(broken)
        wait_for_answers(clients, 3)
        project.cli("reload", code=1)
        assert project.pids() == before


def restart(project, clients, times):
    """restart: all workers stopped, then started."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        project.cli("restart", timeout=120)


def scale_up_and_down(project, clients, times):
    """scale 3 -> 5 -> 2 -> 3."""
    for _ in range(times):
        for wanted in ("5", "2", "3"):
            wait_for_answers(clients, 3)
            project.cli("scale", "api", wanted, timeout=120)


def apply_changed_env(project, clients, times):
    """apply of a changed environment."""
    text = project.file.read_text()
    for number in range(times):
        wait_for_answers(clients, 3)
        project.write(text.replace("env = { ", f'env = {{ NUMBER = "{number}", '))
        assert "reloaded" in project.cli("apply", timeout=120)


def apply_added_and_removed_service(project, clients, times):
    """apply of an added, then of a removed service."""
    text, pids = project.file.read_text(), project.pids()
    for _ in range(times):
        wait_for_answers(clients, 3)
        other = f'[services.other]\ncommand = "{APP}"\nport = {project.port + 8}\n'
        project.write(f"{text}\n{other}listen = {project.listen + 1}\n").cli("apply")
        assert not nobody_listens(project.listen + 1)
        project.write(text).cli("apply")
        helpers.until(partial(nobody_listens, project.listen + 1))
    assert project.pids() == pids


def apply_moved_listener(project, clients, times):
    """apply of a moved listener, for the clients that are connected."""
    text, pids = project.file.read_text(), project.pids()
    for turn in range(times):
        wait_for_answers(clients, 3)
        there = project.listen + 1 + turn % 2
        project.write(text.replace(f"listen = {project.listen}", f"listen = {there}"))
        project.cli("apply")
        # The last to let go of it is the keeper.
        helpers.until(partial(nobody_listens, project.listen))
        assert not nobody_listens(there)
    assert project.pids() == pids


def kill_daemon(project, clients, times):
    """kill -9 the daemon."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        before = project.status()
        kill(before["daemon"]["pid"])
        wait_for_answers(clients, 3)
        helpers.until(lambda: project.run("status").returncode == 0)
        after = project.status()
        assert after["daemon"]["pid"] != before["daemon"]["pid"]
        assert _pids(after) == _pids(before)


def kill_daemon_then_proxy(project, clients, times):
    """kill -9 the daemon, then the proxy."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        before = project.status()
        kill(before["daemon"]["pid"])
        helpers.until(lambda: project.run("status").returncode == 0)
        kill(before["proxies"][0]["pid"])
        wait_for_answers(clients, 3)


def kill_keeper(project, clients, times):
    """kill -9 the keeper, then `start`."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        before = project.status()
        keeper = before["daemon"]["keeper_pid"]
        kill(keeper)
        helpers.until(lambda gone=keeper: not psutil.pid_exists(gone))
        wait_for_answers(clients, 3)
        assert _pids(project.status()) == _pids(before)
        project.cli("start")
        after = project.status()
        assert psutil.pid_exists(after["daemon"]["keeper_pid"])
        assert _pids(after) == _pids(before)


def kill_a_proxy(project, clients, times):
    """kill -9 one of two proxies."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        proxies = project.status()["proxies"]
        kill(proxies[0]["pid"])
        wait_for_answers(clients, 3)
        helpers.until(
            lambda gone=proxies[0]["pid"]: (
                len(now := project.status()["proxies"]) == 2
                and gone not in [proxy["pid"] for proxy in now]
            )
        )


def upgrade(project, clients, times):
    """upgrade: new code for the daemon and the proxies."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        before = project.status()
        project.cli("upgrade")
        after = project.status()
        assert after["daemon"]["pid"] != before["daemon"]["pid"]
        old = {proxy["pid"] for proxy in before["proxies"]}
        assert not old >= {proxy["pid"] for proxy in after["proxies"]}
        helpers.until(partial(_are_gone, project, old), 60)
        assert [w["pid"] for w in after["services"][0]["workers"]] == [
            w["pid"] for w in before["services"][0]["workers"]
        ]


def hang_up(project, clients, times):
    """SIGHUP to keeper, daemon, proxy."""
    for _ in range(times):
        before = project.status()
        for pid in (*_managers(before), before["proxies"][0]["pid"]):
            wait_for_answers(clients, 3)
            kill(pid, signal.SIGHUP)
        wait_for_answers(clients, 3)
        assert _pids(project.status()) == _pids(before)


def terminate_a_worker(project, clients, times):
    """SIGTERM to a worker, which knows no graceful end."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        victim = project.all_running(3)[0]["pid"]
        kill(victim, signal.SIGTERM)
        helpers.until(lambda gone=victim: gone not in project.pids())


def terminate_a_proxy(project, clients, times):
    """SIGTERM to the only proxy."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        (proxy,) = project.status()["proxies"]
        kill(proxy["pid"], signal.SIGTERM)
        wait_for_answers(clients, 3)


def garbage(project, clients, times):
    """a worker answers garbage, or breaks off in the middle of a body."""
    for _ in range(times):
        for path, seen in (("/garbage", b"502"), ("/midbody", b"200")):
            wait_for_answers(clients, 3)
            with socket.create_connection(("127.0.0.1", project.listen), 20) as client:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert client.recv(65536).split()[1] == seen


def hang(project, clients, times):
    """one of three workers hangs: accepts, never answers (SIGSTOP)."""
    for _ in range(times):
        wait_for_answers(clients, 3)
        victim = project.all_running(3)[0]["pid"]
        kill(victim, signal.SIGSTOP)
        helpers.until(lambda gone=victim: gone not in project.pids(), 40)
        project.all_running(3)
        wait_for_answers(clients, 3)


def lethal_request(project, clients, times):
    """a request that kills every worker that gets it."""
    for turn in range(times):
        wait_for_answers(clients, 3)
        with socket.create_connection(("127.0.0.1", project.listen), 20) as client:
            client.sendall(f"GET /exit7 HTTP/1.1\r\nHost: {turn}\r\n\r\n".encode())
            assert client.recv(65536).split()[1] == b"500"
        project.all_running(3)


def crash_loop_beside(project, clients, times):
    """a crash loop of another service."""
    wait_for_answers(clients, 3)
    text = project.file.read_text()
    crash = f'[services.bad]\ncommand = "{APP}"\nenv = {{ BROKEN = "crash" }}\n'
    project.write(f"{text}\n{crash}port = {project.port + 8}\n").cli("apply", code=1)
    wait_for_answers(clients, 20)
    project.write(text).cli("apply")


def log_flood(project, clients, times):
    """200 MB of output from a worker."""
    daemon = psutil.Process(project.status()["daemon"]["pid"])
    before = daemon.memory_info().rss
    text = project.file.read_text()
    flood = (
        "import sys; [sys.stdout.write('x' * 1023 + chr(10)) for _ in range(200_000)]; "
        "import time; print('flooded', flush=True); time.sleep(600)"
    )
    (project.folder / "flood.py").write_text(flood)
    python = APP.split()[0]
    other = f'[services.flood]\ncommand = "{python} {project.folder / "flood.py"}"\n'
    project.write(f"{text}\n{other}").cli("apply")
    helpers.until(lambda: "flooded" in project.cli("logs", "flood", "-n", "1"), 60)
    wait_for_answers(clients, 3)
    assert daemon.memory_info().rss < before + 10_000_000
    project.write(text).cli("apply")


def state_folder_gone(project, clients, times):
    """the state folder removed under the running daemon."""
    import shutil

    wait_for_answers(clients, 3)
    worker, folder = project.pids()[0], project.state_dir()
    # Somebody may be writing there just now, which rmtree takes ill.
    helpers.until(lambda: shutil.rmtree(folder, True) or not (folder / "lock").exists())
    kill(worker)
    wait_for_answers(clients, 3)
    helpers.until((folder / "journal.json").exists)  # the last that is written anew
    helpers.until(lambda: project.run("status").returncode == 0)
    project.cli("start")  # and no second daemon
    project.all_running(3)
    kill(project.status()["daemon"]["pid"])
    helpers.until(lambda: project.run("status").returncode == 0)
    project.all_running(3)
    wait_for_answers(clients, 3)


def stubborn_worker(project, clients, times):
    """stop of another service whose worker ignores SIGTERM."""
    text = project.file.read_text()
    other = (
        f'[services.other]\ncommand = "{APP}"\nport = {project.port + 8}\n'
        'env = { STUBBORN = "1" }\nstop = { grace = "200ms" }\n'
    )
    project.write(f"{text}\n{other}").cli("apply")
    wait_for_answers(clients, 3)
    project.cli("stop", "other")
    assert project.workers("other") == []


def leak(project, clients, times):
    """a worker leaks memory past its soft limit."""
    for _ in range(times):
        _eat(project, clients)
    told = [event["text"] for event in project.events() if event["kind"] == "rolling"]
    assert any("over its memory_soft of 90M" in text for text in told)


def leak_past_the_hard_limit(project, clients, times):
    """a worker takes memory past its hard limit."""
    for _ in range(times):
        _eat(project, clients)
    assert "over its memory limit of 90M" in project.cli("why", "api")


def _eat(project, clients):
    """Let one worker take memory; return when it is gone and another one has come."""
    wait_for_answers(clients, 3)
    before = {worker["pid"] for worker in project.all_running(3)}
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{project.url}/eat/80", timeout=20):
        pass
    helpers.until(lambda: not before <= set(project.pids()))
    project.all_running(3)


def _are_gone(project, proxies):
    return not proxies & {proxy["pid"] for proxy in project.status()["proxies"]}


def _pids(status):
    """Return all that must outlive the daemon and the keeper."""
    workers = [w["pid"] for service in status["services"] for w in service["workers"]]
    return workers, [proxy["pid"] for proxy in status["proxies"]]


def _managers(status):
    return status["daemon"]["keeper_pid"], status["daemon"]["pid"]


FREELY = "restart = { healthy_after = '100ms', limit = 1000 }"
TRIED = 'health = { path = "/", start_timeout = "5s" }\nstop = { drain = "30s", grace = "100ms" }'
IMPATIENT = (
    'health = { hang_timeout = "1s", timeout = "500ms" }\nstop = { drain = "30s", grace = "100ms" }'
)
LASTING = tuple(kind for kind in EVERY_KIND if kind not in ("close", "upload", "download"))
"""Who holds one connection all the time."""

FAULTS = (
    Fault(kill_one_of_three, f"instances = 3\n{FREELY}", DIED),
    Fault(kill_the_only_worker, f"instances = 1\n{FREELY}", DIED),
    Fault(kill_all_workers, f"instances = 3\n{FREELY}", DIED),
    Fault(terminate_a_worker, f"instances = 3\n{FREELY}", DIED),
    Fault(rolling_reload, excused=REPLACED),
    Fault(reload_onto_broken_code, f"instances = 3\n{TRIED}"),
    Fault(restart, excused=STOPPED),
    Fault(scale_up_and_down, excused=REPLACED),
    Fault(apply_changed_env, excused=REPLACED),
    Fault(apply_added_and_removed_service),
    Fault(apply_moved_listener, kinds=LASTING),
    Fault(kill_daemon),
    Fault(kill_daemon_then_proxy, excused=PROXY_DIED),
    Fault(kill_keeper),
    Fault(kill_a_proxy, excused=PROXY_DIED, extra="[daemon]\nproxies = 2\n"),
    Fault(upgrade),
    Fault(hang_up),
    Fault(terminate_a_proxy, excused=REPLACED),
    Fault(garbage),
    # Without a request that waits there is nothing to tell by: streams may rightly be silent.
    Fault(hang, f"instances = 3\n{FREELY}\n{IMPATIENT}", DIED, kinds=REQUESTS),
    Fault(lethal_request, f"instances = 3\n{FREELY}", DIED),
    Fault(leak, f"instances = 3\n{FREELY}\nresources = {{ memory_soft = '90M' }}", REPLACED),
    Fault(
        leak_past_the_hard_limit,
        f"instances = 3\n{FREELY}\nresources = {{ memory = '90M' }}",
        DIED,
    ),
    Fault(crash_loop_beside),
    Fault(stubborn_worker),
    Fault(log_flood),
    Fault(state_folder_gone, f"instances = 3\n{FREELY}", DIED),
)
