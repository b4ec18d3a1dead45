"""The keys of tracing, right and wrong, and which routes have spans."""

import pytest

from webqx_supervisor.config import tracing as keys
from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.core.reconcile import PartChanged, plan
from webqx_supervisor.model.errors import ConfigError
from webqx_supervisor.model.tracing import Tracing

API = '[services.api]\ncommand = ["/bin/sh"]\nport = 4000\n'


def read(text):
    return parse(text, "/services.toml", 1)


def problems(text):
    with pytest.raises(ConfigError) as failed:
        read(text)
    return [(each.line, each.message) for each in failed.value.problems]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("", None),
        ("tracing = false", None),
        ("tracing = true", Tracing()),
        ("tracing = {}", Tracing()),
        ('tracing = "https://otel.example"', Tracing("https://otel.example/v1/traces")),
        ('tracing = "http://[::1]:4318/"', Tracing("http://[::1]:4318/v1/traces")),
        ('tracing = "https://x/otlp/v1/traces?a=b"', Tracing("https://x/otlp/v1/traces?a=b")),
        ('tracing = { sample = "10%" }', Tracing(sample=0.1)),
        ('tracing = { service_name = "clinic" }', Tracing(service_name="clinic")),
        (
            'tracing.headers = { A = "b", Authorization = "env:PATH", C = "file:etc/hostname" }',
            Tracing(
                headers=(("A", "b"), ("Authorization", "env:PATH"), ("C", "file:/etc/hostname"))
            ),
        ),
    ],
)
def test_a_short_form_stands_for_a_table(written, wanted):
    assert read(f"[daemon]\n{written}\n").tracing == wanted


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("tracing = 4318", "wanted"),
        ('tracing = "localhost:4318"', "wanted an address"),
        ('tracing = "http://a b/"', "wanted an address"),
        ('tracing = "http://me:secret@host"', "wanted an address"),
        ("tracing = { sample = 2 }", "a part from 0 to 1"),
        ("tracing = { smaple = 1 }", "did you mean `sample`"),
        ('tracing.headers = { "a b" = "c" }', "the name of a header"),
        ('tracing.headers = { A = "b\\nc" }', "printable ASCII"),
        ('tracing.headers = { A = "file:/no/such" }', "No such file"),
        ('tracing.headers = { A = "env:NO_SUCH_NAME" }', "not set in the environment"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(written, message):
    ((line, told),) = problems(f"[daemon]\n{written}\n")
    assert line == 2
    assert message in told


def test_no_secret_is_repeated():
    ((_, told),) = problems('[daemon]\ntracing.headers = { A = "hunter2\\n" }\n')
    assert "hunter2" not in told


def test_what_is_not_installed_is_named(monkeypatch):
    for missing in ("no_such", "no_such.module", "json.no_such"):
        monkeypatch.setattr(keys, "NEEDED", missing)
        ((line, told),) = problems("[daemon]\ntracing = true\n")
        assert line == 2
        assert "webqx-sv[otel]" in told


def spans(text):
    return [each.filters.telling.spans for each in read(text).routes]


@pytest.mark.parametrize(
    ("daemon", "service", "wanted"),
    [
        ("", "", False),
        ("", "trace = true\n", False),
        ("tracing = true", "", True),
        ("tracing = true", "trace = true\n", True),
        ("tracing = true", "trace = false\n", False),
    ],
)
def test_all_routes_have_spans_that_do_not_refuse_them(daemon, service, wanted):
    assert spans(f"[daemon]\n{daemon}\n{API}{service}listen = 8080\n") == [wanted]


def test_a_route_may_refuse_what_its_service_takes():
    text = '[daemon]\ntracing = true\n[listeners.web]\nbind = 8080\n[[routes]]\nlistener = "web"\n'
    text += 'service = "api"\ntrace = false\n[[routes]]\nlistener = "web"\nservice = "api"\n'
    assert spans(f'{text}path = "/b"\n{API}') == [False, True]


def test_what_is_no_http_has_none():
    listen = 'listen = { bind = 8080, protocol = "tcp" }\n'
    assert spans(f"[daemon]\ntracing = true\n{API}{listen}") == [False]


def test_it_is_a_change_like_any_other():
    old, new = read(f"{API}listen = 8080\n"), read(f"[daemon]\ntracing=true\n{API}listen = 8080\n")
    assert PartChanged("tracing") in plan(old, new)
