"""The access log of a real daemon: formats, what is left out, what is slow, and rotation."""

import json
import shutil
import subprocess
from select import select

import helpers
import httpx
import pytest

pytestmark = pytest.mark.timeout(60)


def host(project, log, more="", daemon=""):
    project.service(more=f"instances = 1\n{more}")
    text = f"[daemon]\n{daemon}\n[daemon.access_log]\n{log}\n{project.file.read_text()}"
    project.write(text).cli("start")


def logs(project):
    return project.state_dir() / "logs"


def lines(project, count, name="access.log"):
    """Return the lines once there are so many."""
    path = logs(project) / name

    def look():
        found = path.read_text().splitlines() if path.exists() else []
        return found if len(found) >= count else None

    return helpers.until(look)


def test_json_lines_say_who_asked_what(project):
    host(project, 'format = "json"')
    httpx.get(f"{project.url}/a?b=c", headers={"User-Agent": 'x "y"', "Referer": "http://r/"})
    (line,) = lines(project, 1)
    record = json.loads(line)
    assert (record["method"], record["target"], record["status"]) == ("GET", "/a?b=c", 200)
    assert (record["user_agent"], record["referer"]) == ('x "y"', "http://r/")
    assert (record["service"], record["host"]) == ("api", f"127.0.0.1:{project.listen}")


def test_logs_shows_it(project):
    host(project, 'format = "$uri"\nmax_size = 30')
    for number in range(5):
        httpx.get(f"{project.url}/number/{number}")
        helpers.until(lambda number=number: f"/{number}\n" in project.cli("logs", "--access"))
    assert project.cli("logs", "--access", "-n", "2") == "/number/3\n/number/4\n"
    assert project.cli("logs", "--access", "--grep", "[13]$") == "/number/1\n/number/3\n"
    assert "--access goes with" in project.cli("logs", "--access", "api", code=2)
    with project.popen("logs", "--access", "-f", "-n", "0") as following:
        said = following.stdout
        # Whatever comes before it reads is no part of what it shows.
        helpers.until(lambda: httpx.get(f"{project.url}/more") and select([said], [], [], 0.1)[0])
        assert following.stdout.readline() == "/more\n"
        following.kill()


@pytest.mark.skipif(shutil.which("goaccess") is None, reason="goaccess is not installed")
def test_goaccess_reads_what_proxies_write(project):
    host(project, 'format = "combined"', daemon="proxies = 2")
    for number in range(20):
        agent = 'bad "agent\\' if number % 2 else "curl/8"
        httpx.get(f"{project.url}/{number}?q=%22", headers={"User-Agent": agent})
    httpx.request("WRONG", f"{project.url}/x", headers={"Referer": '"\x01'})
    lines(project, 21)
    report = project.folder / "report.json"
    subprocess.run(
        ["goaccess", logs(project) / "access.log", "--log-format=COMBINED", "-o", report],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    general = json.loads(report.read_text())["general"]
    assert general["valid_requests"] >= 20
    assert general["failed_requests"] == 0


def test_apply_changes_the_format_and_a_route_can_be_silent(project):
    host(project, "format = '$request_method $uri'", more="access_log = false")
    httpx.get(f"{project.url}/unseen")
    text = project.file.read_text().replace("access_log = false", "").replace("$uri", "$status")
    project.write(text)
    assert "access_log: changed" in project.cli("apply")
    httpx.get(f"{project.url}/seen")
    assert lines(project, 1) == ["GET 200"]
    helpers.until(lambda: [each["requests"] for each in project.status()["proxies"]] == [2])


def test_slow_requests_stand_in_a_file_of_their_own(project):
    host(project, 'format = "$uri"\nslow = "100ms"\nsample = 0')
    httpx.get(f"{project.url}/quick")
    httpx.get(f"{project.url}/slow")
    httpx.get(f"{project.url}/garbage")
    assert lines(project, 1, "slow.log")[0].startswith("/slow")
    seen = lines(project, 2)
    assert "/quick" not in seen
    assert seen[0].startswith("/slow")


def test_files_are_rotated_and_compressed_by_several_proxies(project):
    host(project, 'max_size = "2k"\nkeep = 3\ncompress = true', daemon="proxies = 2")
    with httpx.Client() as client:
        for number in range(3):
            for _ in range(30):
                client.get(f"{project.url}/{'x' * 60}")
            # Should another proxy just hold the lock, the next batch of lines is what rotates.
            helpers.until(
                lambda number=number: (
                    client.get(f"{project.url}/more")
                    and len(list(logs(project).glob("access.log.*.gz"))) > number
                )
            )
    assert not (logs(project) / "access.log.4.gz").exists()
