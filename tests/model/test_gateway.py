"""model/gateway.py: the name of one living worker, here or elsewhere."""

import pytest

from webqx_supervisor.model.gateway import read_worker_id, remote_id, split_address, worker_id


def test_a_workers_name_tells_its_service_its_instance_and_its_pid() -> None:
    assert worker_id("api", 1, 4711) == "api:1@4711"
    assert read_worker_id("api:1@4711") == ("api", 1, 4711)


@pytest.mark.parametrize("host", ["10.0.0.7", "2001:db8::7"])
def test_a_remote_workers_name_tells_its_address_and_no_pid(host: str) -> None:
    assert read_worker_id(remote_id("standby", 2, host, 3001)) == ("standby", 2, None)


def test_an_address_is_a_host_without_brackets_and_a_port() -> None:
    assert split_address("[2001:db8::7]:3001") == ("2001:db8::7", 3001)
    assert split_address("backup-host:80") == ("backup-host", 80)
