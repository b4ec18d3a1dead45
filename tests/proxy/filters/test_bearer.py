"""proxy/filters/bearer.py: tokens on real connections, their keys as tables bring them."""

import time
from dataclasses import replace

import pytest
import tokens
import trio
from stage import Stage, echo, request
from tokens import held, jwk, jwks, token

from webqx_supervisor.model.auth import Auth, Jwt, Source, SourceKind
from webqx_supervisor.model.filters import Cors
from webqx_supervisor.model.link import KeyMissing
from webqx_supervisor.proxy.filters import bearer
from webqx_supervisor.proxy.filters.bearer import BearerFilter

ISSUER = Source(SourceKind.KEYS, "https://issuer.example/jwks.json")


async def guards(stage: Stage, *credentials, reserved=(), cors=None, **policy):
    """Let requests to the echoing worker pass with a token only."""
    credentials = credentials or (held(tokens.SHARED, tokens.SECRET),)
    sources = tuple(each.source for each in credentials)
    auth = Auth(jwt=Jwt(keys=sources, **policy), reserved=reserved)
    stage.filter(auth=auth, cors=cors)
    stage.credentials = credentials
    await stage.apply(await stage.upstream(echo))


def bears(octets, *fields, method="GET"):
    return request(method, "/", f"Authorization: Bearer {octets}", *fields)


async def test_without_a_token_nobody_is_told_more_than_that_one_is_wanted(stage: Stage):
    await guards(stage, realm="clinic")
    status, fields, body = await stage.ask(request())
    assert status == 401
    assert fields["www-authenticate"] == 'bearer realm="clinic"'
    assert b"a bearer token is wanted" in body


async def test_a_good_token_passes_with_what_it_says_as_fields_and_stays_in_the_request(
    stage: Stage,
):
    headers = (("X-User", "sub"), ("X-Roles", "realm.roles"), ("X-None", "nothing"))
    await guards(stage, headers=headers, reserved=("X-User", "X-Roles", "X-None"))
    given = token(sub="ada\r\nX-Admin: 1", realm={"roles": ["a", "b,c", "é"]})
    for _ in range(2):  # verified, then remembered
        status, _, body = await stage.ask(
            bears(given, "x-user: root", "X-ROLES: all", "X-None: x", "X_User: root")
        )
        assert status == 200
        assert b"X-User: ada%0D%0AX-Admin: 1\r\n" in body
        assert b"X-Roles: a,b%2Cc,%C3%A9\r\n" in body
        assert body.lower().count(b"x-user") == body.lower().count(b"x-roles") == 1
        assert b"x-none" not in body.lower()
        assert f"Authorization: Bearer {given}".encode() in body


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (token(exp=1), "the token has expired"),
        (token()[:-4] + "AAAA", "the token's signature is wrong"),
        ("x", "this is no JSON Web Token"),
        ("", "this is no JSON Web Token"),
        (token("RS256", "k"), "no key is called like the token's"),
    ],
    ids=["expired", "changed", "nonsense", "empty", "other"],
)
async def test_a_bad_token_is_refused_with_the_reason(stage: Stage, given, reason):
    await guards(stage)
    for _ in range(2):
        status, fields, body = await stage.ask(bears(given))
        assert status == 401
        said = f'Bearer realm="api", error="invalid_token", error_description="{reason}"'
        assert fields["www-authenticate"] == said.lower()  # the stage reads it so
        assert reason.encode() in body
    assert not any(isinstance(each, KeyMissing) for each in stage.said)


async def test_a_token_that_grants_too_little_is_told_what_it_lacks(stage: Stage):
    await guards(stage, scopes=("read", "write"))
    for _ in range(2):
        status, fields, _ = await stage.ask(bears(token(scope="read")))
        assert status == 403
        assert 'error="insufficient_scope"' in fields["www-authenticate"]
        assert 'scope="read write"' in fields["www-authenticate"]
    assert (await stage.ask(bears(token(scope="read write"))))[0] == 200


async def test_two_tokens_in_one_request_are_refused(stage: Stage):
    await guards(stage, cookie="session")
    good = token()
    assert (await stage.ask(bears(good, "authorization: Bearer x")))[0] == 400
    twice = request("GET", "/", f"Cookie: session={good}; session={good}")
    assert (await stage.ask(twice))[0] == 400
    twice = request("GET", "/", f"Cookie: session={good}", f"Cookie: session={good}")
    assert (await stage.ask(twice))[0] == 400


async def test_a_cookie_may_hold_the_token(stage: Stage):
    await guards(stage, cookie="session")
    given = f"Cookie: xsession=1; session={token()}; other=2"
    assert (await stage.ask(request("GET", "/", given)))[0] == 200
    assert (await stage.ask(request("GET", "/", "Cookie: session=x")))[0] == 401
    assert (await stage.ask(request("GET", "/", "Cookie: other=x")))[0] == 401
    # what Authorization says goes first
    assert (await stage.ask(bears("x", given)))[0] == 401


async def test_where_it_is_optional_nobody_passes_as_nobody_and_a_bad_token_not_at_all(
    stage: Stage,
):
    await guards(stage, optional=True, headers=(("X-User", "sub"),), reserved=("X-User",))
    status, _, body = await stage.ask(request("GET", "/", "X-User: root"))
    assert status == 200
    assert b"X-User" not in body
    assert (await stage.ask(bears("x")))[0] == 401


async def test_a_preflight_needs_no_token_and_a_refusal_can_be_read_by_the_page(stage: Stage):
    await guards(stage, cors=Cors(origins=("https://me.github.io",)))
    origin = "Origin: https://me.github.io"
    asked = request("OPTIONS", "/", origin, "Access-Control-Request-Method: PUT")
    assert (await stage.ask(asked))[0] == 204
    status, fields, _ = await stage.ask(request("GET", "/", origin))
    assert (status, fields["access-control-allow-origin"]) == (401, "https://me.github.io")


