"""The verbs that change what runs, against a fake daemon."""

import json

import pytest

from webqx_supervisor.config import wanted
from webqx_supervisor.config.compiler import compile_file

UP = {"name": "api", "state": "RUNNING", "reason": "", "lines": []}
DOWN = {"name": "api", "state": "FATAL", "reason": "pid 7 exited 1", "lines": ["Boom"]}
ROW = {
    "name": "api",
    "state": "RUNNING",
    "instances": 1,
    "workers": [],
    "listen": ["127.0.0.1:3000"],
}


@pytest.fixture
def started(daemon, places, file):
    """Return the fake daemon, as if it had been started with the present file."""
    wanted.write(places.wanted, wanted.Wanted(compile_file(file)))
    daemon.answers["GET", "/status"] = (200, {"services": [ROW, {**ROW, "name": "other"}]})
    return daemon


def test_start_tells_what_runs_where_and_what_to_try(started, run, file):
    started.answers["POST", "/start"] = (200, {"services": [UP], "failed": []})

    result = run("start")

    assert result.exit_code == 0
    assert "api      RUNNING" in result.stdout
    assert "curl http://127.0.0.1:3000\n" in result.stdout
    assert f"webqx-sv status -c {file}\n" in result.stdout
    assert result.stderr == ""
    assert ("POST", "/start", {"services": []}) in started.asked


def test_start_of_one_service_tells_of_that_one(started, run):
    started.answers["POST", "/start"] = (200, {"services": [UP], "failed": []})

    result = run("start", "api")

    assert "other" not in result.stdout
    assert ("POST", "/start", {"services": ["api"]}) in started.asked


def test_start_with_a_failed_service_shows_why_and_exits_1(started, run):
    started.answers["POST", "/start"] = (200, {"services": [DOWN], "failed": ["api"]})

    result = run("start")

    assert result.exit_code == 1
    assert result.stderr == ("api: pid 7 exited 1\n  | Boom\nwebqx-sv: api did not start\n")


def test_start_as_json_is_the_answer_and_nothing_else(started, run):
    answer = {"services": [DOWN], "failed": ["api"]}
    started.answers["POST", "/start"] = (200, answer)

    result = run("start", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout) == answer


def test_start_names_apply_when_the_file_has_changed(started, run, file):
    started.answers["POST", "/start"] = (200, {"services": [UP], "failed": []})
    file.write_text(file.read_text().replace("instances = 2", "instances = 3"))

    result = run("start")

    assert result.exit_code == 0
    assert "`webqx-sv apply` takes it over" in result.stderr


def test_start_with_a_wrong_file_asks_for_nothing(started, run, file):
    file.write_text("[services.api]\n")

    assert run("start").exit_code == 78
    assert started.asked == []


def test_start_of_an_unknown_service_starts_no_daemon(run, places):
    result = run("start", "nix")

    assert result.exit_code == 4
    assert "no service 'nix'" in result.stderr
    assert not places.wanted.exists()


def test_stop_of_everything_tells_so(daemon, run):
    daemon.answers["POST", "/stop"] = (200, {"stopped": ["api", "db"], "daemon": True})

    result = run("stop")

    assert (result.exit_code, result.stdout) == (0, "stopped api, db, the daemon\n")
    assert daemon.asked == [("POST", "/stop", {"services": []})]


def test_stop_of_one_service_leaves_the_daemon(daemon, run):
    answer = {"stopped": ["api"], "daemon": False}
    daemon.answers["POST", "/stop"] = (200, answer)

    assert run("stop", "api").stdout == "stopped api\n"
    assert json.loads(run("stop", "api", "--json").stdout) == answer
    assert daemon.asked[0] == ("POST", "/stop", {"services": ["api"]})


def test_restart_tells_which_came_back(daemon, run):
    other = {**UP, "name": "db"}
    daemon.answers["POST", "/restart"] = (200, {"services": [DOWN, other], "failed": ["api"]})

    result = run("restart")

    assert (result.exit_code, result.stdout) == (1, "restarted db\n")
    assert "webqx-sv: api did not start again\n" in result.stderr


def test_reload_tells_which_are_new(daemon, run):
    daemon.answers["POST", "/reload"] = (200, {"reloaded": ["api", "db"], "failed": []})

    result = run("reload", "api", "db")

    assert (result.exit_code, result.stdout) == (0, "reloaded api, db\n")
    assert daemon.asked == [("POST", "/reload", {"services": ["api", "db"]})]


def test_a_failed_reload_shows_the_last_words_and_exits_1(daemon, run):
    daemon.answers["POST", "/reload"] = (200, {"reloaded": [], "failed": [DOWN]})

    result = run("reload")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "  | Boom\n" in result.stderr
    assert "api could not be reloaded, its old workers serve on\n" in result.stderr


@pytest.mark.parametrize("instances", ["4", "+1", "-1", "-12", "max"])
def test_scale_passes_the_number_on(daemon, run, instances):
    answer = {"name": "api", "from": 2, "to": 3, "failed": []}
    daemon.answers["POST", "/scale"] = (200, answer)

    result = run("scale", "api", instances)

    assert (result.exit_code, result.stdout) == (0, "api: from 2 to 3\n")
    assert daemon.asked == [("POST", "/scale", {"service": "api", "instances": instances})]


def test_scale_saves_the_number_into_the_file_when_asked(daemon, run, file):
    text = "[services.api] # mine\ncommand = 'x'\ninstances = 2 # two\n"
    file.write_text(text)
    daemon.answers["POST", "/scale"] = (200, {"name": "api", "from": 2, "to": 5, "failed": []})
    assert run("scale", "api", "+3").exit_code == 0
    assert file.read_text() == text
    assert run("scale", "api", "+3", "--save").exit_code == 0
    assert file.read_text() == text.replace("= 2", "= 5")


def test_scale_takes_its_options_behind_a_negative_number_too(daemon, run):
    answer = {"name": "api", "from": 2, "to": 1, "failed": []}
    daemon.answers["POST", "/scale"] = (200, answer)

    assert json.loads(run("scale", "api", "-1", "--json").stdout) == answer


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ([], "nothing to change\n"),
        ([{"service": "api", "change": "scaled"}], "api: scaled\n"),
    ],
)
def test_apply_tells_what_changed(daemon, run, changes, shown):
    daemon.answers["POST", "/apply"] = (200, {"changes": changes, "failed": []})

    assert run("apply").stdout == shown


def test_apply_of_a_wrong_file_exits_78_with_every_problem(daemon, run):
    problems = [
        {"file": "s.toml", "line": 2, "key": "services.a.port", "message": "bad"},
        {"file": "s.toml", "line": 3, "key": "services.a.prot", "message": "unknown"},
    ]
    error = {"kind": "ConfigError", "message": "", "exit_code": 78, "problems": problems}
    daemon.answers["POST", "/apply"] = (422, {"error": error})

    result = run("apply")

    assert result.exit_code == 78
    assert result.stderr == ("s.toml:2: services.a.port: bad\ns.toml:3: services.a.prot: unknown\n")


@pytest.mark.parametrize(
    "words", [["stop"], ["restart"], ["reload"], ["scale", "api", "1"], ["apply"]]
)
def test_without_a_daemon_it_exits_3(run, words):
    assert run(*words).exit_code == 3
