"""The failure matrix, each fault once; `scripts/failures` does them more often."""

import pytest
from breaking import under
from faults import FAULTS, REQUESTS, STREAMS

pytestmark = pytest.mark.timeout(240)
LOADS = {"requests": REQUESTS, "streams": STREAMS}


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_clients_see_nothing_that_could_be_prevented(project, fault, load):
    if not set(LOADS[load]) & set(fault.kinds):
        pytest.skip("says nothing of them")
    clients = under(fault, project, LOADS[load], times=1)
    assert {client.kind: fault.unexcused(client) for client in clients} == {
        client.kind: [] for client in clients
    }
    assert all(client.progress for client in clients)
