"""Spans of a real daemon's requests, in the hands of a receiver that reads OTLP."""

import json
import os
import signal

import helpers
import httpx
import psutil
import pytest
from otlp import Receiver, attributes_of, receiving
from project import APPS, PYTHON

pytestmark = pytest.mark.timeout(120)


def host(project, receiver: Receiver, more="", daemon="", **service):
    project.service(more=f"instances = 1\n{more}", **service)
    daemon = daemon or f'tracing = "{receiver.url}"'
    project.write(f"[daemon]\n{daemon}\n{project.file.read_text()}").cli("start")


def exporters(project):
    commands = project.commands().items()
    return [each for each, words in commands if "webqx_supervisor.exporter" in words]


def the_exporter(project, other_than=0):
    """Return it once there is one, and no other."""

    def look():
        found = exporters(project)
        return found if len(found) == 1 and found[0].pid != other_than else None

    return helpers.until(look)[0]


def told(project):
    return [each["text"] for each in project.events() if each["kind"] == "tracing"]


def asks_until(project, condition):
    """Ask until it is so; every request is answered, whatever becomes of its spans."""

    def look():
        assert httpx.get(project.url).status_code == 200
        return condition()

    helpers.until(look, 40)


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def test_proxy_and_worker_tell_of_one_trace(receiver, project):
    command = f"{PYTHON} {APPS / 'traced.py'}"
    project.service(command, "instances = 1", RECEIVER=f"{receiver.url}/v1/traces")
    tracing = f'tracing = {{ endpoint = "{receiver.url}", service_name = "clinic" }}'
    project.write(f"[daemon]\n{tracing}\n{project.file.read_text()}").cli("start")
    httpx.get(f"{project.url}/a?b=c")
    helpers.until(lambda: len(receiver.spans()) == 3)
    spans = {each.name: each for each in receiver.spans()}
    request, attempt, work = spans["GET /"], spans["GET"], spans["work"]
    assert {each.trace_id for each in spans.values()} == {request.trace_id}
    assert request.parent_span_id == b""
    assert attempt.parent_span_id == request.span_id
    assert work.parent_span_id == attempt.span_id
    assert attempt.start_time_unix_nano <= work.start_time_unix_nano
    assert attributes_of(request)["url.path"] == "/a"
    assert {each["service.name"] for each in receiver.resources()} == {"clinic", "worker"}
    assert helpers.until(lambda: told(project)) == [f"spans go to {receiver.url}/v1/traces"]


def test_the_access_log_names_the_trace(receiver, project):
    host(project, receiver, daemon=f'tracing="{receiver.url}"\naccess_log = "json"')
    httpx.get(project.url)
    helpers.until(lambda: len(receiver.spans()) == 2)
    log = project.state_dir() / "logs" / "access.log"
    (line,) = helpers.until(lambda: log.exists() and log.read_text().splitlines())
    assert json.loads(line)["trace_id"] == receiver.spans()[0].trace_id.hex()


def test_what_is_in_flight_at_the_end_is_told(receiver, project):
    host(project, receiver)
    the_exporter(project)
    for _ in range(20):
        httpx.get(project.url)
    project.cli("stop")
    assert len(receiver.spans()) == 40
    assert project.processes() == []


def test_a_receiver_may_be_away(receiver, project):
    host(project, receiver)
    receiver.status = 503
    asks_until(project, lambda: told(project))
    assert "no spans go to" in told(project)[-1]
    receiver.status = 200
    asks_until(project, receiver.spans)
    helpers.until(lambda: told(project)[-1].startswith("spans go to"))


def test_an_exporter_that_dies_is_followed_by_another(receiver, project):
    host(project, receiver)
    asks_until(project, receiver.spans)
    first = the_exporter(project)
    first.kill()
    the_exporter(project, other_than=first.pid)
    before = len(receiver.spans())
    asks_until(project, lambda: len(receiver.spans()) > before)


def test_spans_go_on_after_the_daemon_was_killed(receiver, project):
    host(project, receiver)
    asks_until(project, receiver.spans)
    first = the_exporter(project)
    before = len(receiver.spans())
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    httpx.get(project.url)
    the_exporter(project, other_than=first.pid)
    psutil.wait_procs([first], timeout=20)
    # What was told while there was no exporter was kept.
    asks_until(project, lambda: len(receiver.spans()) >= before + 2)


def test_it_is_switched_on_and_off_by_apply(receiver, project):
    host(project, receiver, daemon="tracing = false")
    without = project.file.read_text()
    assert exporters(project) == []
    project.write(without.replace("tracing = false", f'tracing = "{receiver.url}"'))
    assert "tracing" in project.cli("apply")
    asks_until(project, receiver.spans)
    project.write(without).cli("apply")
    helpers.until(lambda: not exporters(project))
    before = len(receiver.spans())
    httpx.get(project.url)
    project.cli("stop")
    assert len(receiver.spans()) == before
