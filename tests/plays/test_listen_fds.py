"""`listen_fds`: workers accept for themselves on sockets that outlive every one of them."""

import json
import os
import signal
import socket
import threading
from pathlib import Path

import helpers
import httpx
import psutil
import pytest
from load import failures, load, nobody_listens, wait_for_answers
from project import APPS, PYTHON

pytestmark = pytest.mark.timeout(120)
NODE = f"node {APPS / 'handed.js'}"
UVICORN = f"{PYTHON} -m uvicorn asgi:app --app-dir {APPS} --fd 3 --log-level warning"
GUNICORN = f"{PYTHON} -m gunicorn asgi:wsgi --chdir {APPS} --workers 1"
SERVERS = {"node": NODE, "uvicorn": UVICORN, "gunicorn": GUNICORN}


def write(project, command=NODE, *lines, instances=2, listen=None):
    return project.write(
        "\n".join(
            [
                "[services.api]",
                f"command = {json.dumps(command)}",
                f"listen = {listen or project.listen}",
                "listen_fds = true",
                f"instances = {instances}",
                *lines,
                "",
            ]
        )
    )


def test_the_sockets_come_as_sd_listen_fds_says(project):
    listen = [f"127.0.0.1:{project.listen}", f"[::1]:{project.listen + 1}"]
    write(project, listen=json.dumps(listen), instances=1).cli("start")
    (worker,) = project.all_running(1)
    assert worker["port"] is None
    (service,) = project.status()["services"]
    assert service["listen"] == listen
    for n, url in enumerate((project.url, f"http://[::1]:{project.listen + 1}")):
        seen = httpx.get(url).json()
        assert seen == {
            "pid": worker["pid"],
            "n": n,
            "listen_pid": worker["pid"],
            "names": "api:api",
            "port": "",
            "note": "",
        }


def test_no_proxy_is_in_the_way(project):
    write(project).cli("start")
    assert all(listens(pid, project.listen) for pid in project.pids())
    proxies = [proxy["pid"] for proxy in project.status()["proxies"]]
    assert not any(listens(pid, project.listen) for pid in proxies)


def listens(pid, port):
    every = psutil.Process(pid).net_connections("tcp")
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in every)


CLOSED = "close: RemoteDisconnected Remote end closed connection without response"


@pytest.mark.parametrize("server", SERVERS)
def test_a_reload_loses_no_connection(project, server):
    write(project, SERVERS[server]).cli("start")
    before = set(project.pids())
    with load(project.listen, "close", "close", "close", rate=60) as clients:
        wait_for_answers(clients, 20)
        project.cli("reload", "api")
        wait_for_answers(clients, 20)
    # uvicorn closes what it has accepted and not read when its stop signal comes.
    lost = failures(clients)
    assert lost == [CLOSED] * len(lost)
    assert len(lost) <= (len(before) if server == "uvicorn" else 0)
    project.all_running(2)
    assert not before & set(project.pids())


def test_a_worker_that_dies_takes_no_waiting_connection_with_it(project):
    write(project, instances=1).cli("start")
    (old,) = project.pids()
    os.kill(old, signal.SIGSTOP)
    answers = []

    def ask():
        answers.append(httpx.get(project.url, timeout=30).json()["pid"])

    clients = [threading.Thread(target=ask) for _ in range(5)]
    for client in clients:
        client.start()
    helpers.until(lambda: waiting(project.listen) == 5)
    os.kill(old, signal.SIGKILL)
    for client in clients:
        client.join(timeout=30)
    assert len(answers) == 5
    assert old not in answers


