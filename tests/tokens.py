"""Keys and tokens for tests, made by PyJWT as an issuer would."""

import base64
import functools
import json
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from webqx_supervisor.model.auth import Credentials, Source, SourceKind

SECRET = "an example of a secret for the tests, long enough for any algorithm"
NOW = 1_800_000_000.0

KEY_SET = Source(SourceKind.KEYS, "file:/keys/jwks.json")
SHARED = Source(SourceKind.SECRET, "env:JWT_SECRET")


@functools.cache
def private_key(kind):
    """Return one private key of each kind: making an RSA key takes a while."""
    match kind:
        case "RSA":
            return rsa.generate_private_key(65537, 2048)
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "Ed448":
            return ed448.Ed448PrivateKey.generate()
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
    return ec.generate_private_key(({"secp256k1": ec.SECP256K1} | curves)[kind]())


KINDS = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"} | {
    "EdDSA": "Ed25519"
}


def signer(algorithm):
    """Return what signs by this algorithm."""
    if algorithm.startswith("HS"):
        return SECRET
    return private_key(KINDS.get(algorithm, "RSA"))


def jwk(algorithm, kid="", **more):
    """Return the public key as an issuer publishes it."""
    written = get_default_algorithms()[algorithm].to_jwk(signer(algorithm).public_key())
    entry = json.loads(written)
    for key in ("key_ops", "use", "alg"):
        entry.pop(key, None)
    return entry | ({"kid": kid} if kid else {}) | more


def small_jwk():
    """Return an RSA key that everybody with some patience can take apart."""
    key = rsa.generate_private_key(65537, 1024).public_key()
    return json.loads(get_default_algorithms()["RS256"].to_jwk(key)) | {"key_ops": ["verify"]}


def jwks(*entries):
    return json.dumps({"keys": list(entries)})


def pem(algorithm):
    return (
        signer(algorithm)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def token(algorithm="HS256", kid="", headers=None, **claims):
    """Return a token that is good for an hour from now, unless `claims` say else (None: not)."""
    said = {"sub": "ada", "exp": time.time() + 3600} | claims
    said = {name: value for name, value in said.items() if value is not None}
    head = (headers or {}) | ({"kid": kid} if kid else {})
    return jwt.encode(said, signer(algorithm), algorithm, headers=head)


def encoded(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def by_hand(header, payload, signature=b"x"):
    """Return what looks like a token, from octets that no library would make one of."""
    return f"{encoded(header)}.{encoded(payload)}.{encoded(signature)}"


def held(source, text, reason="", tries=0):
    return Credentials(source, text, reason, tries)
