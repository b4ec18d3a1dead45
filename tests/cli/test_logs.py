"""The verb `logs`, on files that stand there, against a fake daemon that says which."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import helpers
import pytest

from webqx_supervisor.model.service import Logs
from webqx_supervisor.process.lines import Origin, json_lines, stamp
from webqx_supervisor.process.logfile import LogFile

AT = 1_764_000_000.0  # 2025-11-24T16:00:00Z
DAY = "2025-11-24"


@pytest.fixture
def logs(daemon, tmp_path):
    return Files(daemon, tmp_path)


class Files:
    """Log files, and the daemon's word on them."""

    def __init__(self, daemon, folder):
        self.daemon = daemon
        self.folder = folder
        self.rows = []
        daemon.answers["GET", "/logfiles"] = (200, {"workers": self.rows})

    def worker(self, service="api", instance=1, form="text", output="file", *, data=b""):
        path = self.folder / f"{service}-{instance}.log"
        path.write_bytes(data)
        self.rows.append(
            {
                "service": service,
                "instance": instance,
                "format": form,
                "output": output,
                "files": [str(path)],
            }
        )
        return path


def said(second, text, stream="out"):
    return stamp(text.encode() + b"\n", stream, AT + second)


def texts(result):
    return [line.split(" ", 2)[2] for line in result.stdout.splitlines()]


def test_a_single_worker_is_shown_octet_by_octet(logs, run):
    data = said(0, "a") + stamp(b"\xff\x00\r\n", "err", AT)
    logs.worker(data=data)
    assert run("logs").stdout_bytes == data
    assert logs.daemon.asked == [("GET", "/logfiles", None)]


def test_several_are_merged_by_time_each_with_its_name(logs, run):
    logs.worker("api", 1, data=said(1, "one") + said(4, "four"))
    logs.worker("api", 2, data=said(2, "two"))
    logs.worker("web", 1, data=said(3, "three"))
    lines = run("logs", "api", "web:1").stdout.splitlines()
    assert [re.sub(r"\| \S+ out", "|", line) for line in lines] == [
        "api:1 | one",
        "api:2 | two",
        "web:1 | three",
        "api:1 | four",
    ]
    assert logs.daemon.asked == [("GET", "/logfiles?worker=api%2Cweb%3A1", None)]


def test_the_last_n_are_the_last_of_all_together(logs, run):
    logs.worker("api", 1, data=said(1, "one") + said(4, "four"))
    logs.worker("api", 2, data=said(2, "two") + said(3, "three"))
    assert [line[-5:] for line in run("logs", "-n", "2").stdout.splitlines()] == ["three", " four"]
    assert run("logs", "-n", "0").stdout == ""


def test_a_hundred_lines_unless_since_is_said(logs, run):
    logs.worker(data=b"".join(said(second, str(second)) for second in range(150)))
    assert texts(run("logs")) == [str(second) for second in range(50, 150)]
    assert len(texts(run("logs", "--since", DAY))) == 150
    assert texts(run("logs", "--since", DAY, "-n", "1")) == ["149"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("--since", f"{DAY}T16:00:05Z"), "56789"),
        (("--since", f"{DAY}T17:00:05+01:00"), "56789"),
        (("--since", f"{DAY} 16:00:08"), "89"),
        (("--until", f"{DAY}T16:00:02"), "01"),
        (("--since", f"{DAY}T16:00:02", "--until", f"{DAY}T16:00:04"), "23"),
        (("--since", "1h"), ""),
    ],
)
def test_a_span_of_time_is_chosen(logs, run, words, shown):
    logs.worker(data=b"".join(said(second, str(second)) for second in range(10)))
    assert "".join(texts(run("logs", *words))) == shown


def test_since_may_be_said_as_how_long_ago(logs, run):
    now = time.time() - AT
    logs.worker(data=said(now - 4000, "old") + said(now - 60, "new"))
    assert texts(run("logs", "--since", "10m")) == ["new"]


def test_rotated_and_compressed_files_are_searched(logs, run):
    path = logs.worker()
    log = LogFile(path, Logs(max_size=60, keep=50, compress=True))
    for second in range(20):
        log.write(said(second, f"number {second}"))
    log.pack(lambda: False)
    log.close()
    assert (logs.folder / "api-1.log.9.gz").exists()
    assert texts(run("logs", "--grep", r"\b1$")) == ["number 1"]
    assert texts(run("logs", "-n", "2", "--grep", "[35]$")) == ["number 13", "number 15"]
    assert len(texts(run("logs", "--since", DAY))) == 20


