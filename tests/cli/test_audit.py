"""What `audit show` and `audit export` choose, and how it is shown."""

import json

import pytest
from click.testing import CliRunner

from webqx_supervisor.cli.audit import Wanted, _line
from webqx_supervisor.cli.audittrail import anchors
from webqx_supervisor.cli.main import main
from webqx_supervisor.core.audit import Mark
from webqx_supervisor.daemon.auditchain import Chain, Keys
from webqx_supervisor.model.audit import Audit

COMMAND = {
    "kind": "command",
    "time": "2026-11-26T02:00:00.500Z",
    "actor": {"uid": 1000, "user": "anna", "login_user": "berta"},
    "arguments": {"body": {"services": ["api"]}},
    "after": {"service web": {}},
}
ACCESS = {"kind": "access", "time": "2026-11-26T03:00:00.000Z", "service": "api", "subject": "carl"}
TWO, THREE = 1795658400, 1795662000


@pytest.mark.parametrize(
    ("wanted", "command", "access"),
    [
        ({}, True, True),
        ({"service": "api"}, True, True),
        ({"service": "web"}, True, False),
        ({"service": "none"}, False, False),
        ({"user": "anna"}, True, False),
        ({"user": "berta"}, True, False),
        ({"user": "carl"}, False, True),
        ({"since": TWO}, True, True),
        ({"since": TWO + 1}, False, True),
        ({"until": TWO + 1}, True, False),
        ({"until": THREE - 1}, True, False),
    ],
)
def test_records_are_chosen_by_time_service_and_user(wanted, command, access):
    chosen = Wanted(**wanted)
    for record, expected in ((COMMAND, command), (ACCESS, access)):
        assert (chosen.is_then(record) and chosen.takes(record)) == expected


def test_what_a_record_holds_does_nothing_to_a_terminal():
    line = _line({"seq": 1, "kind": "access", "subject": "\x1b[2J", "path": "/a\nb"})
    assert line.isprintable()


def test_anchors_are_found_in_any_log():
    text = ["Nov 26 host webqx-sv[1]: audit anchor 7:" + "ab" * 32, "else", "audit anchor x:y"]
    assert anchors(text) == [Mark(7, "ab" * 32)]


@pytest.fixture
def copy(tmp_path):
    chain = Chain(tmp_path / "copy", Audit(), Keys())
    chain.open()
    chain.append([COMMAND, ACCESS, {"kind": "access", "subject": "\ud800"}])
    chain.close("stopped")
    return str(tmp_path / "copy")


def run(*words):
    return CliRunner().invoke(main, ["audit", *words, "-c", "/nowhere/services.toml"])


def test_a_copy_is_read_without_its_services_toml(copy):
    exported = run("export", "--folder", copy)
    assert [json.loads(line)["seq"] for line in exported.output.splitlines()] == [1, 2, 3, 4]
    assert len(run("show", "--folder", copy, "-n", "2").output.splitlines()) == 2
    assert json.loads(run("verify", "--folder", copy, "--json").output)["intact"]


def test_without_a_log_there_is_nothing_to_verify(tmp_path):
    verified = run("verify", "--folder", str(tmp_path))
    assert verified.exit_code == 1
    assert "there is no audit log" in verified.output
