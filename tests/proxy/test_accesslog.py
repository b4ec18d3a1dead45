import logging
import re
from pathlib import Path

from helpers import auntil
from stage import Stage, echo, request

from webqx_supervisor.core.wire.parser import parse_request
from webqx_supervisor.model.accesslog import AccessLog as Policy
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.accesslog import AccessLog, Record


def record(log: AccessLog, target: bytes = b"/", *, reason: str = "", **facts) -> Record:
    number = log.next_request()
    known = {"ended": 2.5, "began": 2.0, "status": 200, "name": "", "head": None, "claims": None}
    said = known | facts
    return Record(
        said["ended"],
        said["began"],
        "::1",
        b"GET",
        target,
        said["status"],
        5,
        "api:1@9",
        number,
        1,
        reason,
        said["name"],
        said["head"],
        said["claims"],
    )


def open_log(folder: Path, **policy) -> AccessLog:
    reactor = Reactor(clock=lambda: 0.0)
    reactor._poller.close()  # nothing runs here
    log = AccessLog(reactor, folder, wall_clock=lambda: 1_000_000_000.0)
    log.follow(Policy(**policy))
    log._flusher_sleeps = True
    return log


def test_a_line_holds_everything_in_its_order(tmp_path):
    log = open_log(tmp_path)
    log.record(record(log, b"/a?b"))
    log.record(record(log, reason="worker died"))
    log.flush()
    first, second = log.path.read_text().splitlines()
    assert re.fullmatch(
        r"2001-09-09T01:46:42\.500Z ::1 GET /a\?b 200 5 500\.0 api:1@9 \w+-1 1 -", first
    )
    assert second.endswith("-2 1 worker died")


def test_a_full_file_is_put_aside(tmp_path):
    log = open_log(tmp_path, max_size=100)
    for _ in range(3):
        log.record(record(log, b"/" + b"x" * 100))
        log.flush()
    assert not log.path.exists()
    old = sorted(tmp_path.glob("access.log.*"))
    assert [path.name for path in old] == ["access.log.1", "access.log.2", "access.log.3"]
    assert all(path.read_text().count("\n") == 1 for path in old)


def test_a_reason_writes_no_line_of_its_own(tmp_path):
    log = open_log(tmp_path)
    log.record(record(log, reason='paused\n2001 "x"'))
    log.flush()
    (line,) = log.path.read_text().splitlines()
    assert line.endswith(r"paused\x0A2001 \x22x\x22")


def test_of_good_answers_a_share_is_written_and_of_others_all(tmp_path):
    log = open_log(tmp_path, sample=0.25, slow=3.0)
    for _ in range(20):
        log.record(record(log))
    log.record(record(log, b"/bad", status=404))
    log.record(record(log, b"/slow", ended=5.0))
    log.flush()
    targets = [line.split()[3] for line in log.path.read_text().splitlines()]
    assert targets == ["/"] * 5 + ["/bad", "/slow"]
    assert [line.split()[3] for line in (tmp_path / "slow.log").read_text().splitlines()] == [
        "/slow"
    ]


def test_tunnels_are_never_slow(tmp_path):
    log = open_log(tmp_path, slow=3.0)
    for status in (0, 101):
        log.record(record(log, ended=500.0, status=status))
    log.flush()
    assert not (tmp_path / "slow.log").exists()


def test_without_a_log_nothing_is_written(tmp_path):
    log = open_log(tmp_path, enabled=False)
    log.record(record(log))
    log.flush()
    assert list(tmp_path.iterdir()) == []


def test_a_format_says_what_there_is_to_say(tmp_path):
    log = open_log(tmp_path, format="combined")
    assert log.wants_heads
    head = parse_request(
        b'GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: x "y"\r\nReferer: http://h/\r\n\r\n'
    )
    log.record(record(log, b"/a", head=head, claims={"sub": "anna"}))
    log.flush()
    assert log.path.read_text() == (
        '::1 - anna [09/Sep/2001:01:46:42 +0000] "GET /a HTTP/1.1" 200 5 "http://h/" '
        '"x \\x22y\\x22"\n'
    )


def test_a_new_policy_counts_for_what_comes(tmp_path):
    log = open_log(tmp_path)
    log.record(record(log, b"/first"))
    log.follow(Policy(format="$request_uri"))
    log.record(record(log, b"/second"))
    log.flush()
    first, second = log.path.read_text().splitlines()
    assert " /first " in first
    assert second == "/second"


def test_a_disk_that_refuses_costs_lines_and_one_complaint(tmp_path, caplog):
    log = open_log(tmp_path / "missing")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            log.record(record(log))
            log.flush()
    assert caplog.text.count("lines are lost") == 1


async def test_lines_come_without_being_asked_for(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    await stage.ask(request("GET", "/seen"))
    path = stage.proxy.gateway.log.path
    await auntil(path.exists)
    assert " GET /seen 200 " in path.read_text()
