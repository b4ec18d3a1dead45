"""Servers and clients of the npm registry, on both sides of the proxy, through its filters."""

import contextlib
import json
import os
import signal
import subprocess

import helpers
import pytest
from project import APPS

pytestmark = pytest.mark.skipif(
    not (APPS / "node_modules").is_dir(), reason="needs Node.js and what npm installs"
)
FILTERS = """
cors = ["https://me.github.io"]
compress = true
security_headers = true
request_headers = { set = { X-Seen = "yes" } }
"""


@contextlib.contextmanager
def node(*words):
    """Run a client; give its process, with pipes of text."""
    process = subprocess.Popen(
        ["node", *words],
        cwd=APPS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Chat:
    """Socket.IO's client; `say` returns what the server made of it."""

    def __init__(self, process):
        self._process = process

    def say(self, text):
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def socketio(project, more=""):
    project.service(f"node {APPS / 'socketio.js'}", FILTERS + more).cli("start")


def test_socket_io_upgrades_to_a_websocket(project):
    socketio(project, '[services.api.balance]\nsticky = "worker"\n')
    with node("socketio-client.js", project.url, "polling,websocket") as process:
        chat = Chat(process)
        said = helpers.until(
            lambda: (answer := chat.say("hello"))["transport"] == "websocket" and answer
        )
    assert (said["text"], said["error"], said["connections"]) == ("hello", None, 1)


def test_socket_io_polls_one_and_the_same_worker(project):
    socketio(project, '[services.api.balance]\nsticky = "worker"\n')
    with node("socketio-client.js", project.url, "polling") as process:
        chat = Chat(process)
        said = [chat.say(str(number)) for number in range(30)]
    assert {each["transport"] for each in said} == {"polling"}
    assert len({each["pid"] for each in said}) == 1
    assert said[-1]["connections"] == 1


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_socket_io_goes_on_at_another_worker_after_a_reload(project, transport):
    socketio(
        project, '[services.api.balance]\nsticky = "worker"\n[services.api.stop]\ndrain = "1s"\n'
    )
    with node("socketio-client.js", project.url, transport) as process:
        chat = Chat(process)
        before = chat.say("before")
        project.cli("reload")
        after = helpers.until(lambda: (said := chat.say("after"))["error"] is None and said)
    assert before["pid"] != after["pid"]
    assert after["connections"] == 2


def test_event_source_counts_on_at_another_worker(project):
    project.service(f"node {APPS / 'numbers.js'}", FILTERS).cli("start")
    with node("eventsource-client.js", project.url + "/events") as process:
        first = json.loads(process.stdout.readline())
        os.kill(first["pid"], signal.SIGKILL)
        seen = [first]
        while seen[-1]["pid"] == first["pid"] or len(seen) < 50:
            seen.append(json.loads(process.stdout.readline()))
    assert [event["number"] for event in seen] == list(range(1, len(seen) + 1))
