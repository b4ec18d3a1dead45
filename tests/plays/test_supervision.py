"""Workers that crash, refuse, hang, never come up or will not go; and what is said of it."""

import os
import signal
import socket
import sys

import helpers
import httpx
import pytest
from project import APP, PYTHON


def settled_event(project, words):
    return helpers.until(lambda: (text := project.cli("events")) and words in text and text)


def test_exit_code_and_signal_are_told_apart_in_words(project):
    project.service(more="instances = 1").cli("start")
    (pid,) = project.pids()
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{project.port}/exit7")
    settled_event(project, f"pid {pid} exited 7")
    (worker,) = project.all_running(1)
    assert worker["restarts"] == 1
    os.kill(worker["pid"], signal.SIGKILL)
    settled_event(project, f"pid {worker['pid']} killed by SIGKILL")


def test_what_a_crashed_worker_leaves_behind_dies_before_the_restart(project):
    project.service(more="instances = 1", CHILD="1").cli("start")

    def grandchildren():
        lines = project.cli("logs", "api:1").splitlines()
        return [int(line.split()[-1]) for line in lines if "grandchild" in line]

    first = helpers.until(grandchildren)[0]
    os.kill(project.pids()[0], signal.SIGKILL)
    helpers.until(lambda: len(grandchildren()) == 2)
    assert not helpers.is_running(first)
    assert helpers.is_running(grandchildren()[1])


def test_a_worker_that_ignores_sigterm_is_killed_after_its_grace(project):
    project.service(more='stop = { grace = "300ms" }', STUBBORN="1").cli("start")
    project.cli("stop", "api")
    assert "killed by SIGKILL" in project.cli("events")
    assert project.workers() == []


def test_a_crash_at_start_is_shown_with_its_last_words_and_fails_the_start(project):
    project.write(f"""
[services.bad]
command = "{APP}"
port = {project.port}
env = {{ BROKEN = "crash" }}
[services.good]
command = "{APP}"
port = {project.port + 1}
listen = {project.listen}
""")
    said = project.cli("start", code=1)
    assert "exited 3" in said
    assert "cannot open the database" in said
    assert httpx.get(project.url).status_code == 200


def test_a_worker_that_never_listens_fails_the_start_in_time(project):
    health = 'health = { start_timeout = "500ms" }\nstop = { grace = "100ms" }\ninstances = 1'
    project.service(more=health, BROKEN="deaf")
    assert "not ready within 0.5 s" in project.cli("start", code=1)


def test_a_missing_program_is_red_and_the_others_run(project):
    project.write(f"""
[services.bad]
command = "no-such-program-here --x"
[services.good]
command = "{APP}"
port = {project.port}
listen = {project.listen}
""")
    assert "no-such-program-here" in project.cli("start", code=1)
    states = {s["name"]: s["state"] for s in project.status()["services"]}
    assert states == {"bad": "FATAL", "good": "RUNNING"}


def test_a_taken_port_is_named_with_its_holder_before_the_worker_starts(project):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", project.port))
        holder.listen()
        said = project.service(more="instances = 1").cli("start", code=1)
    assert f"port {project.port} is held by pid {os.getpid()}" in said
    assert os.path.basename(sys.executable) in said  # noqa: PTH119 - a word in a text
    project.cli("start")  # by hand it is tried again at once
    assert httpx.get(project.url).status_code == 200


def test_a_taken_listening_address_is_named_and_fails_the_start(project):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", project.listen))
        holder.listen()
        said = project.service().cli("start", code=1)
        assert f"127.0.0.1:{project.listen} is held by pid {os.getpid()}" in said
    project.cli("start")
    assert httpx.get(project.url).status_code == 200


def test_a_crash_loop_is_given_up_and_a_start_by_hand_works_at_once(project):
    policy = 'restart = { limit = 2, window = "60s", first_delay = "10ms", retry_fatal = "1h" }'
    project.service(more=f"instances = 1\n{policy}", BROKEN="crash").cli("start", code=1)
    helpers.until(lambda: [w["state"] for w in project.workers()] == ["FATAL"])
    assert "within 60 s" in project.workers()[0]["reason"]
    project.service(more=f"instances = 1\n{policy}").cli("apply", code=0)
    assert httpx.get(project.url).status_code == 200


@pytest.mark.parametrize(
    ("broken", "why"),
    [("crash", "exited 3"), ("deaf", "not ready within 5 s"), ("ill", "not ready within 5 s")],
)
def test_a_reload_onto_broken_code_keeps_every_old_worker(project, broken, why):
    health = 'health = { path = "/", start_timeout = "5s" }\nstop = { grace = "100ms" }'
    patient = health.replace("5s", "60s")
    project.service(more=patient).cli("start")
    before = project.pids()
    project.service(more=health, BROKEN=broken)
    said = project.cli("apply", code=1)
    assert why in said
    assert project.pids() == before
    assert httpx.get(project.url).status_code == 200
    if broken == "crash":
        assert "cannot open the database" in said
    project.service(more=patient, NOTE="mended").cli("apply")
    assert httpx.get(project.url).json()["note"] == "mended"


