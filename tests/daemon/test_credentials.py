"""daemon/credentials.py: what proxies are told of who may ask, and how it stays fresh."""

import itertools
import json
from contextlib import asynccontextmanager

import pytest
import tokens
import trio
from helpers import auntil
from tokens import jwk, jwks

from webqx_supervisor.core.refresh import GAP
from webqx_supervisor.daemon import credentials as module
from webqx_supervisor.daemon.credentials import CredentialStore
from webqx_supervisor.daemon.keyfetch import Fetched, FetchFailed
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.auth import Auth, BasicAuth, Jwt, Source, SourceKind
from webqx_supervisor.model.filters import Filters
from webqx_supervisor.model.gateway import Route

ADDRESS = "https://issuer.example/jwks.json"
ISSUER = Source(SourceKind.KEYS, ADDRESS)
FIRST, SECOND = jwks(jwk("ES256", "a")), jwks(jwk("ES256", "b"))


class Issuer:
    """Answers what `says` holds, and counts."""

    def __init__(self):
        self.says = FIRST
        self.asked = []

    async def fetch(self, address):  # noqa: ARG002 - as Fetcher
        await trio.lowlevel.checkpoint()
        self.asked.append(trio.current_time())
        if self.says is None:
            raise FetchFailed("issuer.example answered 500")
        return Fetched(self.says, None)


def routes(*sources):
    return [Route("web", "api", filters=Filters(auth=Auth(jwt=Jwt(keys=sources))))]


class Scene:
    def __init__(self, folder):
        self.path = folder / "keys.json"
        self.issuer = Issuer()
        self.now = 1_000_000.0
        self.registry = Registry()
        self.store = self.successor()

    def successor(self):
        return CredentialStore(self.registry, self.issuer, self.path, lambda: self.now)

    def events(self):
        return [event.text for event in self.registry.events()]

    def held(self, source=ISSUER):
        return next(each for each in self.store.current if each.source == source)

    @asynccontextmanager
    async def running(self, *sources):
        async with trio.open_nursery() as nursery:
            self.store.follow(routes(*sources))
            nursery.start_soon(self.store.run)
            yield
            nursery.cancel_scope.cancel()


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


async def test_keys_are_fetched_at_once_and_told_with_the_reason_until_they_are_there(
    scene, autojump_clock
):
    scene.issuer.says = None
    async with scene.running(ISSUER):
        assert scene.held().reason == "not fetched yet"
        await scene.registry.until(lambda: scene.held().tries == 3)
        assert scene.held().reason == "issuer.example answered 500"
        assert scene.held().text == ""
        scene.issuer.says = FIRST
        await scene.registry.until(lambda: scene.held().text == FIRST)
        assert scene.held().reason == ""
    assert scene.events() == [
        f"none from {ADDRESS}: issuer.example answered 500",  # once for the whole row
        f"new keys from {ADDRESS}",
    ]


async def test_the_last_good_keys_stay_when_a_fetch_fails(scene, autojump_clock):
    async with scene.running(ISSUER):
        await scene.registry.until(lambda: scene.held().text)
        scene.issuer.says = None
        await scene.registry.until(lambda: scene.held().tries >= 3)
        assert (scene.held().text, scene.held().reason) == (FIRST, "")
        assert scene.events()[-1].endswith("answered 500; the last ones stay")


async def test_a_missing_key_is_looked_for_at_once_and_then_not_more_often_than_every_gap(
    scene, autojump_clock
):
    async with scene.running(ISSUER):
        await scene.registry.until(lambda: scene.held().text)
        scene.issuer.says = SECOND
        began = trio.current_time()
        scene.store.key_missing(ISSUER)
        await scene.registry.until(lambda: scene.held().text == SECOND)
        assert trio.current_time() == began
        for _ in range(100):
            scene.store.key_missing(ISSUER)
            await trio.sleep(1)
        assert len(scene.issuer.asked) <= 2 + 100 // GAP
        later = scene.issuer.asked[1:]
        assert all(b - a >= GAP for a, b in itertools.pairwise(later))


