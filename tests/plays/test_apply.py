"""`apply` makes what runs match the file and touches nothing else; a wrong file changes nothing."""

import socket

import helpers
import httpx
import pytest
from load import nobody_listens
from project import APP


def two(project, a="", b=""):
    return project.write(f"""
[services.a]
command = "{APP}"
port = {project.port}
listen = {project.listen}
{a}
[services.b]
command = "{APP}"
port = {project.port + 5}
{b}
""")


def test_a_changed_environment_reloads_its_service_and_no_other(project):
    two(project).cli("start")
    a, b = project.pids("a"), project.pids("b")
    two(project, a='env = { NOTE = "new" }').cli("apply")
    assert project.pids("b") == b
    assert project.pids("a") != a
    assert httpx.get(project.url).json()["note"] == "new"


def test_a_key_that_is_removed_is_gone_from_the_environment(project):
    two(project, a='env = { NOTE = "x" }').cli("start")
    assert httpx.get(project.url).json()["note"] == "x"
    two(project).cli("apply")
    assert httpx.get(project.url).json()["note"] == ""


def test_an_unchanged_file_changes_nothing(project):
    two(project).cli("start")
    before = [project.pids("a"), project.pids("b")]
    project.cli("apply")
    assert [project.pids("a"), project.pids("b")] == before


def test_services_are_added_and_removed(project):
    two(project).cli("start")
    a = project.pids("a")
    project.write(f"""
[services.a]
command = "{APP}"
port = {project.port}
listen = {project.listen}
[services.c]
command = "{APP}"
port = {project.port + 5}
listen = {project.listen + 1}
""").cli("apply")
    assert [s["name"] for s in project.status()["services"]] == ["a", "c"]
    assert project.pids("a") == a
    answer = httpx.get(f"http://127.0.0.1:{project.listen + 1}").json()
    assert answer["port"] == str(project.port + 5)


def test_a_listener_moves(project):
    two(project).cli("start")
    a = project.pids("a")
    old = project.listen
    project.listen += 1
    two(project).cli("apply")
    assert httpx.get(project.url).status_code == 200
    helpers.until(lambda: nobody_listens(old))
    assert project.pids("a") == a


def test_instances_and_policies_are_taken_over_without_a_restart(project):
    two(project).cli("start")
    a = project.pids("a")
    two(project, a='instances = 2\nstop = { grace = "1s" }').cli("apply")
    assert project.pids("a")[:1] == a
    assert len(project.pids("a")) == 2


def test_scale_stands_until_the_file_says_another_number(project):
    two(project).cli("start")
    project.cli("scale", "a", "3")
    two(project, b='env = { NOTE = "1" }').cli("apply")
    assert len(project.pids("a")) == 3
    two(project, a="instances = 2").cli("apply")
    assert len(project.pids("a")) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[services.a]\ncommand = "x"\ninstnaces = 2\n', "services.toml:3: services.a.instnaces"),
        ("[services.a]\ncommand = 7\n", "services.toml:2: services.a.command"),
        ("[services.a\n", "services.toml:1"),
        ('[services.a]\ncommand = "x"\nenv_file = "gone.env"\n', "gone.env"),
        (
            '[services.a]\ncommand = "x"\nport = 3001\n[services.b]\ncommand = "x"\nport = 3001\n',
            "services.toml:6: services.b.port",
        ),
    ],
)
def test_a_wrong_file_is_refused_and_nothing_is_touched(project, text, expected):
    two(project).cli("start")
    before = [project.pids("a"), project.pids("b")]
    project.write(text)
    for verb in ("apply", "check", "start"):
        assert expected in project.cli(verb, code=78)
    assert [project.pids("a"), project.pids("b")] == before
    assert httpx.get(project.url).status_code == 200


def test_an_unknown_key_is_answered_with_the_nearest(project):
    project.write('[services.a]\ncommand = "x"\ninstnaces = 2\n')
    assert "instances" in project.cli("start", code=78)
    assert project.processes() == []


def test_a_moved_listener_whose_new_address_is_taken_is_named(project):
    two(project).cli("start")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", project.listen + 1))
        holder.listen()
        project.listen += 1
        assert "is held by pid" in two(project).cli("apply", code=1)
