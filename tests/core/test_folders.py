"""core/folders.py: which file a path means, and what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.folders import content_type, fitting, inner_path, is_page
from webqx_supervisor.core.wire.messages import Malformed
from webqx_supervisor.core.wire.target import routing_path


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("", b""),
        ("a", b"a"),
        ("a/", b"a/"),
        ("a/b.c", b"a/b.c"),
        ("a%20b/%C3%A9", b"a b/\xc3\xa9"),
        ("%25", b"%"),
        (".well-known", b".well-known"),
        (".well-known/x", b".well-known/x"),
        ("a..b", b"a..b"),
        ("..", None),
        (".", None),
        ("a/..", None),
        ("a/../b", None),
        ("%2E%2E/b", None),
        ("a%2Fb", None),
        ("a%2fb", None),
        ("a\\b", None),
        ("a%5Cb", None),
        ("a%00", None),
        ("/a", None),
        ("a//b", None),
        ("a//", None),
        (".env", None),
        ("a/.git/config", None),
        (".well-known/.x", None),
        (".well-knownx", None),
        ("a/.well-known", None),
    ],
)
def test_a_path_is_the_name_of_a_file_or_of_none(path, inner):
    assert inner_path(path, hidden=False) == inner


def test_hidden_names_are_names_where_they_are_allowed():
    assert inner_path("a/.git/config", hidden=True) == b"a/.git/config"
    assert inner_path("a/..", hidden=True) is None


@given(
    st.text("a./\\%25eEfFcC0", max_size=20).map(lambda rest: "/" + rest) | st.text(max_size=20),
    st.booleans(),
)
def test_no_request_leads_out_of_the_folder_or_to_what_is_hidden(path, hidden):
    try:
        routed = routing_path(path.encode())
    except (Malformed, UnicodeDecodeError):
        routed = path if path.isascii() else "/"
    inner = inner_path(routed[1:], hidden=hidden)
    if inner is None:
        return
    names = inner.removesuffix(b"/").split(b"/") if inner else []
    assert not inner.startswith(b"/")
    assert b"\0" not in inner
    assert b"\\" not in inner
    assert not {b"", b".", b".."} & set(names)
    if not hidden:
        assert not any(name.startswith(b".") for name in names[names[:1] == [b".well-known"] :])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"a/index.html", b"text/html; charset=utf-8"),
        (b"A.JS", b"text/javascript; charset=utf-8"),
        (b"app.js.map", b"application/json"),
        (b"x.wasm", b"application/wasm"),
        (b"a.b/none", b"application/octet-stream"),
        (b"x.unheard", b"application/octet-stream"),
        (b"x.", b"application/octet-stream"),
    ],
)
def test_the_suffix_says_what_a_file_is(name, kind):
    assert content_type(name) == kind


@pytest.mark.parametrize(
    ("name", "accept", "answer"),
    [
        (b"patients/7", None, True),
        (b"patients/7", b"application/json", True),
        (b"a.b/c", b"*/*", True),
        (b"app.js", b"*/*", False),
        (b"app.js", None, False),
        (b"john.doe", b"text/html,*/*;q=0.8", True),
    ],
)
def test_only_who_looks_for_a_page_gets_one(name, accept, answer):
    assert is_page(name, accept) is answer


def test_the_pattern_that_says_most_counts():
    find = fitting((("*", "a"), ("*.html", "b"), ("/assets/*", "c"), ("/assets/x.js", "d")))
    assert find(b"x") == "a"
    assert find(b"index.html") == find(b"deep/down/x.html") == "b"
    assert find(b"assets/deep/x.js") == find(b"assets/x.html") == "c"
    assert find(b"assets/x.js") == "d"
    assert fitting((("/x", "a"),))(b"y") == ""


@given(st.text("ab*/.", min_size=1, max_size=12), st.text("ab/.", max_size=200))
def test_no_pattern_takes_long(pattern, name):
    assert fitting(((pattern, "x"),))(name.encode()) in ("x", "")