async def test_the_next_daemon_has_what_was_fetched_but_not_for_ever(scene, autojump_clock):
    async with scene.running(ISSUER):
        await scene.registry.until(lambda: scene.held().text)
    assert json.loads(scene.path.read_text()) == {ADDRESS: [scene.now, FIRST]}
    assert scene.path.stat().st_mode & 0o077 == 0
    scene.store = scene.successor()
    scene.store.follow(routes(ISSUER))
    assert scene.held().text == FIRST
    scene.now += module.REMEMBERED_FOR
    scene.store = scene.successor()
    scene.store.follow(routes(ISSUER))
    assert (scene.held().text, scene.held().reason) == ("", "not fetched yet")


@pytest.mark.parametrize("broken", ["", "[]", '{"a": 1}', '{"a": [1, 2, 3]}'])
async def test_a_broken_memory_is_none(scene, broken):
    scene.path.write_text(broken)
    scene.store.follow(routes(ISSUER))
    assert scene.held().text == ""


async def test_secrets_are_read_anew_with_every_apply_and_never_written_down(
    scene, tmp_path, monkeypatch, autojump_clock
):
    secret = tmp_path / "secret.txt"
    secret.write_text("the first secret")
    file = Source(SourceKind.SECRET, f"file:{secret}")
    env = Source(SourceKind.SECRET, "env:A_SECRET_OF_TESTS")
    monkeypatch.setenv("A_SECRET_OF_TESTS", "the other secret")
    async with scene.running(file, env, ISSUER):
        assert (scene.held(file).text, scene.held(env).text) == (
            "the first secret",
            "the other secret",
        )
        secret.write_text("the second secret")
        scene.store.follow(routes(file, env, ISSUER))
        assert scene.held(file).text == "the second secret"
        secret.unlink()
        scene.store.follow(routes(file, env, ISSUER))
        assert scene.held(file).text == ""
        assert scene.held(file).reason == "secret.txt cannot be read: No such file or directory"
        await scene.registry.until(lambda: scene.held().text)
    told = repr(scene.store.current) + "".join(scene.events()) + scene.path.read_text()
    assert "first" not in told
    assert "second secret" not in told
    assert "other secret" not in told


async def test_what_no_route_names_any_more_is_forgotten_and_fetched_no_more(scene, autojump_clock):
    async with scene.running(ISSUER):
        await scene.registry.until(lambda: scene.held().text)
        scene.store.follow([])
        assert scene.store.current == ()
        asked = len(scene.issuer.asked)
        await trio.sleep(80_000)
        assert len(scene.issuer.asked) == asked
        scene.store.follow(routes(ISSUER))
        await scene.registry.until(lambda: scene.held().tries)


async def test_a_file_of_keys_is_read_again_when_it_lacks_one(scene, tmp_path, autojump_clock):
    file = tmp_path / "jwks.json"
    file.write_text(FIRST)
    source = Source(SourceKind.KEYS, f"file:{file}")
    async with scene.running(source):
        file.write_text(SECOND)
        await trio.sleep(80_000)
        assert scene.held(source).text == FIRST  # apply has not been said
        scene.store.key_missing(source)
        await scene.registry.until(lambda: scene.held(source).text == SECOND)


async def test_passwords_are_read_like_secrets(scene, tmp_path):
    (tmp_path / "htpasswd").write_text("ada:hash")
    source = Source(SourceKind.PASSWORDS, f"file:{tmp_path / 'htpasswd'}")
    scene.store.follow([Route("web", "api", filters=Filters(auth=Auth(basic=BasicAuth(source))))])
    assert scene.held(source).text == "ada:hash"
    scene.store.key_missing(source)  # has no meaning for them
    await auntil(lambda: True)
    assert tokens.SECRET not in repr(scene.store.current)


async def test_a_secret_may_be_a_credential_of_systemd(scene, monkeypatch, tmp_path):
    (tmp_path / "jwt").write_text("s" * 40)
    source = Source(SourceKind.SECRET, "cred:jwt")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    async with scene.running(source):
        assert "no credentials here" in scene.held(source).reason
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    scene = Scene(tmp_path)
    async with scene.running(source):
        assert scene.held(source).text == "s" * 40
