"""core/routing.py: host and path to a route, against a naive reading of the rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.routing import Router, bare_host
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
    assert Router(routes).match(listener, host, path) == naive(routes, listener, host, path)


@pytest.mark.parametrize("prefix", ["/api", "/api/"])
def test_a_prefix_ends_at_a_segment(prefix: str) -> None:
    router = Router([Route("web", "api", path=prefix)])
    taken = ["/api", "/api/", "/api/x", "/api//x"]
    left = ["/", "/apix", "/ap", "/x/api", "/API"]
    assert all(router.match("web", b"", path) for path in taken)
    assert not any(router.match("web", b"", path) for path in left)


@pytest.mark.parametrize("order", [1, -1])
def test_the_longest_of_several_prefixes_wins_however_they_are_listed(order: int) -> None:
    routes = [Route("web", "api", path=path) for path in ("/", "/x", "/x/y/", "/x/y/z")]
    router = Router(routes[::order])
    asked = ["/xy", "/x/z", "/x/y", "/x/y/z/w"]
    assert [router.match("web", b"", path) for path in asked] == routes


def test_the_host_goes_before_the_longer_path_and_any_host_comes_behind_it() -> None:
    named = Route("web", "named", host="a.com", path="/x")
    general = Route("web", "general", path="/x/y")
    router = Router([general, named])
    assert router.match("web", b"a.com", "/x/y") is named
    assert router.match("web", b"b.com", "/x/y") is general
    assert router.match("web", b"a.com", "/x") is named
    assert router.match("web", b"b.com", "/x") is None


def test_a_named_host_falls_back_to_any_host_where_its_own_paths_do_not_fit() -> None:
    general = Route("web", "general")
    router = Router([Route("web", "named", host="a.com", path="/x"), general])
    assert router.match("web", b"a.com", "/y") is general
    assert router.match("web", b"", "/y") is general


def test_every_listener_has_routes_of_its_own() -> None:
    web, admin = Route("web", "api"), Route("admin", "panel")
    router = Router([web, admin])
    assert router.match("web", b"", "/") is web
    assert router.match("admin", b"", "/") is admin
    assert router.match("other", b"", "/") is None


def test_without_routes_nothing_matches() -> None:
    assert Router([]).match("web", b"a.com", "/") is None


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
    assert Router([Route("web", "api", host=host)]).match("web", field, "/")
