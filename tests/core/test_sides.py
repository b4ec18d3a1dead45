"""core/sides.py: who accepts while that changes."""

from dataclasses import replace

import pytest

from webqx_supervisor.core.sides import Sides
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import Listener, Route
from webqx_supervisor.model.service import Service

SERVICE = Service("api", ("x",), "/")
WEB, TO_WEB = Listener("web", ("127.0.0.1:1",)), Route("web", "other")
PROXIED = Listener("api", ("127.0.0.1:80",))
HANDED = replace(PROXIED, handed=True)
ELSEWHERE = replace(HANDED, binds=("127.0.0.1:81",))


def config(listener):
    routes = (TO_WEB,) if listener.handed else (TO_WEB, Route("api", "api"))
    return Config(
        "name", "/services.toml", services=(SERVICE,), listeners=(WEB, listener), routes=routes
    )


@pytest.mark.parametrize(
    ("old", "new", "between"),
    [
        (PROXIED, HANDED, HANDED),
        (HANDED, PROXIED, HANDED),
        (PROXIED, ELSEWHERE, ELSEWHERE),
        (HANDED, ELSEWHERE, replace(HANDED, binds=("127.0.0.1:80", "127.0.0.1:81"))),
    ],
)
def test_what_is_listened_on_before_during_and_after(old, new, between):
    sides = Sides(config(old), config(new))
    assert sides.changing == {"api"}
    now = sides.before()
    assert now == config(old)
    now = sides.during(now, "api")
    assert now == config(between)
    assert sides.after(now, "api", replaced=True) == config(new)
    assert sides.after(now, "api", replaced=False) == config(old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (HANDED, HANDED),
        (PROXIED, PROXIED),
        (PROXIED, replace(PROXIED, binds=("127.0.0.1:90",))),
    ],
)
def test_all_else_is_as_wanted_at_once(old, new):
    sides = Sides(config(old), replace(config(new), proxies=3))
    assert sides.changing == frozenset()
    assert sides.before() == sides.new


def test_what_comes_or_goes_does_not_change_sides():
    nothing = replace(config(PROXIED), services=(), listeners=(WEB,), routes=(TO_WEB,))
    for old, new in ((config(HANDED), nothing), (nothing, config(HANDED))):
        assert Sides(old, new).before() == new
