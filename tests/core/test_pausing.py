"""core/pausing.py: which routes are meant by a name."""

from webqx_supervisor.core.pausing import names, paused
from webqx_supervisor.model.gateway import Pause, Route

ROUTES = (
    Route("web", "api"),
    Route("web", "api", path="/admin", name="admin"),
    Route("web", name="docs"),
    Route("web"),
)


def test_a_name_is_a_routes_own_or_a_services():
    assert names(ROUTES) == {"api", "admin", "docs"}


def test_a_service_stands_for_all_that_leads_to_it_and_a_routes_own_name_goes_first():
    api, admin = Pause("api"), Pause("admin", hold=5)
    assert [route.pause for route in paused(ROUTES, [api])] == [api, api, None, None]
    assert [route.pause for route in paused(ROUTES, [api, admin])] == [api, admin, None, None]
    assert paused(ROUTES, []) == ROUTES