async def test_without_keys_the_request_is_refused_for_that_reason(stage: Stage):
    await guards(stage, held(ISSUER, "", "issuer.example answered 500"))
    status, fields, body = await stage.ask(bears(token("RS256", "a")))
    assert status == 503
    assert b"no keys to verify tokens with: issuer.example answered 500" in body
    assert "retry-after" in fields


async def test_a_key_that_is_gone_vouches_for_nobody_though_its_tokens_were_remembered(
    stage: Stage,
):
    first, second = jwks(jwk("RS256", "a")), jwks(jwk("ES256", "b"))
    await guards(stage, held(ISSUER, first))
    old = token("RS256", "a")
    assert (await stage.ask(bears(old)))[0] == 200
    await guards(stage, held(ISSUER, second, tries=1))
    assert (await stage.ask(bears(token("ES256", "b"))))[0] == 200
    stage.credentials = (held(ISSUER, second, tries=2),)
    await stage.apply(await stage.upstream(echo))
    status, fields, _ = await stage.ask(bears(old))
    assert (status, "no key is called" in fields["www-authenticate"]) == (401, True)


async def test_a_token_of_a_new_key_waits_for_the_key(stage: Stage):
    await guards(stage, held(ISSUER, jwks(jwk("RS256", "a"))))
    worker = await stage.upstream(echo, "2")
    clients = [await stage.connect() for _ in range(3)]
    for client in clients:
        await client.send(bears(token("ES256", "new")))
    await stage.hears(KeyMissing(ISSUER))
    stage.credentials = (held(ISSUER, jwks(jwk("RS256", "a"), jwk("ES256", "new")), tries=1),)
    await stage.apply(worker)
    for client in clients:
        assert (await client.answer())[0] == 200
    assert stage.said.count(KeyMissing(ISSUER)) == 1  # once for all, and once in half a minute


async def test_when_the_key_does_not_come_it_waits_no_longer_than_the_daemon_tries(stage: Stage):
    await guards(stage, held(ISSUER, jwks(jwk("RS256", "a"))))
    client = await stage.connect()
    await client.send(bears(token("ES256", "new")))
    await stage.hears(KeyMissing(ISSUER))
    stage.credentials = (held(ISSUER, jwks(jwk("RS256", "a")), tries=1),)  # tried in vain
    await stage.apply(await stage.upstream(echo))
    assert (await client.answer())[0] == 401
    # From then on names out of the air are refused at once, without another word to the daemon.
    with trio.fail_after(bearer.PATIENCE):
        for number in range(20):
            assert (await stage.ask(bears(token("ES256", f"new{number}"))))[0] == 401
    assert stage.said.count(KeyMissing(ISSUER)) == 1


async def test_keys_that_were_only_fetched_again_let_nobody_be_forgotten(stage: Stage):
    await guards(stage, held(ISSUER, jwks(jwk("RS256", "a"))))
    version = stage.proxy.gateway.keyring.version
    stage.credentials = (held(ISSUER, jwks(jwk("RS256", "a")), tries=7),)
    await stage.apply(await stage.upstream(echo))
    assert stage.proxy.gateway.keyring.version is version
    stage.credentials = (held(ISSUER, jwks(jwk("ES256", "b")), tries=8),)
    await stage.apply(await stage.upstream(echo))
    assert stage.proxy.gateway.keyring.version is not version


async def test_a_client_that_goes_away_while_its_key_is_waited_for_leaves_nothing(stage: Stage):
    await guards(stage, held(ISSUER, jwks(jwk("RS256", "a"))))
    client = await stage.connect()
    await client.send(bears(token("ES256", "new")))
    await stage.hears(KeyMissing(ISSUER))
    await trio.aclose_forcefully(client.stream)
    await stage.apply(await stage.upstream(echo))
    assert (await stage.ask(bears(token("RS256", "a"))))[0] == 200


class Nothing:
    """An exchange, as far as the filter needs one."""

    def __init__(self, gateway, head):
        self.gateway = gateway
        self.head = head
        self.claims = None


async def test_a_remembered_token_is_forgotten_the_moment_it_expires(stage: Stage):
    await guards(stage)
    now = time.time()
    policy = stage.routes[0].filters.auth.jwt
    clock = [now]
    asked = BearerFilter(policy, lambda: clock[0])
    exchange = Nothing(stage.proxy.gateway, parsed(bears(token(exp=now + 10))))
    asked.ask(exchange)
    assert exchange.claims["sub"] == "ada"
    clock[0] = now + 10 + policy.leeway - 0.01
    asked.ask(exchange)
    clock[0] = now + 10 + policy.leeway
    with pytest.raises(bearer.Refused, match="expired"):
        asked.ask(exchange)


async def test_a_remembered_token_is_not_verified_again(stage: Stage, monkeypatch):
    await guards(stage)
    exchange = Nothing(stage.proxy.gateway, parsed(bears(token())))
    asked = BearerFilter(stage.routes[0].filters.auth.jwt)
    asked.ask(exchange)
    poor = Nothing(stage.proxy.gateway, parsed(bears(token(scope="read"))))
    strict = BearerFilter(replace(stage.routes[0].filters.auth.jwt, scopes=("write",)))
    with pytest.raises(bearer.Refused, match="lacks the scope write"):
        strict.ask(poor)
    monkeypatch.setattr(bearer.bearer, "verify", None)
    asked.ask(exchange)
    with pytest.raises(bearer.Refused, match="lacks the scope write"):
        strict.ask(poor)


def parsed(octets):
    from webqx_supervisor.core.wire.parser import parse_request

    return parse_request(octets)
