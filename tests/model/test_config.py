"""model/config.py: a service by its name."""

from webqx_supervisor.model.config import Config
from webqx_supervisor.model.service import Service


def test_a_service_is_found_by_its_name_or_not_at_all() -> None:
    api = Service("api", ("run",), "/")
    config = Config("clinic", "/services.toml", services=(Service("web", ("run",), "/"), api))
    assert config.service("api") is api
    assert config.service("ap") is None