def test_grep_looks_at_what_the_worker_wrote_alone(logs, run):
    logs.worker(data=said(0, "plain") + said(1, "an out of place"))
    assert texts(run("logs", "--grep", "out")) == ["an out of place"]
    assert texts(run("logs", "--grep", "^pl")) == ["plain"]


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        ("text", ["INFO fine", "WARN hot", "ERROR burnt"]),
        ("json", ['{"level":"info"}', '{"level":40}', '{"severity":"CRITICAL"}']),
        ("logfmt", ["level=debug", "level=warning", 'level=error msg="a b"']),
    ],
)
def test_level_shows_what_is_so_grave_or_more(logs, run, form, lines):
    data = b"".join(said(second, line) for second, line in enumerate(lines))
    logs.worker(form=form, data=data)
    assert len(texts(run("logs"))) == 3
    assert len(texts(run("logs", "--level", "warn"))) == 2
    assert len(texts(run("logs", "--level", "FATAL"))) == (1 if form == "json" else 0)


def test_lines_in_json_or_logfmt_are_shown_to_be_read(logs, run):
    logs.worker(form="json", data=said(0, '{"level":30,"msg":"up","port":3001}') + said(1, "raw"))
    assert texts(run("logs")) == ["INFO  up port=3001", "raw"]


def test_files_of_json_lines_are_shown_like_others(logs, run):
    data = json_lines(b"one\ntwo\n", "err", AT, Origin("api", 1, 77))
    logs.worker(output="json", data=said(-1, "zero") + data)
    assert run("logs").stdout.splitlines()[1] == "2025-11-24T16:00:00.000Z err one"
    assert texts(run("logs")) == ["zero", "one", "two"]


def test_json_is_one_object_a_line(logs, run):
    logs.worker(form="logfmt", data=said(0, "level=warn n=1"))
    data = json_lines(b"two\n", "err", AT + 1, Origin("web", 2, 77))
    logs.worker("web", 2, output="json", data=data)
    first, second = map(json.loads, run("logs", "--json").stdout.splitlines())
    assert first == {
        "time": "2025-11-24T16:00:00.000Z",
        "service": "api",
        "instance": 1,
        "stream": "out",
        "level": "warn",
        "line": "level=warn n=1",
        "fields": {"level": "warn", "n": "1"},
    }
    assert (second["service"], second["pid"], second["level"]) == ("web", 77, "error")


def test_those_in_journald_are_pointed_to(logs, run):
    logs.worker(output="journald")
    result = run("logs")
    assert result.stdout == ""
    assert "journalctl WEBQX_SV_SERVICE=api WEBQX_SV_INSTANCE=1" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--grep", "("],
        ["--level", "loud"],
        ["--since", "soon"],
        ["-f", "--until", "1h"],
    ],
)
def test_a_slip_is_a_matter_of_usage(logs, run, words):
    logs.worker()
    assert run("logs", *words).exit_code == 2


def test_names_have_colours_on_a_terminal_alone(logs, run, file):
    logs.worker("api", 1, data=said(0, "one"))
    logs.worker("web", 1, data=said(1, "two"))
    assert "\x1b" not in run("logs").stdout
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "webqx_supervisor", "logs", "-c", str(file)]
    with subprocess.Popen(command, stdout=theirs) as process:
        assert process.wait(20) == 0
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO is the end
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert re.findall(r"\x1b\[(\d+)m(\w+):1 \| \x1b\[0m", shown.decode()) == [
        ("36", "api"),
        ("35", "web"),
    ]


class Following:
    """`logs -f`, and its lines."""

    def __init__(self, file, *words):
        command = [sys.executable, "-m", "webqx_supervisor", "logs", "-f", "-c", str(file), *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def line(self):
        return self.process.stdout.readline().decode()


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


def test_following_goes_on_with_what_comes_and_is_wanted(logs, file):
    path = logs.worker(data=said(0, "old") + said(1, "ERROR old"))
    with Following(file, "--level", "error") as following:
        assert following.line().endswith("ERROR old\n")
        append(path, said(2, "fine") + said(3, "ERROR new"))
        assert following.line().endswith("ERROR new\n")


def test_following_takes_in_a_worker_that_is_added(logs, file):
    logs.worker("api", 1, data=said(0, "old"))
    with Following(file) as following:
        assert following.line().endswith(" old\n")
        long_ago, now = said(0, "of an earlier life"), stamp(b"new\n", "out", time.time())
        logs.worker("api", 2, data=long_ago + now)
        line = following.line()
        assert line.startswith("api:2 | ")
        assert line.endswith(" new\n")


def test_following_ends_quietly_at_ctrl_c(logs, file):
    logs.worker(data=said(0, "first"))
    with Following(file) as following:
        assert following.line().endswith("first\n")
        following.process.send_signal(signal.SIGINT)
        assert following.process.communicate(timeout=20) == (b"", b"")
        assert following.process.returncode == 0


def test_a_hostile_pattern_hangs_nobody_else_and_can_be_left(logs, file):
    logs.worker(data=said(0, "a" * 60 + "!"))
    with Following(file, "--grep", "(a+)+$") as following:
        helpers.until(lambda: logs.daemon.asked)
        following.process.send_signal(signal.SIGINT)
        helpers.until(lambda: following.process.poll() is not None)
