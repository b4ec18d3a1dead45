"""What workers print: kept with timestamps, rotated, followed; a flood costs the daemon nothing."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import helpers
import httpx
import psutil
import pytest
from project import APP, APPS, PYTHON

JOURNALD = Path("/lib/systemd/systemd-journald")
JOURNALD_SOCKET = Path("/run/systemd/journal/socket")
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


NODE_JSON = f"node {APPS / 'logging.js'}"


def ask(project, *paths):
    """Have the workers log; return when all that they said is there."""
    for path in paths:
        httpx.get(f"{project.url}{path}")
    helpers.until(lambda: paths[-1] in project.cli("logs", "-n", "9999"))


def test_the_lines_of_a_node_service_are_chosen_by_level_and_text(project):
    project.service(NODE_JSON, more='[services.api.logs]\nformat = "json"').cli("start")
    ask(project, "/one", "/bad", "/two", "/three")
    grave = project.cli("logs", "--level", "error").splitlines()
    assert any(line.endswith("out ERROR request pid=" + line.split("pid=")[-1]) for line in grave)
    assert all("ERROR" in line or " err " in line for line in grave)
    assert len(project.cli("logs", "--grep", "/(one|two)").splitlines()) == 2
    (line,) = project.cli("logs", "--json", "--grep", "/one").splitlines()
    said = json.loads(line)
    assert (said["service"], said["level"], said["fields"]["url"]) == ("api", "info", "/one")
    assert project.cli("logs", "--until", "1h") == ""
    assert "/three" in project.cli("logs", "--since", "1h", "--grep", "three")


def test_streams_apart_have_files_of_their_own_and_are_shown_together(project):
    more = 'instances = 1\n[services.api.logs]\nstreams = "apart"\noutput = "json"'
    project.service(NODE_JSON, more=more).cli("start")
    ask(project, "/bad", "/end")
    folder = project.state_dir() / "logs"
    out, err = folder / "api-1.out.log", folder / "api-1.err.log"
    stored = [json.loads(line) for line in out.read_text().splitlines()]
    (pid,) = project.pids()
    assert {line["stream"] for line in stored} == {"out"}
    assert {(line["service"], line["instance"], line["pid"]) for line in stored} == {
        ("api", 1, pid)
    }
    assert "Error: bad" in err.read_text()
    shown = project.cli("logs").splitlines()
    assert {LINE.match(line)[1] for line in shown} == {"out", "err"}
    assert shown == sorted(shown, key=lambda line: line[:24])
    assert not (folder / "api-1.log").exists()


def test_after_a_crash_of_the_daemon_the_lines_go_on_in_all_their_forms(project):
    more = 'instances = 1\n[services.api.logs]\nstreams = "apart"\noutput = "json"'
    project.service(NODE_JSON, more=more).cli("start")
    ask(project, "/before")
    (pid,) = project.pids()
    daemon = project.status()["daemon"]["pid"]
    os.kill(daemon, signal.SIGKILL)
    httpx.get(f"{project.url}/amidst")
    helpers.until(lambda: project.run("status").returncode == 0)
    ask(project, "/after")
    assert project.pids() == [pid]
    assert project.status()["daemon"]["pid"] != daemon
    said = [json.loads(line) for line in project.cli("logs", "--json").splitlines()]
    urls = [json.loads(line["line"]).get("url") for line in said]
    assert urls == [None, "/before", "/amidst", "/after"]
    assert {line["pid"] for line in said} == {pid}


def test_following_goes_on_over_a_scale_and_a_crash_of_the_daemon(project):
    project.service(NODE_JSON, more="instances = 1").cli("start")
    with project.popen("logs", "-f") as following:
        try:
            assert "listening" in following.stdout.readline()
            project.cli("scale", "api", "2")
            assert following.stdout.readline().startswith("api:2 | ")
            os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
            httpx.get(f"{project.url}/amidst")
            assert "/amidst" in following.stdout.readline()
        finally:
            following.terminate()


def test_a_flood_is_compressed_and_found_again(project, tmp_path):
    script = tmp_path / "flood.py"
    script.write_text(
        "import os, time\n"
        "os.write(1, b'the first line\\n')\n"
        "line = b'x' * 79 + b'\\n'\n"
        "for _ in range(500): os.write(1, line * 1000)\n"  # 40 MB
        "os.write(1, b'done\\n'); time.sleep(600)\n"
    )
    project.write(f"""