def test_a_worker_that_says_it_is_ill_leaves_the_rotation_and_lives(project, tmp_path):
    script = tmp_path / "ill.py"
    script.write_text(ILL)
    health = 'health = { path = "/health/", interval = "50ms", fall = 2, rise = 1 }'
    project.service(f"{PYTHON} {script}", more=health).cli("start")
    pids = project.pids()
    (tmp_path / "ill-1").touch()
    helpers.until(lambda: not project.workers()[0]["healthy"])
    helpers.until(lambda: {httpx.get(project.url).text for _ in range(4)} == {"2"})
    (tmp_path / "ill-1").unlink()
    project.all_running(2)
    assert project.pids() == pids
    assert {httpx.get(project.url).text for _ in range(4)} == {"1", "2"}


ILL = """
import http.server, os, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        me = os.environ["WEBQX_SV_INSTANCE"]
        ill = self.path == "/health/" and (pathlib.Path(__file__).parent / f"ill-{me}").exists()
        self.send_response(503 if ill else 200)
        self.end_headers()
        self.wfile.write(me.encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_a_hung_worker_is_replaced(project):
    health = (
        'health = { path = "/", interval = "50ms", timeout = "100ms", fall = 2 }\n'
        'stop = { grace = "100ms", drain = "100ms" }'
    )
    project.service(more=health).cli("start")
    hung = project.pids()[0]
    os.kill(hung, signal.SIGSTOP)
    helpers.until(lambda: hung not in project.pids())
    project.all_running(2)
    assert "hung" in project.cli("events")


def test_a_busy_worker_that_answers_in_turn_survives_its_probes(project, tmp_path):
    script = tmp_path / "single.py"
    script.write_text(SINGLE)
    health = 'health = { path = "/health/", interval = "100ms", timeout = "100ms", fall = 4 }'
    project.service(f"{PYTHON} {script}", more=f"instances = 1\n{health}").cli("start")
    (pid,) = project.pids()
    limits = httpx.Timeout(30)
    with httpx.Client(timeout=limits) as a, httpx.Client(timeout=limits) as b:
        import concurrent.futures

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(client.get, project.url) for client in (a, b) for _ in range(8)]
            assert [job.result().status_code for job in jobs] == [200] * 16
    assert project.pids() == [pid]


SINGLE = """
import http.server, os, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/health/":
            until = time.process_time() + 0.2
            while time.process_time() < until: pass
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_a_service_waits_for_what_it_depends_on(project):
    project.write(f"""
[services.web]
command = "{APP}"
port = {project.port}
depends_on = {{ db = "ready" }}
[services.db]
command = "{APP}"
port = {project.port + 1}
""").cli("start")
    events = project.cli("events").splitlines()
    ready = [line for line in events if " ready" in line]
    assert "db" in ready[0]
    assert "web" in ready[1]


def test_a_service_whose_dependency_fails_says_so(project):
    project.write(f"""
[services.web]
command = "{APP}"
port = {project.port}
depends_on = {{ db = "ready" }}
[services.db]
command = "no-such-program-here"
""")
    assert "waits for db" in project.cli("start", code=1)


def test_a_worker_that_crashes_in_the_daemons_absence_is_healed(project):
    project.service().cli("start")
    daemon, (first, second) = project.status()["daemon"]["pid"], project.pids()
    os.kill(daemon, signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    os.kill(daemon, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    workers = project.all_running(2)
    assert second in [w["pid"] for w in workers]
    assert first not in [w["pid"] for w in workers]


def test_an_order_by_hand_outlives_the_daemon(project):
    project.service().cli("start")
    project.cli("scale", "api", "3")
    pids = project.pids()
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.pids() == pids
    project.cli("stop", "api")
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.workers() == []


def test_a_proxy_born_after_the_start_is_taken_over_by_the_next_daemon(project):
    project.service().cli("start")
    (first,) = project.status()["proxies"]
    os.kill(first["pid"], signal.SIGKILL)

    def second():
        pids = [proxy["pid"] for proxy in project.status()["proxies"]]
        return pids if pids and pids != [first["pid"]] else None

    pids = helpers.until(second)
    assert httpx.get(project.url).status_code == 200
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert [proxy["pid"] for proxy in project.status()["proxies"]] == pids
    assert httpx.get(project.url).status_code == 200


def test_sighup_applies_the_edited_file(project):
    project.service().cli("start")
    daemon = project.status()["daemon"]["pid"]
    project.service(NOTE="edited")
    os.kill(daemon, signal.SIGHUP)
    helpers.until(lambda: httpx.get(project.url).json()["note"] == "edited")
    project.write("[services.api]\ncommand = 7\n")
    os.kill(daemon, signal.SIGHUP)
    settled_event(project, "services.api.command")
    assert project.status()["daemon"]["pid"] == daemon


def test_proxies_are_added_and_removed_by_apply(project):
    text = project.service().file.read_text()
    project.cli("start")
    project.write(text + "[daemon]\nproxies = 2\n").cli("apply")
    helpers.until(lambda: len(project.status()["proxies"]) == 2)
    assert httpx.get(project.url).status_code == 200
    project.write(text).cli("apply")
    helpers.until(lambda: len(project.status()["proxies"]) == 1)
    assert httpx.get(project.url).status_code == 200
