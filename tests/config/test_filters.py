"""config/filters.py, config/routes.py: what routes do beside carrying, as a person writes it."""

import pytest

from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.errors import ConfigError
from webqx_supervisor.model.filters import SECURITY, Cors, Edits
from webqx_supervisor.model.gateway import FixedAnswer, Redirect

HERE = "/tmp/services.toml"
API = '[services.api]\ncommand = "true"\nport = 3001\n'
WEB = '[listeners.web]\nbind = 8080\n[[routes]]\nlistener = "web"\n'


def routes(text):
    return parse(text, HERE, 2).routes


def problems(text):
    with pytest.raises(ConfigError) as raised:
        parse(text, HERE, 2)
    return [(problem.key, problem.message) for problem in raised.value.problems]


def test_a_list_of_origins_is_all_that_cors_needs():
    (route,) = routes(
        API + 'listen = 3000\ncors = ["https://Me.github.io", "http://localhost:3000"]'
    )
    assert route.filters.cors == Cors(origins=("https://me.github.io", "http://localhost:3000"))


def test_a_route_takes_what_its_service_says_unless_it_says_otherwise():
    one, other = routes(
        API
        + 'cors = ["https://a.com"]\ndeny = ["10.0.0.0/8"]\n'
        + WEB
        + 'service = "api"\npath = "/api"\n'
        + '[[routes]]\nlistener = "web"\nservice = "api"\ncors = false\n'
    )
    assert one.filters.cors.origins == ("https://a.com",)
    assert other.filters.cors is None
    assert one.filters.access == other.filters.access


def test_the_security_preset_gives_way_to_what_is_said():
    (route,) = routes(
        API
        + "listen = 3000\nsecurity_headers = true\n[services.api.response_headers]\n"
        + 'remove = ["Server"]\nset = { X-Frame-Options = "SAMEORIGIN" }'
    )
    edits = route.filters.response_headers
    assert ("X-Frame-Options", "SAMEORIGIN") in edits.set
    assert ("X-Frame-Options", "DENY") not in edits.set
    assert len(edits.set) == len(SECURITY)
    assert edits.remove == ("Server",)


def test_short_forms_stand_for_tables():
    text = (
        WEB
        + 'redirect = "https://{host}{path}"\npath = "/old"\n'
        + '[[routes]]\nlistener = "web"\nanswer = 204\npath = "/none"\n'
        + '[[routes]]\nlistener = "web"\nanswer = "hello"\n'
    )
    redirect, none, hello = routes(text)
    assert redirect.redirect == Redirect("https://{host}{path}", 308)
    assert none.answer == FixedAnswer(204)
    assert hello.answer == FixedAnswer(200, "hello")
    assert hello.filters.request_headers == Edits()


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (WEB, "routes[0]", "leads nowhere: name a `service`, `files`, a `redirect` or an `answer`"),
        (
            WEB + 'answer = 204\nredirect = "/x"',
            "routes[0].answer",
            "the route leads to its `redirect` already",
        ),
        (WEB + "answer = 204\nstrip_prefix = true", "routes[0].strip_prefix", "counts only with"),
        (WEB + 'answer = 204\npattern = "/a/**/b"', "routes[0].pattern", "a segment may hold one"),
        (WEB + 'answer = 204\npattern = "a"', "routes[0].pattern", "wanted a pattern like"),
        (WEB + 'answer = 204\npath = "/a"\npattern = "/b"', "routes[0].pattern", "has a `path`"),
        (WEB + 'redirect = "ftp://x"', "routes[0].redirect", "wanted an address like"),
        (WEB + "answer = 99", "routes[0].answer", "must be 200 or more"),
        (WEB + 'answer = 204\nmethods = ["get"]', "routes[0].methods[0]", "wanted a method in"),
        (API + 'cors = ["me.github.io"]', "services.api.cors", "an origin begins with its scheme"),
        (API + 'cors = ["https://a.io/app"]', "services.api.cors", "an origin has no path"),
        (
            API + 'cors = { origins = ["*"], credentials = true }',
            "services.api.cors",
            "`credentials` cannot be for everybody",
        ),
        (API + 'cors = { origin = ["*"] }', "services.api.cors.origin", "did you mean `origins`"),
        (API + 'deny = ["10.0.0.0/33"]', "services.api.deny[0]", "wanted an address or a network"),
        (
            API + 'request_headers = { set = { Content-Length = "1" } }',
            "services.api.request_headers.set.Content-Length",
            "written by the proxy itself",
        ),
        (
            API + 'response_headers = { set = { X-A = "a\\r\\nb" } }',
            "services.api.response_headers.set.X-A",
            "a header holds no line breaks",
        ),
        (
            API + 'listen = { bind = 3000, protocol = "tcp" }\ncors = ["*"]',
            "services.api.cors",
            "has no meaning for a service behind tcp",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_key(text, key, message):
    told = problems(text)
    assert any(where.startswith(key) and message in what for where, what in told), told
