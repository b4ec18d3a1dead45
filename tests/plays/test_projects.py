"""Several daemons of one user: listed, and chosen by name from anywhere."""

import json
import os
import signal
from contextlib import contextmanager

import helpers
import pytest
from project import PYTHON, Project

SLEEP = f'["{PYTHON}", "-c", "import time; time.sleep(3600)"]'


def write(project, name, services=("one",), more=""):
    tables = "".join(f"[services.{each}]\ncommand = {SLEEP}\n{more}" for each in services)
    return project.write(f'[daemon]\nname = "{name}"\n{tables}')


@pytest.fixture
def second(project, tmp_path_factory):
    """Give another folder of the same user: with the same home."""
    second = Project(tmp_path_factory.mktemp("second"))
    second.home, second.env = project.home, project.env
    try:
        yield second
    finally:
        second.clean_up()


@contextmanager
def frozen(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def listed(project):
    rows = json.loads(project.cli("ps", "--json"))["daemons"]
    return {row["name"]: row for row in rows}


def test_ps_lists_every_daemon_wherever_its_file_is(project, second, tmp_path):
    assert project.cli("ps") == "no daemon runs\n"
    assert listed(project) == {}
    write(project, "clinic", ["one", "two"]).cli("start")
    write(second, "billing", ["one", "two", "three"])
    second.file.write_text(second.file.read_text() + 'profiles = ["dev"]\n')
    elsewhere = tmp_path / "elsewhere"
    second.file.write_text(
        second.file.read_text().replace('"billing"', f'"billing"\nstate_dir = "{elsewhere}"')
    )
    second.cli("start")
    second.cli("stop", "two")
    rows = listed(project)
    assert [*rows] == ["billing", "clinic"]
    assert (rows["clinic"]["up"], rows["clinic"]["total"]) == (2, 2)
    assert (rows["billing"]["up"], rows["billing"]["total"]) == (1, 2)
    assert rows["billing"]["file"] == str(second.file)
    assert rows["clinic"]["pid"] == project.status()["daemon"]["pid"]
    text = second.cli("ps")
    assert str(project.file) in text
    assert "1/2" in text
    project.cli("stop")
    assert [*listed(project)] == ["billing"]


def test_a_daemon_that_does_not_answer_is_listed_all_the_same(project):
    write(project, "clinic").cli("start")
    with frozen(project.status()["daemon"]["pid"]):
        row = listed(project)["clinic"]
    assert row["pid"] is None
    assert "did not answer in time" in row["error"]


def test_a_daemon_is_chosen_by_name_from_anywhere(project, second):
    write(project, "clinic").cli("start")
    write(second, "billing").cli("start")
    status = json.loads(second.cli("status", "-n", "clinic", "--json"))
    assert status["daemon"]["file"] == str(project.file)
    assert "one:1" in second.cli("events", "--name", "clinic", "-n", "5")
    assert second.cli("scale", "--name", "clinic", "one", "2") == "one: from 1 to 2\n"
    assert len(project.workers("one")) == 2
    assert len(second.workers("one")) == 1
    assert "stopped one" in second.cli("stop", "--name=clinic")
    assert [*listed(project)] == ["billing"]
    second.cli("start", "-n", "clinic")
    assert [*listed(project)] == ["billing", "clinic"]


def test_a_name_that_leads_nowhere_says_which_there_are(project, second):
    write(project, "clinic").cli("start")
    said = project.cli("status", "--name", "clinik", code=3)
    assert "no daemon is called 'clinik'; there is: clinic" in said
    said = project.cli("status", "--name", "clinic", "-c", "services.toml", code=2)
    assert "-c and --name" in said


def test_of_two_with_one_name_the_one_that_runs_is_meant(project, second, tmp_path):
    write(project, "clinic").cli("start")
    write(second, "clinic")
    second.file.write_text(
        second.file.read_text().replace('"clinic"', f'"clinic"\nstate_dir = "{tmp_path / "own"}"')
    )
    second.cli("start")
    said = project.cli("status", "--name", "clinic", code=2)
    assert str(project.file) in said
    assert str(second.file) in said
    project.cli("stop")
    status = json.loads(project.cli("status", "--name", "clinic", "--json"))
    assert status["daemon"]["file"] == str(second.file)


def test_a_daemon_is_found_by_name_when_its_file_is_broken(project, second):
    write(project, "clinic").cli("start")
    project.file.write_text("[")
    assert json.loads(second.cli("status", "-n", "clinic", "--json"))["daemon"]["name"] == "clinic"
    helpers.until(lambda: second.cli("stop", "-n", "clinic"))