def waiting(port):
    """Return how many connections wait in the queue of a listening socket, by proc(5)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [row for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port]
    return sum(int(row[4].split(":")[1], 16) for row in ours)


def test_others_take_over_from_one_that_dies(project):
    write(project).cli("start")
    with load(project.listen, "close", "close", rate=60) as clients:
        wait_for_answers(clients, 20)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{project.url}/exit7")
        wait_for_answers(clients, 20)
        project.all_running(2)
    # What the dying worker had accepted dies with it, and that is one connection a client at most.
    assert len(failures(clients)) <= len(clients)


@pytest.mark.parametrize("both", [False, True])
def test_the_sockets_outlive_the_daemon(project, both):
    write(project).cli("start")
    pids, managers = project.pids(), project.status()["daemon"]
    with load(project.listen, "close", "keep", rate=60) as clients:
        wait_for_answers(clients, 10)
        if both:
            os.kill(managers["keeper_pid"], signal.SIGKILL)
        os.kill(managers["pid"], signal.SIGKILL)
        wait_for_answers(clients, 10)
        if both:
            project.cli("start")
        helpers.until(lambda: project.run("status").returncode == 0)
        assert project.pids() == pids
        wait_for_answers(clients, 10)
        project.cli("upgrade")
        wait_for_answers(clients, 10)
    assert failures(clients) == []
    project.cli("reload")
    assert httpx.get(project.url).json()["pid"] in project.pids()


def test_scale_and_apply(project):
    write(project, instances=1).cli("start")
    project.cli("scale", "api", "3")
    pids = project.pids()
    with load(project.listen, "close", "close", rate=60) as clients:
        write(project, NODE, 'env = { NOTE = "new" }', instances=2).cli("apply")
        wait_for_answers(clients, 10)
    assert failures(clients) == []
    assert not set(pids) & set(project.pids())
    assert httpx.get(project.url).json()["note"] == "new"
    moved = project.listen
    project.listen += 1
    write(project).cli("apply")
    assert httpx.get(project.url).status_code == 200
    helpers.until(lambda: nobody_listens(moved))


def test_from_a_proxy_to_own_sockets_and_back(project):
    """Connections that come meanwhile wait in the queue of the socket, which stays the same."""
    behind = f"node {APPS / 'plain.js'}"
    project.service(behind).cli("start")
    for turn in ("handed", "proxied"):
        with load(project.listen, "close", "close", rate=60) as clients:
            wait_for_answers(clients, 10)
            if turn == "handed":
                write(project).cli("apply")
            else:
                project.service(behind).cli("apply")
            wait_for_answers(clients, 10)
        assert failures(clients) == []
        (service,) = project.status()["services"]
        assert [worker["port"] is None for worker in service["workers"]] == [turn == "handed"] * 2


def test_a_worker_that_never_waits_for_connections_counts_as_ready_in_the_end(project):
    write(project, "sleep 1000", instances=1).cli("start")
    (event,) = [line for line in project.cli("events").splitlines() if "  ready  " in line]
    assert float(event.split(" after ")[1].split()[0]) >= 3


def test_an_address_that_is_taken_is_named(project):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", project.listen))
        holder.listen()
        assert "is held by pid" in write(project).cli("start", code=1)
    project.cli("start")
    assert httpx.get(project.url).status_code == 200


def test_what_needs_a_proxy_is_told_with_its_line(project):
    said = write(
        project,
        NODE,
        f"port = {project.port}",
        "cors = ['https://a.example']",
        'balance = "hash"',
        "breaker = true",
        "max_requests = 5",
        'health = { path = "/", start_timeout = "5s" }',
        'stop = { drain = "1s", grace = "1s" }',
        '[services.b]\ncommand = "true"\nlisten_fds = true',
        '[services.c]\ncommand = "true"\nlisten_fds = true',
        f"listen = {{ bind = {project.listen + 1}, max_connections = 5 }}",
        '[services.d]\nremote = "http://10.0.0.1:80"\nlisten_fds = true',
        f"[listeners.web]\nbind = {project.listen + 2}",
        '[[routes]]\nlistener = "web"\nservice = "a"\n'.replace('"a"', '"api"'),
    ).cli("check", code=78)
    proxy = "with `listen_fds` no proxy is in the way, which this takes"
    nobody = "with `listen_fds` the workers share a socket"
    for line in (
        "services.toml:6: services.api.port: with `listen_fds` the workers accept on `listen`",
        f"services.toml:7: services.api.cors: {proxy}",
        f"services.toml:8: services.api.balance: {proxy}",
        f"services.toml:9: services.api.breaker: {proxy}",
        f"services.toml:10: services.api.max_requests: {nobody}",
        f"services.toml:11: services.api.health.path: {nobody}",
        f"services.toml:12: services.api.stop.drain: {nobody}",
        "services.toml:15: services.b.listen_fds: needs `listen`",
        f"services.toml:19: services.c.listen.max_connections: {proxy}",
        "services.toml:22: services.d.listen_fds: has no meaning",
        "services.toml:27: routes[0].service: service `api` accepts for itself",
    ):
        assert line in said
    assert "start_timeout" not in said
    assert "grace" not in said


def test_while_it_is_stopped_who_comes_is_refused(project):
    write(project, NODE, '[services.b]\ncommand = "sleep 1000"').cli("start", "b")
    refused(project)
    project.cli("start", "api")
    assert httpx.get(project.url).status_code == 200
    project.cli("stop", "api")
    refused(project)
    old = project.status()["daemon"]["pid"]
    os.kill(old, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.workers() == []
    refused(project)
    project.cli("restart", "api")
    assert httpx.get(project.url).status_code == 200


def refused(project):
    helpers.until(lambda: nobody_listens(project.listen))


@pytest.mark.parametrize("first", ["handed", "proxied"])
def test_what_fails_to_change_sides_stays_where_it_was(project, first):
    broken = 'hooks = { before_start = "false" }'
    proxied = (project.service, f"node {APPS / 'plain.js'}", broken)
    handed = (lambda command, more="": write(project, command, more), NODE, broken)
    (start, command, _), (change, other, hook) = (
        (handed, proxied) if first == "handed" else (proxied, handed)
    )
    start(command).cli("start")
    pids = project.pids()
    with load(project.listen, "close", "close", rate=60) as clients:
        wait_for_answers(clients, 10)
        assert "before_start" in change(other, hook).cli("apply", code=1)
        wait_for_answers(clients, 10)
    assert failures(clients) == []
    assert project.pids() == pids
    change(other).cli("apply")
    assert httpx.get(project.url).json()["pid"] in project.pids()


def test_an_address_moves_only_if_the_workers_do(project):
    write(project).cli("start")
    old, new = project.url, f"http://127.0.0.1:{project.listen + 1}"
    broken = 'hooks = { before_start = "false" }'
    with load(project.listen, "close", "close", rate=60) as clients:
        wait_for_answers(clients, 10)
        write(project, NODE, broken, listen=project.listen + 1).cli("apply", code=1)
        wait_for_answers(clients, 10)
    assert failures(clients) == []
    helpers.until(lambda: nobody_listens(project.listen + 1))
    project.cli("reload", "api")
    assert httpx.get(old).status_code == 200
    write(project, listen=project.listen + 1).cli("apply")
    assert httpx.get(new).status_code == 200
    refused(project)
