"""Programs that end by themselves: what is started again, what is waited for, what comes first."""

import os
import signal

import helpers


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
