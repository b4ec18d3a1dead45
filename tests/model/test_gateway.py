"""model/gateway.py: the name of one living worker."""

from webqx_supervisor.model.gateway import worker_id


def test_a_workers_name_tells_its_service_its_instance_and_its_pid() -> None:
    assert worker_id("api", 1, 4711) == "api:1@4711"
