"""What workers print: kept with timestamps, rotated, followed; a flood costs the daemon nothing."""

import re

import helpers
import httpx
import psutil
from project import APP, PYTHON

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (out|err) ")


def test_lines_are_stamped_and_told_apart(project):
    project.service(more="instances = 1").cli("start")
    httpx.get(f"{project.url}/say/hello")
    helpers.until(lambda: "err hello" in project.cli("logs", "api:1"))
    lines = project.cli("logs", "api").splitlines()
    assert all(LINE.match(line) for line in lines)
    assert any(line.endswith("out listening") for line in lines)


def test_logs_of_all_workers_bear_their_names(project):
    project.service().cli("start")
    helpers.until(lambda: project.cli("logs").count("listening") == 2)
    assert {line.split(" ")[0] for line in project.cli("logs").splitlines()} == {"api:1", "api:2"}
    assert len(project.cli("logs", "-n", "1").splitlines()) == 1


def test_logs_follow_shows_what_comes(project):
    project.service(more="instances = 1").cli("start")
    following = project.popen("logs", "-f", "api")
    try:
        while "listening" not in following.stdout.readline():
            pass
        httpx.get(f"{project.url}/say/fresh")
        assert "err fresh" in following.stdout.readline()
    finally:
        following.terminate()
        following.wait()
        following.stdout.close()


def test_a_flood_costs_the_daemon_no_memory_and_status_still_answers(project, tmp_path):
    script = tmp_path / "flood.py"
    script.write_text(
        "import os, time\n"
        "line = b'x' * 79 + b'\\n'\n"
        "for _ in range(3000): os.write(1, line * 1000)\n"  # 240 MB
        "os.write(1, b'done\\n'); time.sleep(600)\n"
    )
    project.write(f"""
[services.quiet]
command = "{APP}"
port = {project.port}
[services.flood]
command = "{PYTHON} {script}"
logs = {{ max_size = "8M", keep = 2 }}
""").cli("start", "quiet")
    daemon = psutil.Process(project.status()["daemon"]["pid"])
    before = daemon.memory_info().rss
    project.cli("start", "flood")
    most = 0

    def done():
        nonlocal most
        most = max(most, daemon.memory_info().rss)
        return project.cli("logs", "flood", "-n", "1").endswith("done\n")

    helpers.until(done, seconds=60)
    assert most - before < 10 * 1024 * 1024
    sizes = [path.stat().st_size for path in (project.state_dir() / "logs").glob("flood-1.log*")]
    assert len(sizes) == 3
    assert max(sizes) < 10 * 1024 * 1024


def test_state_is_for_its_owner_only(project):
    project.service(SECRET="s3cret").cli("start")
    state = project.state_dir()
    assert state.stat().st_mode & 0o777 == 0o700
    for name in ("wanted.json", "journal.json"):
        assert (state / name).stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in project.cli("describe", "api")
    assert "s3cret" not in project.cli("status", "--json")
