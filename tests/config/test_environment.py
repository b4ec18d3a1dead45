import pytest

from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.core.reconcile import Reloaded, Retuned, plan
from webqx_supervisor.model.errors import ConfigError

FILES = {"/etc/clinic/vars": "A=file\nB=file\nC=file\nD=file\nS=file\n"}


def config(body, environment=""):
    text = f'[services.api]\ncommand = "x"\ncwd = "/"\n{body}\n'
    return parse(text, "/etc/clinic/services.toml", 1, FILES.__getitem__, environment)


def api(body, environment=""):
    (service,) = config(body, environment).services
    return service


def complaints(body, environment=""):
    with pytest.raises(ConfigError) as caught:
        config(body, environment)
    return [(problem.line, problem.key, problem.message) for problem in caught.value.problems]


def test_tables_are_left_out_unless_they_are_chosen():
    body = 'env = { A = "1", up = { A = "2", B = "2" } }'
    assert dict(api(body).env) == {"A": "1"}
    assert dict(api(body, "up").env) == {"A": "2", "B": "2"}
    assert config(body, "up").environment == "up"


def test_who_wins():
    body = """env_file = "vars"
secrets = { S = "file:s", D = "file:d" }
[services.api.env]
B = "env"
C = "env"
[services.api.env.up]
C = "table"
D = "table"
"""
    service = api(body, "up")
    assert dict(service.env) == {"A": "file", "B": "env", "C": "table", "D": "table"}
    assert service.secrets == (("S", "file:/etc/clinic/s"),)
    service = api(body)
    assert dict(service.env) == {"A": "file", "B": "env", "C": "env"}
    assert [name for name, _ in service.secrets] == ["D", "S"]


def test_places_of_secrets():
    service = api('secrets = { A = "file:/run/a", B = "cred:b", C = "env:C", D = "file:../d" }')
    assert service.secrets == (
        ("A", "file:/run/a"),
        ("B", "cred:b"),
        ("C", "env:C"),
        ("D", "file:/etc/d"),
    )


@pytest.mark.parametrize("place", ["secret", "file:", "cred:a/b", "cred:", "env:a-b", "vault:x"])
def test_what_is_no_place_is_never_repeated(place):
    ((line, key, message),) = complaints(f'secrets = {{ A = "{place}" }}')
    assert (line, key) == (4, "services.api.secrets.A")
    assert message.startswith('wanted "file:PATH", "cred:NAME" or "env:NAME"; a secret in this')
    assert "vault" not in message


@pytest.mark.parametrize(
    ("key", "patterns"),
    [
        ("", ("*",)),
        ("env_inherit = true", ("*",)),
        ("env_inherit = false", ()),
        ('env_inherit = ["PATH", "LC_*"]', ("PATH", "LC_*")),
    ],
)
def test_what_is_inherited(key, patterns):
    assert api(key).env_inherit == patterns


def test_what_can_be_no_inheritance_is_told():
    assert complaints('env_inherit = "PATH"') == [
        (
            4,
            "services.api.env_inherit",
            'wanted true, false or a list of names; found the text "PATH"',
        )
    ]
    ((_, _, message),) = complaints("env_inherit = [7]")
    assert message == "wanted text, found the number 7"


def test_an_unknown_environment_names_those_there_are():
    body = 'env = { up = {}, down = { A = "1" } }'
    ((line, key, message),) = complaints(body, "donw")
    assert (line, key) == (None, "")
    assert message == (
        "no service has a table `env.donw`: no such environment; did you mean `down`?; "
        "there is: down, up"
    )
    assert complaints("", "up")[0][2].endswith("there is none at all")


def test_an_environment_of_a_service_that_is_wrong_is_known():
    ((_, key, _),) = complaints("instnaces = 1\nenv = { up = {} }", "up")
    assert key == "services.api.instnaces"


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ('secrets = { A = "file:a" }', 'secrets = { A = "file:b" }', Reloaded),
        ('secrets = { A = "file:a" }', "", Reloaded),
        ("", "env_inherit = false", Reloaded),
        ("listen = 80\nport = 81", "listen = 80\nlisten_fds = true", Reloaded),
        ("listen = 80\nlisten_fds = true", "listen = 82\nlisten_fds = true", Reloaded),
        ("", 'env = { up = { A = "1" } }', None),
        ("", 'stop = { grace = "1s" }', Retuned),
    ],
)
def test_what_a_process_sees_of_it_reloads(before, after, change):
    mine = [each for each in plan(config(before), config(after)) if hasattr(each, "service")]
    assert mine == ([change("api")] if change else [])


def test_another_order_is_no_change():
    secrets = ('A = "file:a"', 'B = "file:b"')
    one, other = (f"secrets = {{ {', '.join(each)} }}" for each in (secrets, secrets[::-1]))
    assert plan(config(one), config(other)) == ()


def test_another_environment_reloads_whom_it_concerns():
    body = 'env = { A = "1", up = { A = "2" } }\n[services.b]\ncommand = "x"\ncwd = "/"'
    assert plan(config(body), config(body, "up")) == (Reloaded("api"),)
