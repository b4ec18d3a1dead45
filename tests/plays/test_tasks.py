"""Programs that end by themselves: what is started again, what is waited for, what comes first."""

import json
import os
import re
import signal

import helpers
from project import APP


def told(project, words):
    return helpers.until(lambda: (text := project.cli("events")) and words in text and text)


def kill_the_daemon(project):
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)


def test_what_has_exited_for_good_stays_so_under_the_next_daemon(project):
    runs = project.folder / "runs"
    project.write(f"""
[services.once]
command = ["sh", "-c", "echo run >> {runs}"]
restart = "on-failure"
""").cli("start")
    helpers.until(lambda: project.workers("once")[0]["state"] == "EXITED")
    kill_the_daemon(project)
    (worker,) = project.workers("once")
    assert worker["state"] == "EXITED"
    assert "exited 0" in worker["reason"]
    assert runs.read_text() == "run\n"
    project.cli("start", "once")
    helpers.until(lambda: runs.read_text() == "run\n" * 2)


def migrated(project, script):
    return project.write(f"""
[services.migrate]
command = ["sh", "-c", "{script}"]
kind = "task"
[services.api]
command = "{APP}"
port = {project.port}
listen = {project.listen}
depends_on = {{ migrate = "completed" }}
""")


def test_a_service_starts_when_the_task_it_depends_on_has_completed(project):
    gate = project.folder / "gate"
    os.mkfifo(gate)
    start = migrated(project, f"read line < {gate}").popen("start")
    helpers.until(lambda: project.run("status").returncode == 0)
    helpers.until(lambda: project.workers("migrate")[0]["state"] == "RUNNING")
    assert [worker["pid"] for worker in project.workers()] == [None]
    assert start.poll() is None
    gate.write_text("go\n")
    text = start.communicate(timeout=60)[0]
    assert start.returncode == 0, text
    assert "EXITED 0" in text
    (worker,) = project.all_running(1)
    (task,) = project.workers("migrate")
    assert (task["state"], task["exit_code"]) == ("EXITED", 0)
    project.cli("reload")
    assert project.workers("migrate") == [task]
    kill_the_daemon(project)
    assert project.workers("migrate") == [task]
    assert project.pids() != [worker["pid"]]


def test_a_task_that_fails_fails_the_start_and_runs_once(project):
    runs = project.folder / "runs"
    script = f"echo run >> {runs}; echo no such table >&2; exit 3"
    said = migrated(project, script).cli("start", code=1)
    assert "no such table" in said
    assert "waits for migrate (completed)" in said
    assert runs.read_text() == "run\n"
    (task,) = project.workers("migrate")
    assert (task["state"], task["exit_code"]) == ("EXITED", 3)
    runs.unlink()
    migrated(project, f"echo again >> {runs}").cli("apply")
    project.all_running(1)
    assert runs.read_text() == "again\n"


def test_an_apply_runs_the_new_task_before_the_new_workers(project):
    order = project.folder / "order"
    migrated(project, f"echo first >> {order}").cli("start")
    (old,) = project.pids()
    text = project.file.read_text().replace("echo first", "sleep 0.3; echo second")
    project.write(text.replace("[services.api]", "[services.api]\nenv = { NOTE = 'new' }"))
    project.cli("apply")
    (new,) = project.pids()
    assert new != old
    events = project.cli("events").splitlines()
    completed = max(at for at, line in enumerate(events) if "completed" in line)
    ready = max(at for at, line in enumerate(events) if f"pid {new}" in line and "ready" in line)
    assert completed < ready


def test_a_task_of_an_apply_that_fails_leaves_the_old_workers(project):
    migrated(project, "exit 0").cli("start")
    before = project.pids()
    text = project.file.read_text().replace("exit 0", "exit 4")
    project.write(text.replace("[services.api]", "[services.api]\nenv = { NOTE = 'new' }"))
    assert "exited 4" in project.cli("apply", code=1)
    assert project.pids() == before


