"""Which requests of browsers come from our own page."""

import pytest

from webqx_supervisor.core.browsing import authorities, cookie, problem

OURS = authorities(9090)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9090", "localhost:9090", "LOCALHOST:9090", "[::1]:9090"]
)
def test_the_names_of_the_loopback_are_ours(host):
    assert problem("GET", host, "", "", OURS, "http") == ""


@pytest.mark.parametrize(
    "host", ["", "evil.example:9090", "127.0.0.1", "127.0.0.1:9091", "127.0.0.1.evil.example:9090"]
)
def test_any_other_name_is_refused_whatever_is_asked(host):
    for method in ("GET", "POST"):
        origin = f"http://{host}"
        assert "host" in problem(method, host, origin, "same-origin", OURS, "http")


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("", ""),
        ("null", ""),
        ("http://evil.example", ""),
        ("http://127.0.0.1:9091", "same-site"),
        ("https://127.0.0.1:9090", "same-origin"),
        ("http://127.0.0.1:9090", "cross-site"),
    ],
)
def test_what_changes_something_must_come_from_our_own_page(origin, site):
    assert problem("POST", "127.0.0.1:9090", origin, site, OURS, "http")


@pytest.mark.parametrize("site", ["", "same-origin"])
def test_our_own_page_may(site):
    assert problem("POST", "localhost:9090", "http://localhost:9090", site, OURS, "http") == ""
    assert problem("POST", "localhost:9090", "https://localhost:9090", site, OURS, "https") == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("", ""),
        ("sid=1", "1"),
        ("a=b; sid=x=y; c=d", "x=y"),
        ("xsid=1", ""),
        ("sid", ""),
        ("a=b;sid=2", "2"),
    ],
)
def test_a_cookie_is_found_by_its_name(field, value):
    assert cookie(field, "sid") == value
