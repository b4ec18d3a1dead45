"""What is suggested for services, workers and routes: of the file, else of the daemon."""

import pytest
from click.shell_completion import ShellComplete

from webqx_supervisor.cli.main import main
from webqx_supervisor.config import wanted
from webqx_supervisor.config.compiler import compile_file

MORE = """\
[services.admin]
command = "true"
[[routes]]
listener = "api"
name = "front"
service = "api"
"""


@pytest.fixture
def suggested(file):
    """Return a function: the words before, and what is being written, to what is suggested."""

    def suggested(*words):
        before, incomplete = [words[0], "-c", str(file), *words[1:-1]], words[-1]
        found = ShellComplete(main, {}, "webqx-sv", "X").get_completions(before, incomplete)
        return [item.value for item in found]

    return suggested


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "reload", "describe", "scale"])
def test_services_of_the_file(suggested, file, verb):
    file.write_text(file.read_text() + MORE)
    assert suggested(verb, "") == ["api", "admin"]
    assert suggested(verb, "ad") == ["admin"]


def test_a_service_is_suggested_once(suggested, file):
    file.write_text(file.read_text() + MORE)
    assert suggested("reload", "api", "") == ["admin"]


def test_groups_where_several_services_may_be_meant(suggested, file):
    file.write_text(
        file.read_text()
        + 'group = "backend"\n'
        + MORE.replace("[[routes]]", 'group = ["backend", "office", 3]\n[[routes]]')
    )
    assert suggested("restart", "") == ["api", "admin", "backend", "office"]
    assert suggested("status", "b") == ["backend"]
    assert suggested("scale", "b") == []


def test_daemons_by_name_and_what_is_theirs(file, places, daemon):
    wanted.write(places.wanted, wanted.Wanted(compile_file(file)))
    name = compile_file(file).name

    def suggested(*words):
        found = ShellComplete(main, {}, "webqx-sv", "X").get_completions([*words[:-1]], words[-1])
        return [item.value for item in found]

    assert suggested("status", "--name", name[:2]) == [name]
    assert suggested("restart", "-n", name, "") == ["api"]
    assert suggested("restart", "-n", "no such", "x") == []


@pytest.mark.parametrize("verb", ["logs", "why"])
def test_workers_behind_a_colon(suggested, verb):
    assert suggested(verb, "a") == ["api"]
    assert suggested(verb, "api:") == ["api:1", "api:2"]
    assert suggested(verb, "api:2") == ["api:2"]
    assert suggested(verb, "none:") == ["none:1"]


def test_workers_that_run(suggested, daemon):
    workers = [{"instance": 4}, {"instance": 7}]
    rows = [{"name": "api", "workers": workers}]
    daemon.answers["GET", "/status"] = (200, {"services": rows})
    assert suggested("logs", "api:") == ["api:4", "api:7"]


def test_a_file_that_is_broken_leaves_the_daemon(suggested, daemon, file):
    daemon.answers["GET", "/status"] = (200, {"services": [{"name": "old", "workers": []}]})
    from webqx_supervisor.config.files import locate, remember

    remember(locate(file))
    file.write_text("[broken")
    assert suggested("logs", "") == ["old"]


def test_nothing_at_all_is_no_error(suggested, file):
    for text in ("[broken", "services = 3", "[services]\napi = 3\nrest = []\n"):
        file.write_text(text)
        assert suggested("logs", "x") == []
        assert suggested("pause", "x") == []
        assert suggested("why", "api:") == ["api:1"]
    file.unlink()
    assert suggested("logs", "") == []


def test_routes(suggested, file):
    file.write_text(file.read_text() + MORE)
    assert suggested("pause", "") == ["front", "api", "admin"]
    assert suggested("resume", "f") == ["front"]


def test_verbs_and_options(suggested):
    found = ShellComplete(main, {}, "webqx-sv", "X").get_completions([], "st")
    assert [item.value for item in found] == ["start", "status", "stop", "startup"]
    assert "--json" in suggested("status", "--")
    assert suggested("startup", "s") == ["systemd"]