[services.quiet]
command = "{APP}"
port = {project.port}
[services.flood]
command = "{PYTHON} {script}"
logs = {{ max_size = "4M", keep = 40, compress = true }}
""").cli("start", "quiet")
    daemon = psutil.Process(project.status()["daemon"]["pid"])
    before = daemon.memory_info().rss
    project.cli("start", "flood")
    folder = project.state_dir() / "logs"
    helpers.until(
        lambda: (
            project.cli("logs", "flood", "-n", "1").endswith("done\n")
            and len([*folder.glob("flood-1.log*")]) == len([*folder.glob("flood-1.log.*.gz")]) + 1
        ),
        seconds=60,
    )
    assert daemon.memory_info().rss - before < 10 * 1024 * 1024
    assert sum(path.stat().st_size for path in folder.glob("*.gz")) < 1024 * 1024
    assert project.cli("logs", "--grep", "^[^x]*$", "flood").splitlines()[0].endswith("first line")


def test_the_daemons_own_log_is_put_aside_when_it_is_long(project):
    project.service(more="instances = 1").cli("start")
    log, aside = (project.state_dir() / name for name in ("daemon.log", "daemon.log.1"))
    with log.open("ab") as file:
        file.write(b"x" * 10 * 1024 * 1024)
    helpers.until(lambda: aside.exists() and not log.stat().st_size)
    os.kill(project.pids()[0], signal.SIGKILL)
    helpers.until(lambda: log.stat().st_size)
    assert log.stat().st_size < 1024 * 1024
    assert aside.stat().st_size > 10 * 1024 * 1024


def test_where_there_is_no_journald_the_lines_are_in_the_files(project):
    if JOURNALD_SOCKET.exists():
        pytest.skip("there is a journald here")
    more = 'instances = 1\n[services.api.logs]\noutput = "journald"'
    project.service(NODE_JSON, more=more).cli("start")
    ask(project, "/here")
    assert "journald takes no lines: No such file or directory" in project.cli("logs")


def ended(process):
    return process.poll() is not None


@pytest.fixture
def journald():
    """Start a real one in a mount namespace of its own; give what is put before commands there."""
    script = f"mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && exec {JOURNALD}"
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        inside = ("nsenter", "--target", str(process.pid), "--mount")
        look = [*inside, "test", "-S", str(JOURNALD_SOCKET)]
        try:
            helpers.until(
                lambda: (
                    process.poll() is not None or not subprocess.run(look, check=False).returncode
                )
            )
            if process.returncode is not None:
                pytest.skip(f"no namespace for a journald: {process.stderr.read().decode()}")
            yield inside
        finally:
            process.kill()


@pytest.mark.skipif(not JOURNALD.exists() or os.geteuid() != 0, reason="no journald, or no root")
def test_a_real_journald_takes_the_lines_with_their_levels(project, journald):
    more = 'instances = 1\n[services.api.logs]\noutput = "journald"\nformat = "json"'
    project.service(NODE_JSON, more=more)
    project.wrap = (*journald, "env", f"--chdir={project.folder}")
    project.cli("start")
    httpx.get(f"{project.url}/bad")
    command = [*journald, "journalctl", "-o", "json", "--no-pager", "WEBQX_SV_SERVICE=api"]

    def entries():
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return found if len(found) == 4 else None

    listening, bad, *errors = helpers.until(entries)
    assert json.loads(listening["MESSAGE"])["msg"] == "listening"
    assert listening["PRIORITY"] == "6"
    assert json.loads(bad["MESSAGE"])["url"] == "/bad"
    assert bad["PRIORITY"] == "3"
    assert [(each["MESSAGE"], each["PRIORITY"], each["WEBQX_SV_STREAM"]) for each in errors] == [
        ("Error: bad", "3", "err"),
        ("    at handler", "3", "err"),
    ]
    assert listening["SYSLOG_PID"] == str(project.pids()[0])
    assert "journalctl WEBQX_SV_SERVICE=api" in project.run("logs").stderr
    assert not [*(project.state_dir() / "logs").glob("api-*")]
