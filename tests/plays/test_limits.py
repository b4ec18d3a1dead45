"""Too many clients, at a product that was started as a person starts it."""

import resource
import socket
import sys
from contextlib import ExitStack

import helpers
import httpx
import psutil
import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the limits of a process")
def test_a_proxy_may_open_all_the_descriptors_that_the_system_allows(project):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        project.service().cli("start")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    proxy = psutil.Process(project.status()["proxies"][0]["pid"])
    helpers.until(lambda: proxy.rlimit(psutil.RLIMIT_NOFILE) == (hard, hard))


def test_idle_connections_of_one_client_do_not_keep_the_next_one_out(project):
    listen = f'[listeners.web]\nbind = "127.0.0.1:{project.listen + 1}"\nmax_connections = 20\n'
    project.service(more=f'{listen}[[routes]]\nlistener = "web"\nservice = "api"\n').cli("start")
    port = project.listen + 1
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        # Who is refused while a crowd pushes in may come again.
        helpers.until(lambda: httpx.get(f"http://127.0.0.1:{port}/").status_code == 200)
        for _ in range(10):
            assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
