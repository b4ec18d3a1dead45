"""Workers that are replaced because their time is over: rolling, gated, and never all at once."""

import os
import re
import signal

import helpers
import httpx
from project import APP


def replaced(project, before):
    gone = {None, *before}
    return helpers.until(lambda: not gone & set(pids := project.pids()) and pids)


def test_old_workers_are_replaced_one_by_one_and_no_request_is_lost(project):
    project.service(more='max_age = "2s"').cli("start")
    before = project.pids()
    with httpx.Client() as client:
        while set(before) & set(project.pids()):
            assert client.get(project.url).status_code == 200
    assert "s old" in project.cli("events")
    kinds = re.findall(r"(rolling|ready|stopped)  ", project.cli("events"))[2:]
    assert kinds[:6] == ["rolling", "ready", "stopped"] * 2


def test_a_worker_that_has_answered_enough_is_replaced(project):
    project.service(more="instances = 1\nmax_requests = 20").cli("start")
    (before,) = project.pids()
    for _ in range(15):
        assert httpx.get(project.url).status_code == 200
    assert project.pids() == [before]
    for _ in range(10):
        assert httpx.get(project.url).status_code == 200
    replaced(project, [before])
    assert re.search(r"has answered (1[89]|2\d)", project.cli("events"))  # a tenth less counts


def test_a_cron_restart_replaces_all_and_a_newcomer_that_fails_leaves_the_old_one(project):
    broken = project.folder / "next"
    broken.write_text("")
    project.service(more='cron_restart = "*/2 * * * * *"', NEXT=str(broken)).cli("start")
    before = project.pids()
    replaced(project, before)
    broken.write_text("crash")
    helpers.until(lambda: "the old worker goes on" in project.cli("events"))
    assert len(project.all_running(2)) == 2
    assert httpx.get(project.url).status_code == 200


def test_a_changed_file_reloads_and_one_that_breaks_the_start_leaves_the_old_workers(project):
    src = project.folder / "src"
    src.mkdir()
    (src / "next").write_text("")
    more = 'instances = 1\nwatch = { paths = "src", ignore = "*.log", debounce = "50ms" }'
    project.service(more=more, NEXT=str(src / "next")).cli("start")
    before = project.pids()
    (src / "x.log").write_text("does not count")
    (src / "x.py").write_text("counts")
    reloaded = replaced(project, before)
    events = project.cli("events")
    assert "changed  src/x.py\n" in events
    assert "x.log" not in events
    project.all_running(1)
    (src / "fresh").write_text("crash")
    (src / "fresh").rename(src / "next")
    helpers.until(lambda: "the old workers go on" in project.cli("events"))
    assert project.pids() == reloaded
    assert httpx.get(project.url).status_code == 200


def test_a_single_file_is_watched_through_its_folder(project):
    settings = project.folder / "settings"
    settings.write_text("1")
    project.service(more='instances = 1\nwatch = "settings"').cli("start")
    before = project.pids()
    (project.folder / "other").write_text("does not count")
    (project.folder / "new").write_text("2")
    (project.folder / "new").rename(settings)
    replaced(project, before)
    assert "changed  settings\n" in project.cli("events")


def test_a_service_goes_along_with_what_it_restarts_with(project):
    project.service(more="instances = 1\ndepends_on = { db = 'ready' }\nrestart_with = 'db'")
    text = project.file.read_text()
    project.write(f"""{text}
[services.db]
command = "{APP}"
port = {project.port + 1}
""").cli("start")
    first = project.pids()
    os.kill(project.pids("db")[0], signal.SIGKILL)
    second = replaced(project, first)
    project.cli("restart", "db")
    third = replaced(project, second)
    project.cli("reload", "db")
    fourth = replaced(project, third)
    project.all_running(1)
    project.cli("restart")
    assert project.pids() != fourth
    events = project.cli("events")
    assert events.count("restart_with db") == 3
    assert httpx.get(project.url).status_code == 200
