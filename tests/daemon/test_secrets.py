import os

import pytest
import trio
from helpers import auntil

from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.secrets import KEPT, Secrets
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.service import Service
from webqx_supervisor.process import table


def service(name="api", **secrets):
    return Service(name, ("x",), "/", secrets=tuple(secrets.items()))


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "secret"
    path.touch(0o600)
    return path


async def test_they_are_read_anew_each_time_and_the_old_ones_stay_masked(place):
    secrets, mine = Secrets(), service(DB=f"file:{place}")
    assert await secrets.read(service()) == {}
    for value in ("password 1", "password 2"):
        place.write_text(value)
        assert await secrets.read(mine) == {"DB": value}
    assert secrets.masked("password 1 password 2 password 3") == "*** *** password 3"


async def test_so_many_values_of_one_are_remembered(place):
    secrets, mine = Secrets(), service(DB=f"file:{place}")
    for number in range(KEPT + 1):
        place.write_text(f"password {number}")
        await secrets.read(mine)
    assert secrets.masked("password 0") == "password 0"
    assert secrets.masked("password 1") == "***"


async def test_lines_are_masked_for_their_own_service(place):
    secrets = Secrets()
    place.write_text("password 1")
    await secrets.read(service(DB=f"file:{place}"))
    assert secrets.masked_lines("api", b"password 1\n") == b"***\n"
    assert secrets.masked_lines("web", b"password 1\n") == b"password 1\n"


async def test_one_that_is_not_there_is_named_by_its_variable(place):
    with pytest.raises(CannotStart, match=r"secret DB: .* is empty"):
        await Secrets().read(service(DB=f"file:{place}"))


async def test_what_a_living_process_has_is_recalled_by_its_environment(place):
    place.write_text("the new password")
    process = await trio.lowlevel.open_process(
        ["sleep", "100"], env={**os.environ, "DB": "the old password"}
    )
    try:
        # The kernel shows it a moment after execve(2) has closed what Popen waits for.
        await auntil(lambda: b"DB=the old password" in table.environment(process.pid))
        secrets = Secrets()
        secrets.recall(service(DB=f"file:{place}", GONE="file:/gone"), process.pid)
        assert secrets.masked("the old password, the new password") == "***, ***"
    finally:
        process.kill()
        await process.wait()


async def test_what_is_told_is_masked(place):
    secrets = Secrets()
    registry = Registry(mask=secrets.masked)
    place.write_text("password 1")
    await secrets.read(service(DB=f"file:{place}"))
    registry.tell("failed", "cannot log in with password 1")
    assert registry.events()[0].text == "cannot log in with ***"