def test_what_depends_on_others_stops_before_them(project):
    notes = project.folder / "notes"
    script = "trap 'echo $0 >> {notes}; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    services = [
        f"""
[services.{name}]
command = ["sh", "-c", "{script.format(notes=notes)}", "{name}"]
depends_on = {{ {needs} }}
"""
        for name, needs in (("web", "app = 'ready'"), ("app", "db = 'ready'"), ("db", ""))
    ]
    project.write("".join(services)).cli("start")
    for name in ("web", "app", "db"):
        helpers.until(lambda name=name: "up" in project.cli("logs", name))
    project.cli("restart")
    assert notes.read_text().split() == ["web", "app", "db"]
    ready = [line for line in project.cli("events").splitlines() if " ready" in line][-3:]
    assert [
        line.split("pid")[0].count(name)
        for line, name in zip(ready, ("db", "app", "web"), strict=True)
    ] == [1, 1, 1]
    for name in ("web", "app", "db"):
        helpers.until(lambda name=name: project.cli("logs", name).count("up") == 2)
    project.cli("stop")
    assert notes.read_text().split() == ["web", "app", "db"] * 2


def test_a_job_runs_at_its_times_and_never_twice_at_once(project):
    runs = project.folder / "runs"
    job = f"echo b >> {runs}; sleep 1.5; echo e >> {runs}"
    project.write(f"""
[services.skip]
command = ["sh", "-c", "{job}"]
schedule = "* * * * * *"
""").cli("start")
    told(project, "so this run is left out")
    helpers.until(lambda: runs.read_text().startswith("b\ne\nb\ne\n"))
    assert project.run("start").returncode == 0


def test_a_job_that_still_runs_is_ended_for_the_next_run(project):
    project.write("""
[services.kill]
command = "sleep 1000"
schedule = "* * * * * *"
overlap = "kill"
""").cli("start")
    told(project, "is ended for the next run")
    told(project, "still ran when its next run was due")
    first, second = helpers.until(
        lambda: (
            (found := re.findall(r"started.* pid (\d+)", project.cli("events")))[1:2] and found[:2]
        )
    )
    assert first != second


def test_a_job_that_still_runs_at_its_next_time_may_be_followed_by_one_run(project):
    runs = project.folder / "runs"
    gate = project.folder / "gate"
    os.mkfifo(gate)
    project.write(f"""
[services.queue]
command = ["sh", "-c", "echo b >> {runs}; read line < {gate}; echo e >> {runs}"]
schedule = "* * * * * *"
overlap = "queue"
""").cli("start")
    helpers.until(lambda: project.cli("events").count("the next run follows at once") >= 2)
    assert runs.read_text() == "b\n"
    gate.write_text("go\n")
    helpers.until(lambda: runs.read_text() == "b\ne\nb\n")


def test_what_has_no_need_to_run_is_well_and_what_failed_is_not(project):
    project.write(f"""
[services.done]
command = "sh -c 'exit 0'"
kind = "task"
[services.failed]
command = "sh -c 'exit 3'"
kind = "task"
[services.job]
command = "true"
schedule = "0 0 1 1 *"
kind = "task"
[services.lazy]
command = "sleep 600"
profiles = ["never"]
[services.halted]
command = "sleep 600"
[services.asleep]
command = "sleep 600"
port = {project.port}
listen = {project.listen}
instances = 0
autoscale = {{ min = 0, max = 1 }}
""").cli("start", code=1)
    project.cli("stop", "halted")
    services = project.status()["services"]
    assert [each["name"] for each in services if not each["well"]] == ["failed"]
    (row,) = json.loads(project.cli("ps", "--json"))["daemons"]
    assert (row["up"], row["total"]) == (3, 5), "failed and halted are not up, lazy does not count"


def test_an_apply_does_not_blame_what_it_did_not_touch(project):
    def with_mode(mode):
        failed = '[services.failed]\ncommand = "false"\nkind = "task"\n'
        api = f'[services.api]\ncommand = "sleep 600"\nenv = {{ MODE = "{mode}" }}\n'
        return project.write(failed + api)

    with_mode("old").cli("start", code=1)
    done = with_mode("new").run("apply")
    assert done.returncode == 1, "what should be up is not"
    assert "api: reload" in done.stdout
    assert "failed did not come up before" in done.stderr
