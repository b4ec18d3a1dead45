"""The door for browsers, over real sockets."""

import socket
import ssl
from dataclasses import replace

import helpers
import httpx
import pytest
import trio
import trustme
from trio.testing import wait_all_tasks_blocked

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.server import Reply
from webqx_supervisor.daemon.dashboard.door import STORED, Door
from webqx_supervisor.daemon.dashboard.sessions import Sessions
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.config import Dashboard
from webqx_supervisor.model.errors import WebqxError


class House:
    """A door with a daemon behind it that only says which path was asked."""

    def __init__(self, folder, wanted):
        self.wanted = wanted
        self.registry = Registry()
        self.sessions = Sessions(folder / "sessions.json")
        self.door = Door(lambda: self.wanted, self.sessions, self.registry, FdStore(""))

    async def run(self):
        async def handle(call):
            return Reply({"path": call.path})

        async def look():
            return {"seen": True}

        await self.door.run(handle, look)

    def want(self, wanted):
        self.wanted = wanted
        self.registry.changed()


@pytest.fixture
async def house(tmp_path, nursery):
    def build(wanted=None):
        built = House(tmp_path, wanted or Dashboard())
        nursery.start_soon(built.run)
        return built

    return build


async def visit(url, **more):
    async with httpx.AsyncClient(**more) as browser:
        entered = await browser.get(url)
        origin = url.split("/login")[0]
        return entered, await browser.get(f"{origin}/api/status")


async def test_an_invitation_opens_the_door_and_lets_one_in(house):
    house = house()
    url = await house.door.invite()
    assert url.startswith("http://127.0.0.1:")
    entered, answer = await visit(url)
    assert entered.status_code == 200
    assert answer.json() == {"path": "/status"}
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    entered, answer = await visit(url)
    assert (entered.status_code, answer.status_code) == (401, 401)


async def test_it_listens_where_the_file_says_and_follows_it(house):
    one, other = helpers.free_ports(), helpers.free_ports()
    house = house(Dashboard(bind=f"127.0.0.1:{one}"))
    assert f"127.0.0.1:{one}/login" in await house.door.invite()
    house.want(Dashboard(bind=f"127.0.0.1:{other}"))
    _, answer = await visit(await house.door.invite())
    assert answer.url.port == other
    with pytest.raises(OSError, match="attempts to connect"):
        await trio.open_tcp_stream("127.0.0.1", one)
    house.want(Dashboard(enabled=False))
    await wait_all_tasks_blocked()
    with pytest.raises(WebqxError, match="switched off"):
        await house.door.invite()
    with pytest.raises(OSError, match="attempts to connect"):
        await trio.open_tcp_stream("127.0.0.1", other)


async def test_an_address_that_is_taken_is_said_and_tried_again(house):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        house = house(Dashboard(bind=f"127.0.0.1:{port}"))
        with pytest.raises(WebqxError, match=f"127.0.0.1:{port}: .*in use"):
            await house.door.invite()
    _, answer = await visit(await house.door.invite())
    assert answer.url.port == port


async def test_the_socket_of_an_earlier_daemon_is_taken_over(tmp_path, nursery):
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    sock.setblocking(False)
    house = House(tmp_path, Dashboard())
    house.door.adopt({STORED: [sock.detach()]})
    nursery.start_soon(house.run)
    _, answer = await visit(await house.door.invite())
    assert answer.url.port == port


async def test_with_a_certificate_it_is_https(house, tmp_path):
    authority = trustme.CA()
    pair = authority.issue_cert("127.0.0.1")
    chain = tmp_path / "chain.pem"
    pair.private_key_and_cert_chain_pem.write_to_path(chain)
    house = house(Dashboard(certificate=str(chain)))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    url = await house.door.invite()
    assert url.startswith("https://")
    entered, answer = await visit(url, verify=context)
    assert "; Secure" in entered.headers["Set-Cookie"]
    assert answer.json() == {"path": "/status"}
    stream = await trio.open_tcp_stream("127.0.0.1", answer.url.port)  # one that speaks no TLS
    async with stream:
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        while await stream.receive_some():
            pass
    _, answer = await visit(await house.door.invite(), verify=context)
    assert answer.json() == {"path": "/status"}


async def test_a_certificate_that_is_not_there_is_said(house, tmp_path):
    house = house(replace(Dashboard(), certificate=str(tmp_path / "none.pem")))
    with pytest.raises(WebqxError, match="No such file"):
        await house.door.invite()


async def test_an_open_page_hears_what_changes_at_once(house):
    house = house()
    entered, answer = await visit(await house.door.invite())
    cookie = entered.headers["Set-Cookie"].partition(";")[0]
    port = answer.url.port
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        head = f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n"
        await stream.send_all(head.encode())
        read = await read_until(stream, b'"kind":"listening"')
        assert b"Content-Type: text/event-stream" in read
        assert b'data: {"at":' in read
        assert b'"status":{"seen":true}' in read
        house.registry.tell("exited", "pid 7", service="api")
        await read_until(stream, b'"kind":"exited"')


async def read_until(stream, wanted):
    read = b""
    with trio.fail_after(20):
        while wanted not in read:
            read += await stream.receive_some()
    return read
