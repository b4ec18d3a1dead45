"""core/routing.py: host and path to a route, against a naive reading of the rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.routing import Router, bare_host, other_readings
from webqx_supervisor.core.wire.messages import RequestHead
from webqx_supervisor.core.wire.parser import parse_request
from webqx_supervisor.model.gateway import Route

SEGMENTS = st.lists(st.sampled_from(["a", "ax", ""]), max_size=3)
PATHS = SEGMENTS.map(lambda segments: "/" + "/".join(segments))
HOSTS = st.sampled_from(["a.com", "A.com", "b.com"])
ROUTES = st.lists(
    st.builds(
        Route,
        listener=st.sampled_from(["web", "admin"]),
        service=st.text("xyz", min_size=1),
        host=st.none() | HOSTS,
        path=PATHS,
    ),
    max_size=8,
    unique_by=lambda route: (route.listener, (route.host or "").lower(), route.path.rstrip("/")),
)


def led(routes: list[Route]) -> list[tuple[Route, Route]]:
    """Let each route be its own target."""
    return [(route, route) for route in routes]


def naive(routes: list[Route], listener: str, host: str, path: str) -> Route | None:
    """Return the best route as one would find it by hand: segment by segment."""

    def segments(text: str) -> list[str]:
        return text.rstrip("/").split("/")

    def fits(route: Route) -> bool:
        prefix = segments(route.path)
        here = route.listener == listener
        for_host = route.host is None or route.host.lower() == host.lower()
        return here and for_host and path.split("/")[: len(prefix)] == prefix

    fitting = [route for route in routes if fits(route)]
    key = lambda route: (route.host is not None, len(route.path.rstrip("/")))  # noqa: E731 - reads best beside its use
    return max(fitting, key=key, default=None)


@given(ROUTES, st.sampled_from(["web", "admin", "none"]), HOSTS, PATHS)
def test_the_router_finds_what_a_naive_search_finds(
    routes: list[Route], listener: str, host: str, path: str
) -> None:
    assert Router(led(routes)).match(listener, host, path) == naive(routes, listener, host, path)


@pytest.mark.parametrize("prefix", ["/api", "/api/"])
def test_a_prefix_ends_at_a_segment(prefix: str) -> None:
    router = Router(led([Route("web", "api", path=prefix)]))
    taken = ["/api", "/api/", "/api/x", "/api//x"]
    left = ["/", "/apix", "/ap", "/x/api", "/API"]
    assert all(router.match("web", b"", path) for path in taken)
    assert not any(router.match("web", b"", path) for path in left)


@pytest.mark.parametrize("order", [1, -1])
def test_the_longest_of_several_prefixes_wins_however_they_are_listed(order: int) -> None:
    routes = [Route("web", "api", path=path) for path in ("/", "/x", "/x/y/", "/x/y/z")]
    router = Router(led(routes[::order]))
    asked = ["/xy", "/x/z", "/x/y", "/x/y/z/w"]
    assert [router.match("web", b"", path) for path in asked] == routes


def test_the_host_goes_before_the_longer_path_and_any_host_comes_behind_it() -> None:
    named = Route("web", "named", host="a.com", path="/x")
    general = Route("web", "general", path="/x/y")
    router = Router(led([general, named]))
    assert router.match("web", b"a.com", "/x/y") is named
    assert router.match("web", b"b.com", "/x/y") is general
    assert router.match("web", b"a.com", "/x") is named
    assert router.match("web", b"b.com", "/x") is None


def test_a_named_host_falls_back_to_any_host_where_its_own_paths_do_not_fit() -> None:
    general = Route("web", "general")
    router = Router(led([Route("web", "named", host="a.com", path="/x"), general]))
    assert router.match("web", b"a.com", "/y") is general
    assert router.match("web", b"", "/y") is general


def test_every_listener_has_routes_of_its_own() -> None:
    web, admin = Route("web", "api"), Route("admin", "panel")
    router = Router(led([web, admin]))
    assert router.match("web", b"", "/") is web
    assert router.match("admin", b"", "/") is admin
    assert router.match("other", b"", "/") is None


def test_without_routes_nothing_matches() -> None:
    assert Router(led([])).match("web", b"a.com", "/") is None


@pytest.mark.parametrize(
    ("field", "host"),
    [
        (b"API.webqx.com", "api.webqx.com"),
        (b"api.webqx.com:8443", "api.webqx.com"),
        (b"api.webqx.com.:80", "api.webqx.com"),
        ("127.0.0.1:3000", "127.0.0.1"),
        (b"[::1]:3000", "[::1]"),
        (b"[FE80::1]", "[fe80::1]"),
        (b"", ""),
        (b"caf\xe9", "caf\xe9"),
    ],
)
def test_the_host_is_compared_without_case_port_and_root_dot(field: bytes | str, host: str) -> None:
    assert bare_host(field) == host
    assert Router(led([Route("web", "api", host=host)])).match("web", field, "/")


def match(routes: list[Route], host: bytes, path: str, head: RequestHead | None = None) -> str:
    """Return the service that a request goes to, or nothing."""
    found = Router(led(routes)).match("web", host, path, head)
    return found.service if found else ""


def test_a_host_below_a_name_is_found_by_the_longest_name() -> None:
    routes = [
        Route("web", "any"),
        Route("web", "wild", host="*.a.com"),
        Route("web", "deep", host="*.b.a.com"),
        Route("web", "exact", host="x.a.com", path="/x"),
    ]
    assert match(routes, b"y.a.com", "/") == "wild"
    assert match(routes, b"x.b.a.com:80", "/") == "deep"
    assert match(routes, b"a.com", "/") == "any"
    assert match(routes, b"x.a.com", "/x/1") == "exact"
    assert match(routes, b"x.a.com", "/y") == "wild"  # what a name leaves open, the wider ones take


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/users/*/photos", "/users/7/photos", True),
        ("/users/*/photos", "/users/7/8/photos", False),
        ("/users/*/photos", "/users/7/photos/1", False),
        ("/users/{id}/photos/**", "/users/7/photos/1/2", True),
        ("/files/*.pdf", "/files/a.pdf", True),
        ("/files/*.pdf", "/files/a.pdfx", False),
        ("/exact", "/exact", True),
        ("/exact", "/exact/", False),
        ("/a.b", "/aXb", False),
        ("/**", "/", True),
    ],
)
def test_a_pattern_says_what_the_whole_path_looks_like(pattern: str, path: str, fits: bool) -> None:
    assert match([Route("web", "api", pattern=pattern)], b"", path) == ("api" if fits else "")


@pytest.mark.parametrize(
    ("path", "readings"),
    [
        ("/", ()),
        ("/a/b", ()),
        ("/a%20b/%C3%A9%25%3F", ()),
        ("/a/", ("/a",)),
        ("/a%2Fb", ("/a/b",)),
        ("/a%3Ab;c/d;e=1", ("/a:b/d",)),
        ("/a//b", ("/a/b",)),
        ("//a/b", ("/a/b", "/b")),
        ("//", ("/", "/")),
    ],
)
def test_what_workers_may_take_a_path_for(path: str, readings: tuple[str, ...]) -> None:
    assert other_readings(path) == readings


def test_whatever_says_more_goes_first() -> None:
    head = parse_request(b"POST /api/x HTTP/1.1\r\nHost: a\r\nX-Version: 2\r\nX-Any: y\r\n\r\n")
    routes = [
        Route("web", "prefix", path="/api/"),
        Route("web", "posts", path="/api/", methods=("POST",)),
        Route("web", "second", path="/api/", methods=("POST",), headers=(("x-version", "2"),)),
        Route("web", "get", path="/api/x", methods=("GET",)),
    ]
    assert match(routes, b"a", "/api/x", head) == "second"
    assert match(routes[:2], b"a", "/api/x", head) == "posts"
    assert match([routes[0], routes[3]], b"a", "/api/x", head) == "prefix"
    present = [Route("web", "any", headers=(("X-Any", "*"), ("x-version", "2")))]
    assert match(present, b"a", "/", head) == "any"
    assert match([Route("web", "three", headers=(("X-Version", "3"),))], b"a", "/", head) == ""


def test_no_path_makes_a_pattern_slow() -> None:
    path = "/" + "a" * 8000 + "/" + "a" * 8000
    routes = [Route("web", "api", pattern="/*a/*b/**")]
    assert match(routes, b"", path) == ""
