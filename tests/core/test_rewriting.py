"""core/rewriting.py: where a request goes on to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.rewriting import location, rewritten
from webqx_supervisor.core.wire.messages import Malformed
from webqx_supervisor.core.wire.target import routing_path


@pytest.mark.parametrize(
    ("target", "prefix", "instead", "expected"),
    [
        (b"/api/users?x=1", "/api/", "/", b"/users?x=1"),
        (b"/api", "/api/", "/", b"/"),
        (b"/api?x", "/api", "/", b"/?x"),
        (b"/api/users", "/api/", "/v2/", b"/v2/users"),
        (b"/api/users", "/api", "/v2", b"/v2/users"),
        (b"/api//evil.com", "/api/", "/", b"/evil.com"),
        (b"/%61pi/x?%61", "/api", "/", b"/x?%61"),
        (b"/./api/x", "/api", "/", b"/x"),
        (b"/%61pi//%65vil.com", "/api", "/", b"/evil.com"),
        (b"/x", "/", "/y", b"/y/x"),
    ],
)
def test_the_prefix_is_replaced_as_whole_segments(target, prefix, instead, expected):
    path = routing_path(target.partition(b"?")[0])
    assert rewritten(target, path, prefix, instead) == expected


@given(st.from_regex(rb"/(?:api|%61pi|\./api)(?:/[!-.0-~/]{0,20})?", fullmatch=True))
def test_a_rewritten_target_never_names_a_host(target):
    try:
        path = routing_path(target.partition(b"?")[0])
    except Malformed:
        return
    assert not rewritten(target, path, "/api/", "/").startswith(b"//")


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("https://{host}{path}{query}", b"https://a.com:81/x/y?z=1"),
        ("https://new.example{path}", b"https://new.example/x/y"),
        ("/moved", b"/moved"),
        ("{path}/", b"/x/y/"),
    ],
)
def test_a_redirect_leads_to_what_it_says(to, expected):
    assert location(to, b"/x/y?z=1", b"a.com:81") == expected


def test_a_path_alone_never_becomes_a_host():
    assert location("{path}/", b"//evil.com", b"a.com") == b"/evil.com/"
