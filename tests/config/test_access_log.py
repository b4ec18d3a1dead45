"""The keys of the access log, right and wrong."""

import pytest

from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.accesslog import AccessLog
from webqx_supervisor.model.errors import ConfigError


def read(text):
    return parse(text, "/services.toml", 1)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("", AccessLog()),
        ('access_log = "combined"', AccessLog(format="combined")),
        ("access_log = false", AccessLog(enabled=False)),
        ("access_log = true", AccessLog()),
        ("access_log = { sample = 0.1 }", AccessLog(sample=0.1)),
        ('access_log = { sample = "10%" }', AccessLog(sample=0.1)),
        ("access_log = { sample = 1 }", AccessLog()),
        ('access_log = { slow = "1s", keep = 2 }', AccessLog(slow=1.0, keep=2)),
        ("access_log = '$status ${uri}s $http_x_a'", AccessLog(format="$status ${uri}s $http_x_a")),
    ],
)
def test_a_short_form_stands_for_a_table(written, wanted):
    assert read(f"[daemon]\n{written}\n").access_log == wanted


@pytest.mark.parametrize(
    ("written", "line", "message"),
    [
        ('access_log = "combind"', 2, "did you mean `combined`"),
        ("access_log = '$statuz'", 2, "no variable `$statuz`"),
        ("access_log = '$status $'", 2, "a `$` without a name at character 9"),
        ("[daemon.access_log]\nformat = '$http_'", 3, "no variable `$http_`"),
        ('[daemon.access_log]\nformat = "$status\\n$status"', 3, "one line"),
        ("[daemon.access_log]\nsample = 1.5", 3, "a part from 0 to 1"),
        ("[daemon.access_log]\nsample = true", 3, "a part from 0 to 1"),
        ("[daemon.access_log]\nsmple = 1", 3, "did you mean `sample`"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(written, line, message):
    with pytest.raises(ConfigError) as failed:
        read(f"[daemon]\n{written}\n")
    (problem,) = failed.value.problems
    assert problem.line == line
    assert message in problem.message


def test_a_route_may_have_no_lines_though_its_service_has():
    config = read(
        "[services.api]\ncommand = 'x'\nport = 3001\nlisten = 3000\naccess_log = false\n"
        "[listeners.web]\nbind = 80\n[[routes]]\nlistener = 'web'\nservice = 'api'\n"
        "access_log = true\n"
    )
    assert {route.listener: route.filters.access_log for route in config.routes} == {
        "api": False,
        "web": True,
    }
