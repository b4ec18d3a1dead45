"""The audit log of a real daemon: who did what, whoever dies, and whoever meddles."""

import contextlib
import json
import os
import signal
import subprocess
import threading

import helpers
import httpx
import pytest

from webqx_supervisor.control.client import Client

pytestmark = pytest.mark.timeout(120)


def host(project, audit="", more="audit = true", code=0):
    """Start a service whose requests are recorded."""
    project.service(more=f"instances = 2\n{more}")
    project.write(f"[audit]\n{audit}\n{project.file.read_text()}")
    project.cli("start", code=code)


def exported(project, *words):
    return [json.loads(line) for line in project.cli("audit", "export", *words).splitlines()]


def folder(project):
    return project.state_dir() / "audit"


def recorded(project, path):
    """Return the records of requests for a path once there is one."""

    def look():
        return [each for each in exported(project) if each.get("path") == path]

    return helpers.until(look)


def key(project, name="audit.key"):
    path = project.folder / name
    path.touch(0o600)
    path.write_text(os.urandom(32).hex())
    return name


def test_commands_signals_and_requests_are_recorded(project):
    host(project)
    project.cli("scale", "api", "3")
    project.run("scale", "nobody", "3")
    httpx.get(f"{project.url}/who?secret=1")
    recorded(project, "/who")
    daemon = project.status()["daemon"]["pid"]
    os.kill(daemon, signal.SIGHUP)
    helpers.until(lambda: [r for r in exported(project) if r.get("verb") == "apply"][1:])
    records = exported(project)
    started = next(each for each in records if each["kind"] == "daemon")
    assert (started["what"], started["pid"], started["before"]) == ("started", daemon, "none")
    asked, done, wrong, refused = (each for each in records if each.get("verb") == "scale")
    assert asked["phase"] == wrong["phase"] == "asked"
    assert asked["actor"]["uid"] == os.getuid()
    assert asked["actor"]["pid"] not in (0, daemon)
    assert asked["arguments"] == {"body": {"service": "api", "instances": "3"}}
    before, after = done["before"]["service api"], done["after"]["service api"]
    assert (done["result"], before["wanted"], after["wanted"]) == ("ok", 2, 3)
    assert set(before["pids"]) < set(after["pids"])
    assert refused["result"] == "refused"
    assert "nobody" in refused["error"]
    applied = [each for each in records if each.get("verb") == "apply"]
    assert [each["actor"] for each in applied] == [{"signal": "SIGHUP"}] * 2
    assert "secret" not in (folder(project) / "audit-000000000001.jsonl").read_text()
    assert "as they were written" in project.cli("audit", "verify")
    project.cli("stop")
    last = exported(project)[-1]
    assert (last["kind"], last["what"]) == ("daemon", "stopped")
    project.cli("start")
    assert exported(project, "--since", "1m")[-3]["before"] == "stopped"
    only = exported(project, "--service", "api", "--user", exported(project)[2]["actor"]["user"])
    assert {each["verb"] for each in only} >= {"start", "scale"}


def test_what_was_changed_or_removed_is_found_by_file_and_line(project):
    host(project)
    project.cli("scale", "api", "3")
    project.cli("stop")
    name = "audit-000000000001.jsonl"
    path = folder(project) / name
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"start", b"stars"), *lines[3:]]))
    said = project.cli("audit", "verify", code=1)
    assert f"{name}:3: record 3 was changed" in said
    path.write_bytes(b"".join([*lines[:2], *lines[4:]]))
    report = json.loads(project.run("audit", "verify", "--json").stdout)
    assert not report["intact"]
    assert (report["findings"][0]["file"], report["findings"][0]["line"]) == (name, 3)
    path.write_bytes(b"".join(lines[:-1]))
    assert "are missing" in project.cli("audit", "verify", code=1)
    path.unlink()
    (folder(project) / "head.json").unlink()
    said = project.cli(
        "audit", "verify", "--anchors", str(project.state_dir() / "daemon.log"), code=1
    )
    assert "have been there and are missing" in said


def test_no_record_is_lost_or_doubled_when_daemon_and_proxy_are_killed(project):
    host(project, more="audit = true")
    answered, over = [], threading.Event()

    def ask(number):
        with httpx.Client(timeout=10) as client:
            count = 0
            while not over.is_set():
                path = f"/n/{number}/{count}"
                count += 1
                with contextlib.suppress(httpx.HTTPError):
                    if client.get(f"{project.url}{path}").status_code == 200:
                        answered.append(path)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for who in ("daemon", "proxy", "daemon"):
            seen = len(answered)
            helpers.until(lambda seen=seen: len(answered) > seen + 50)
            status = project.status()
            pid = status["daemon"]["pid"] if who == "daemon" else status["proxies"][0]["pid"]
            os.kill(pid, signal.SIGKILL)
            helpers.until(lambda pid=pid: not helpers.is_running(pid))
            helpers.until(lambda: project.run("status").returncode == 0)
        seen = len(answered)
        helpers.until(lambda: len(answered) > seen + 50)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    project.cli("stop")
    records = [each for each in exported(project) if each["kind"] == "access"]
    paths = [each["path"] for each in records if each["status"] == 200]
    ids = [each["request_id"] for each in records]
    assert len(set(ids)) == len(ids)
    # Between an answer and its record the proxy may be killed: one of each client at most.
    assert len(set(answered) - set(paths)) <= len(threads)
    assert len(answered) > 150
    started = [each for each in exported(project) if each.get("what") == "started"]
    assert [each["before"] for each in started] == ["none", "died", "died"]
    assert "as they were written" in project.cli("audit", "verify")


