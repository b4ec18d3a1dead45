"""core/bearer.py, core/signing.py: which tokens are good, and all that is tried to make one so."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
import tokens
from hypothesis import given
from hypothesis import strategies as st
from tokens import NOW, by_hand, encoded, jwk, jwks, pem

from webqx_supervisor.core import bearer
from webqx_supervisor.core.bearer import Insufficient, Invalid, UnknownKey
from webqx_supervisor.core.signing import keys_of
from webqx_supervisor.core.strict_json import load_object
from webqx_supervisor.model.auth import Jwt, Source, SourceKind

ALGORITHMS = sorted(bearer.ALGORITHMS)
REMOTE = Source(SourceKind.KEYS, "https://issuer.example/jwks.json")


def keys(*algorithms, kid="k"):
    return keys_of(tokens.KEY_SET, jwks(*(jwk(each, kid) for each in algorithms)))


def secret():
    return keys_of(tokens.SHARED, tokens.SECRET)


def signed(algorithm):
    return secret() if algorithm.startswith("HS") else keys(algorithm)


def claims(octets, among, policy=None, now=NOW):
    """Return the claims of a token as the proxy goes about it."""
    policy = policy or Jwt()
    token = bearer.read(octets.encode() if isinstance(octets, str) else octets)
    bearer.verify(token, among, policy.algorithms)
    said = bearer.claims_of(token)
    bearer.check(policy, said, now)
    bearer.check_grants(policy, said)
    return said


def good(algorithm="HS256", **said):
    return tokens.token(algorithm, **({"exp": NOW + 60} | said))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_signed_by_a_key_is_good_with_it_and_with_no_other(algorithm):
    token = tokens.token(algorithm, "k", exp=NOW + 60)
    assert claims(token, signed(algorithm))["sub"] == "ada"
    head, payload, signature = token.split(".")
    other_head = encoded(json.dumps({"alg": algorithm, "kid": "k", "x": 1}).encode())
    for broken in (
        f"{head}.{payload}.{encoded(b'x' * 64)}",
        f"{head}.{encoded(b'{}')}.{signature}",
        f"{other_head}.{payload}.{signature}",
    ):
        with pytest.raises(Invalid, match="signature is wrong"):
            claims(broken, signed(algorithm))
    for other in ALGORITHMS:
        if signed(other)[0].algorithms != signed(algorithm)[0].algorithms:
            with pytest.raises(Invalid):
                claims(token, signed(other))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_in_pem_is_as_good(algorithm):
    assert claims(good(algorithm, kid="any"), keys_of(tokens.KEY_SET, pem(algorithm)))


def forged(algorithm, material, header=None):
    """Sign with what everybody knows, as if it were the secret of an HMAC."""
    head = encoded(json.dumps({"alg": algorithm, "kid": "k", **(header or {})}).encode())
    payload = encoded(json.dumps({"sub": "root", "exp": NOW + 60}).encode())
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    mac = hmac.new(material, f"{head}.{payload}".encode(), digest).digest()
    return f"{head}.{payload}.{encoded(mac)}"


PAYLOAD = json.dumps({"sub": "root", "exp": NOW + 60}).encode()
NONES = ["none", "None", "NONE", "nOnE", "", "HS256 ", "hs256", "RS257", "A128KW", "dir"]

ATTACKS = {
    **{
        f"alg {alg!r}": by_hand(json.dumps({"alg": alg, "kid": "k"}).encode(), PAYLOAD)
        for alg in NONES
    },
    "none without a signature": by_hand(b'{"alg":"none"}', PAYLOAD, b""),
    "no alg": by_hand(b'{"kid":"k"}', PAYLOAD),
    "alg is a list": by_hand(b'{"alg":["RS256","none"],"kid":"k"}', PAYLOAD),
    "alg is null": by_hand(b'{"alg":null,"kid":"k"}', PAYLOAD),
    "alg twice": by_hand(b'{"alg":"RS256","alg":"none","kid":"k"}', PAYLOAD),
    "the PEM as secret": forged("HS256", pem("RS256").encode()),
    "the PEM as secret, stripped": forged("HS256", pem("RS256").strip().encode()),
    "the PEM as secret, HS512": forged("HS512", pem("RS256").encode()),
    "the key's JSON as secret": forged("HS256", json.dumps(jwk("RS256", "k")).encode()),
    "the modulus as secret": forged("HS256", jwk("RS256")["n"].encode()),
    "no secret": forged("HS256", b""),
    "a file as kid": forged("HS256", b"", {"kid": "../../../../dev/null"}),
    "SQL as kid": forged("HS256", b"x", {"kid": "k' UNION SELECT 'x"}),
    "a list as kid": by_hand(b'{"alg":"RS256","kid":["k"]}', PAYLOAD),
    "its own key along": forged("HS256", b"mine", {"jwk": {"kty": "oct", "k": encoded(b"mine")}}),
    "an address of keys": forged("HS256", b"mine", {"jku": "https://evil.example/jwks.json"}),
    "a certificate along": forged("HS256", b"mine", {"x5c": ["MIIB"], "x5u": "https://evil"}),
    "crit": tokens.token("RS256", "k", {"crit": ["b64"], "b64": True}, exp=NOW + 60),
    "crit of something else": tokens.token("RS256", "k", {"crit": ["exp"], "exp": 1}),
    "b64 alone": tokens.token("RS256", "k", {"b64": False}, exp=NOW + 60),
    "the wrong curve": tokens.token("ES384", "k", exp=NOW + 60),
    "another RSA padding than the key is for": tokens.token("PS256", "k", exp=NOW + 60),
    "an empty ECDSA signature": by_hand(b'{"alg":"ES256","kid":"e"}', PAYLOAD, bytes(64)),
    "an ECDSA signature in DER": by_hand(b'{"alg":"ES256","kid":"e"}', PAYLOAD, b"\x30\x06" * 32),
    "an RSA signature of zeros": by_hand(b'{"alg":"RS256","kid":"k"}', PAYLOAD, bytes(256)),
    "not JSON": by_hand(b"RS256", PAYLOAD),
    "a list": by_hand(b'["RS256"]', PAYLOAD),
    "not UTF-8": by_hand(b'{"alg":"RS256","kid":"\xff"}', PAYLOAD),
    "UTF-16": by_hand('{"alg":"RS256"}'.encode("utf-16"), PAYLOAD),
    "NaN": by_hand(b'{"alg":"RS256","kid":"k","x":NaN}', PAYLOAD),
    "very deep": by_hand(b'{"alg":' + b"[" * 3000, PAYLOAD),
    "a huge number": by_hand(b'{"alg":"RS256","x":' + b"9" * 5000 + b"}", PAYLOAD),
    "two parts": "a.b",
    "five parts, encrypted": "a.b.c.d.e",
    "nothing": "",
    "dots": "..",
    "padding": tokens.token("RS256", "k", exp=NOW + 60) + "=",
    "another alphabet": tokens.token("RS256", "k", exp=NOW + 60).replace("_", "/") + "+",
    "a line": tokens.token("RS256", "k", exp=NOW + 60).replace(".", ".\n", 1),
    "very long": "a" * 3000 + "." + "b" * 3000 + "." + "c" * 3000,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_an_attacker_makes_up_is_refused(attack):
    published = keys_of(
        tokens.KEY_SET, jwks(jwk("RS256", "k", alg="RS256"), jwk("ES256", "e", alg="ES256"))
    )
    with pytest.raises(Invalid):
        claims(ATTACKS[attack], published)
    with pytest.raises(Invalid):  # nor where there is a secret beside the published keys
        claims(ATTACKS[attack], (*published, *secret()))


def test_other_spellings_of_the_same_signature_are_refused():
    token = good("EdDSA", kid="k")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(token[-1])
    other = (
        token[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last + 1]
    )
    with pytest.raises(Invalid, match="malformed"):
        claims(other, keys("EdDSA"))


@pytest.mark.parametrize(
    "payload",
    [b'{"sub":"a","sub":"root","exp":1900000000}', b"[]", b"{", b'{"exp":NaN}', b"\xff"],
)
def test_claims_that_can_be_read_in_two_ways_are_refused_though_signed(payload):
    head = encoded(b'{"alg":"HS256"}')
    signing = f"{head}.{encoded(payload)}"
    mac = hmac.new(tokens.SECRET.encode(), signing.encode(), hashlib.sha256).digest()
    with pytest.raises(Invalid, match="claims are malformed"):
        claims(f"{signing}.{encoded(mac)}", secret())


def test_algorithms_may_be_restricted_further():
    policy = Jwt(algorithms=("RS512",))
    assert claims(good("RS512", kid="k"), keys("RS256"), policy)
    with pytest.raises(Invalid, match="algorithm is not allowed"):
        claims(good("RS256", kid="k"), keys("RS256"), policy)


def test_an_unknown_key_is_told_apart_but_not_for_what_could_never_be_good():
    with pytest.raises(UnknownKey):
        claims(good("RS256", kid="new"), keys("RS256"))
    with pytest.raises(Invalid) as raised:
        claims(by_hand(b'{"alg":"none","kid":"new"}', PAYLOAD), keys("RS256"))
    assert not isinstance(raised.value, UnknownKey)


def test_a_key_without_a_name_may_be_the_one():
    assert claims(good("RS256", kid="whatever"), keys("RS256", kid=""))
    assert claims(good("RS256"), keys("RS256", kid="k"))


def test_a_token_without_a_name_tries_few_keys():
    asked = []

    class Key:
        kid, algorithms = "", frozenset({"HS256"})

        def has_signed(self, *_):
            asked.append(1)
            return False

    with pytest.raises(Invalid):
        claims(good(), [Key()] * 100)
    assert len(asked) == bearer.MOST_ATTEMPTS


@pytest.mark.parametrize(
    ("said", "policy", "reason"),
    [
        ({"exp": NOW - 31}, Jwt(), "expired"),
        ({"exp": NOW - 29}, Jwt(), ""),
        ({"exp": NOW - 1}, Jwt(leeway=0), "expired"),
        ({"exp": NOW}, Jwt(leeway=0), "expired"),
        ({"exp": None}, Jwt(), "never expires"),
        ({"exp": None}, Jwt(must_expire=False), ""),
        ({"exp": "1900000000"}, Jwt(), "exp is no time"),
        ({"exp": True}, Jwt(), "exp is no time"),
        ({"exp": 10**400}, Jwt(), "exp is no time"),
        ({"exp": NOW + 0.5}, Jwt(leeway=0), ""),
        ({"nbf": NOW + 31}, Jwt(), "not valid yet"),
        ({"nbf": NOW + 29}, Jwt(), ""),
        ({"nbf": []}, Jwt(), "nbf is no time"),
        ({"iss": "a"}, Jwt(issuers=("a", "b")), ""),
        ({"iss": "c"}, Jwt(issuers=("a", "b")), "another issuer"),
        ({}, Jwt(issuers=("a",)), "another issuer"),
        ({"iss": ["a"]}, Jwt(issuers=("a",)), "another issuer"),
        ({"aud": "x"}, Jwt(audiences=("x", "y")), ""),
        ({"aud": ["z", "y"]}, Jwt(audiences=("x", "y")), ""),
        ({"aud": ["z"]}, Jwt(audiences=("x", "y")), "another audience"),
        ({"aud": []}, Jwt(audiences=("x",)), "another audience"),
        ({"aud": [["x"]]}, Jwt(audiences=("x",)), "another audience"),
        ({}, Jwt(audiences=("x",)), "another audience"),
        ({"aud": "x"}, Jwt(), "another audience"),
        ({"aud": "x"}, Jwt(audiences=("*",)), ""),
    ],
)
def test_claims_are_held_against_here_and_now(said, policy, reason):
    said = {"exp": NOW + 60} | said
    said = {name: value for name, value in said.items() if value is not None}
    if reason:
        with pytest.raises(Invalid, match=reason):
            bearer.check(policy, said, NOW)
    else:
        bearer.check(policy, said, NOW)


@pytest.mark.parametrize(
    ("said", "policy", "grants"),
    [
        ({"scope": "read write"}, Jwt(scopes=("write",)), True),
        ({"scope": "readwrite"}, Jwt(scopes=("write",)), False),
        ({"scp": ["read", "write"]}, Jwt(scopes=("read", "write")), True),
        ({"scp": "read"}, Jwt(scopes=("read", "write")), False),
        ({"scope": 1}, Jwt(scopes=("1",)), False),
        ({"role": "admin"}, Jwt(claims=(("role", ('"admin"', '"owner"')),)), True),
        ({"role": ["user", "owner"]}, Jwt(claims=(("role", ('"admin"', '"owner"')),)), True),
        ({"role": "user"}, Jwt(claims=(("role", ('"admin"',)),)), False),
        ({}, Jwt(claims=(("role", ('"admin"',)),)), False),
        ({"level": 1}, Jwt(claims=(("level", ("true",)),)), False),
        ({"level": True}, Jwt(claims=(("level", ("1",)),)), False),
        ({"a": {"roles": ["x"]}}, Jwt(claims=(("a.roles", ('"x"',)),)), True),
        ({"https://x.io/r": "y"}, Jwt(claims=(("https://x.io/r", ('"y"',)),)), True),
    ],
)
def test_claims_and_scopes_grant_or_do_not(said, policy, grants):
    if grants:
        bearer.check_grants(policy, said)
    else:
        with pytest.raises(Insufficient):
            bearer.check_grants(policy, said)


@given(
    st.floats(1, 4e9),
    st.floats(0, 600),
    st.floats(-1e6, 1e6),
    st.one_of(st.none(), st.floats(1, 4e9)),
)
def test_what_is_remembered_is_never_good_for_longer_than_the_token(exp, leeway, shift, nbf):
    now = exp + shift
    said = {"exp": exp} | ({} if nbf is None else {"nbf": nbf})
    try:
        until = bearer.check(Jwt(leeway=leeway), said, now)
    except Invalid:
        assert now >= exp + leeway or (nbf is not None and now < nbf - leeway)
    else:
        assert now < until <= exp + leeway


@given(st.binary(max_size=200))
def test_no_octets_are_taken_for_a_token_by_accident(octets):
    with pytest.raises(Invalid):
        claims(octets, secret())


@given(st.text(alphabet="abcXYZ019-_.", max_size=60))
def test_nor_what_looks_like_one(text):
    with pytest.raises(Invalid):
        claims(text, secret())


@given(st.data())
def test_one_changed_character_anywhere_spoils_a_token(data):
    token = TOKEN
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("abcXYZ019-_."))
    changed = token[:at] + other + token[at + 1 :]
    if changed != token:
        with pytest.raises(Invalid):
            claims(changed, secret())


TOKEN = good()


@pytest.mark.parametrize(
    ("source", "text", "reason"),
    [
        (tokens.SHARED, "short", "can be guessed"),
        (tokens.SHARED, pem("RS256"), "is no secret"),
        (tokens.KEY_SET, "what is this", "found neither"),
        (tokens.KEY_SET, '{"keys": []}', "holds none"),
        (tokens.KEY_SET, '{"keys": {}}', "wanted a JSON Web Key Set"),
        (tokens.KEY_SET, '{"a": 1}', "wanted a JSON Web Key Set"),
        (tokens.KEY_SET, jwks({"kty": "oct", "k": "c2hvcnQ"}), "can be guessed"),
        (tokens.KEY_SET, jwks({"kty": "EC", "crv": "P-192"}), "not known here"),
        (tokens.KEY_SET, jwks(tokens.small_jwk()), "too small"),
        (tokens.KEY_SET, jwks(jwk("RS256", alg="HS256")), "does not go with its kind"),
        (tokens.KEY_SET, jwks(jwk("RS256", use="enc")), "not for signatures"),
        (tokens.KEY_SET, jwks(jwk("RS256", key_ops=["sign"])), "not for signatures"),
        (tokens.KEY_SET, jwks(jwk("RS256", d="AQAB")), "private"),
        (tokens.KEY_SET, jwks(jwk("ES256", x="AAAA")), "cannot be read"),
        (tokens.KEY_SET, jwks(5), "must be an object"),
        (
            tokens.KEY_SET,
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            "can be read",
        ),
        (tokens.KEY_SET, "-----BEGIN RSA PRIVATE KEY-----\nAAAA", "is a private key"),
        (REMOTE, jwks({"kty": "oct", "k": encoded(b"x" * 64)}), "anybody can fetch"),
    ],
)
def test_what_holds_no_key_says_why(source, text, reason):
    with pytest.raises(ValueError, match=reason):
        keys_of(source, text)


def test_strange_keys_in_a_set_keep_no_good_one_from_counting():
    found = keys_of(
        REMOTE,
        jwks({"kty": "XX"}, 7, {"kty": "RSA", "key_ops": 5}, jwk("RS256", "k", use="sig")),
    )
    assert [key.kid for key in found] == ["k"]


def test_a_secret_in_a_file_of_keys_is_one():
    found = keys_of(tokens.KEY_SET, jwks({"kty": "oct", "k": encoded(tokens.SECRET.encode())}))
    assert claims(good(), found)


FOREIGN = json.loads(Path(__file__).with_name("foreign_tokens.json").read_text("utf-8"))
"""Tokens and keys of two libraries for Node; the secret is that of the tests."""


@pytest.mark.parametrize("made", FOREIGN["tokens"], ids=lambda made: f"{made['by']} {made['alg']}")
def test_what_other_libraries_sign_is_good_and_means_the_same(made):
    published = keys_of(REMOTE, json.dumps(FOREIGN["jwks"]))
    policy = Jwt(
        issuers=("https://issuer.example",),
        audiences=("api",),
        scopes=("read",),
        claims=(("role", ('"admin"',)),),
    )
    said = claims(made["token"], (*published, *secret()), policy)
    assert (said["sub"], said["name"]) == ("ada", "Zoë, 100%")
    head, payload, signature = made["token"].split(".")
    with pytest.raises(Invalid):
        claims(f"{head}.{payload}.{signature[::-1]}", (*published, *secret()), policy)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_of_one_meaning_is_read_as_it_was_written(value):
    assert load_object(json.dumps({"a": value}).encode()) == {"a": value}
