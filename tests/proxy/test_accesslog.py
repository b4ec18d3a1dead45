import logging
import re
from pathlib import Path

from helpers import auntil
from stage import Stage, echo, request

from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.accesslog import AccessLog, Record


def record(log: AccessLog, target: bytes = b"/", *, reason: str = "") -> Record:
    number = log.next_request()
    return Record(2.5, 2.0, "::1", b"GET", target, 200, 5, "api:1@9", number, 1, reason, "")


def open_log(folder: Path, **options) -> AccessLog:
    reactor = Reactor(clock=lambda: 0.0)
    reactor._poller.close()  # nothing runs here
    return AccessLog(reactor, folder, wall_clock=lambda: 1_000_000_000.0, **options)


def test_a_line_holds_everything_in_its_order(tmp_path):
    log = open_log(tmp_path)
    log._flusher_sleeps = True
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
    log._flusher_sleeps = True
    for _ in range(3):
        log.record(record(log, b"/" + b"x" * 100))
        log.flush()
    assert not log.path.exists()
    assert log.path.with_name("access.log.1").read_text().count("\n") == 1


def test_a_file_that_another_proxy_put_aside_is_not_put_aside_again(tmp_path):
    log = open_log(tmp_path, max_size=100)
    log.path.write_text("the new one\n")
    with (tmp_path / "old").open("wb") as old:
        old.write(b"x" * 200)
        old.flush()
        log._rotate(old.fileno())
    assert log.path.read_text() == "the new one\n"


def test_a_disk_that_refuses_costs_lines_and_one_complaint(tmp_path, caplog):
    log = open_log(tmp_path / "missing")
    log._flusher_sleeps = True
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