def test_with_keys_the_log_cannot_be_read_or_forged(project):
    lock, cipher = key(project), key(project, "cipher.key")
    host(project, f'key_file = "{lock}"\nencryption_key_file = "{cipher}"\ncommands = "all"')
    httpx.get(f"{project.url}/patients/anna")
    recorded(project, "/patients/anna")
    project.cli("status")
    text = (folder(project) / "audit-000000000001.jsonl").read_text()
    assert "anna" not in text
    assert "status" not in text
    assert any(each.get("verb") == "status" for each in exported(project))
    project.cli("upgrade")
    assert "before=upgraded" in project.cli("audit", "show")
    project.cli("stop")
    (project.folder / cipher).rename(project.folder / "away")
    project.cli("audit", "verify")  # needs no key to read
    assert "cannot be read" in project.cli("audit", "export", code=1)
    copy = project.folder / "copy"
    subprocess.run(["cp", "-r", folder(project), copy], check=True)
    words = ("--folder", str(copy), "--key-file", "away", "--key-file", lock)
    project.file.unlink()
    assert "anna" in project.cli("audit", "export", *words)
    (project.folder / lock).write_text(os.urandom(32).hex())
    assert "not at hand" in project.cli("audit", "verify", *words, code=1)


def test_apply_takes_it_up_and_lets_go(project):
    project.service().cli("start")
    plain = project.file.read_text()
    project.write(f'[audit]\nmax_age = "1d"\n{plain}\naudit = ["/who/*"]\n')
    assert "audit: changed" in project.cli("apply")
    httpx.get(f"{project.url}/who/42")
    (record,) = recorded(project, "/who/*")
    assert record["service"] == "api"
    project.write(plain).cli("apply")
    httpx.get(f"{project.url}/who/43")
    project.cli("stop")
    records = exported(project)
    begun, applied, *_, ended = records[1:]
    assert (begun["kind"], begun["before"]) == ("policy", None)
    assert (applied["verb"], applied["actor"]["uid"]) == ("apply", os.getuid())
    assert (ended["kind"], ended["after"]) == ("policy", None)
    assert len([each for each in records if each["kind"] == "access"]) == 1


def test_what_cannot_be_recorded_is_refused_where_that_is_wanted(project):
    (project.folder / "file").write_text("")
    host(project, 'folder = "file/audit"\non_failure = "refuse"', more="", code=1)
    assert "cannot be recorded" in project.cli("scale", "api", "3", code=1)
    assert len(project.all_running(2)) == 2
    assert "nothing can be recorded" in project.cli("events")
    (project.folder / "file").unlink()
    project.cli("scale", "api", "3")
    assert "records are written again" in project.cli("events")


def test_where_it_need_not_be_recorded_it_goes_on_and_is_recorded_later(project):
    (project.folder / "file").write_text("")
    host(project, 'folder = "file/audit"', more="")
    project.cli("scale", "api", "3")
    (project.folder / "file").unlink()
    project.cli("scale", "api", "2")
    verbs = [each["verb"] for each in exported(project) if each.get("phase") == "done"]
    assert verbs == ["start", "scale", "scale"]
    project.cli("audit", "verify")


def test_a_full_disk_stops_audited_requests_until_there_is_room(project):
    small = project.folder / "state"
    small.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", str(small)]
    if subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        project.service(more='instances = 1\naudit = { on_failure = "refuse" }')
        project.write(f'[daemon]\nstate_dir = "{small}"\n{project.file.read_text()}').cli("start")
        assert httpx.get(project.url).status_code == 200
        filler = (small / "filler").open("wb", buffering=0)
        with filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(512))
        helpers.until(lambda: httpx.get(f"{project.url}/{'x' * 4000}").status_code == 503)
        (small / "filler").unlink()
        helpers.until(lambda: httpx.get(project.url).status_code == 200)
        project.cli("stop")
        assert "as they were written" in project.cli("audit", "verify")
        assert [each for each in exported(project) if each["kind"] == "access"]
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_curl_is_recorded_like_any_other_caller(project):
    host(project, more="")
    Client(str(project.status_socket())).call("POST", "/pause", {"route": "api", "reason": "x"})
    asked, done = (each for each in exported(project) if each.get("verb") == "pause")
    assert asked["actor"]["pid"] == os.getpid()
    assert done["after"]["paused"] == ["api"]
