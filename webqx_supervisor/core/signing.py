"""Keys as files and issuers write them, and whether one of them has signed something.

The only place that knows PyJWT, of which it uses the algorithms of RFC 7518 and RFC 8037; it is
imported with the first key, so that who verifies nothing carries none of it.
"""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from webqx_supervisor.core.bearer import ALGORITHMS, CURVES, EDWARDS, HMAC, RSA
from webqx_supervisor.core.strict_json import load_object
from webqx_supervisor.model.auth import Source, SourceKind

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm

SHORTEST_SECRET = 32
"""Octets; what HS256 asks for (RFC 7518 section 3.2)."""
SMALLEST_RSA = 2048
"""Bits (RFC 7518 section 3.3)."""
MOST_KEYS = 100
"""Of one set."""


class SigningKey:
    """One key, and all that it may be used with. Its name is empty if it has none."""

    __slots__ = ("_material", "algorithms", "kid")

    def __init__(self, kid: str, algorithms: frozenset[str], material: Any) -> None:
        self.kid = kid
        self.algorithms = algorithms
        self._material = material

    def has_signed(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Say whether the signature is good. The algorithm must be one of the key's."""
        assert algorithm in self.algorithms, "bearer.candidates() has chosen another key"
        return _algorithm(algorithm).verify(message, self._material, signature)


def load() -> None:
    """Import what verifies signatures: a fifth of a second, better spent where nobody waits."""
    _algorithm("HS256")


def is_loaded() -> bool:
    """Say whether that has been done."""
    return bool(_known)


def keys_of(source: Source, text: str) -> tuple[SigningKey, ...]:
    """Return the keys in a text. Raises ValueError saying why there is none."""
    if source.kind is SourceKind.SECRET:
        return (_secret(text),)
    if text.lstrip().startswith("-----BEGIN"):
        return (_from_pem(text.strip()),)
    try:
        document = load_object(text.encode())
    except ValueError as error:
        reason = "wanted a JSON Web Key Set or a public key in PEM"
        raise ValueError(f"{reason}; found neither ({error})") from None
    entries = document.get("keys", [document] if "kty" in document else None)
    if not isinstance(entries, list):
        raise ValueError('wanted a JSON Web Key Set: {"keys": [...]}')  # noqa: TRY004 - as above
    return tuple(_usable(entries[:MOST_KEYS], remote=source.is_remote))


def _usable(entries: Iterable[Any], *, remote: bool) -> Iterator[SigningKey]:
    """Yield the keys that are good for something here; others are passed over (RFC 7517 5)."""
    reason, found = "it holds none", False
    for entry in entries:
        try:
            key = _from_jwk(entry, remote=remote)
        except (ValueError, TypeError) as error:  # TypeError: `key_ops` that is a number, say
            reason = str(error)
            continue
        found = True
        yield key
    if not found:
        raise ValueError(f"no key that verifies signatures: {reason}")


def _secret(text: str) -> SigningKey:
    secret = text.strip()
    if "-----BEGIN" in secret or secret.startswith(("ssh-rsa ", "ssh-ed25519 ")):
        raise ValueError("this is a public key, which is no secret: it belongs in `keys`")
    octets = secret.encode()
    _check_length(octets)
    return SigningKey("", HMAC, octets)


def _from_pem(text: str) -> SigningKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see the head
    from cryptography.hazmat.primitives.asymmetric.ec import (  # noqa: PLC0415
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    if "PRIVATE KEY" in text:
        raise ValueError("this is a private key; whoever verifies needs its public part only")
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("no public key in PEM that can be read") from None
    if isinstance(key, RSAPublicKey):
        _check_size(key)
        return SigningKey("", RSA, key)
    if isinstance(key, EllipticCurvePublicKey):
        names = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
        name = ({"secp256k1": "ES256K"} | names).get(key.curve.name)
        if name is None:
            raise ValueError(f"the curve {key.curve.name} is for no algorithm of tokens")
        return SigningKey("", frozenset({name}), key)
    return SigningKey("", _edwards(type(key).__name__), key)


def _edwards(name: str) -> frozenset[str]:
    if "Ed25519" in name or "Ed448" in name:
        return frozenset(EDWARDS.values())
    raise ValueError("this kind of key is for no algorithm of tokens")


def _from_jwk(entry: Any, *, remote: bool) -> SigningKey:
    """Return the key (RFC 7517 section 4). Raises ValueError where it is none, or not for this."""
    if not isinstance(entry, dict):
        raise ValueError("a key must be an object")  # noqa: TRY004 - what the file is
    kid = entry.get("kid", "")
    if not isinstance(kid, str):
        raise ValueError("a key's `kid` must be text")  # noqa: TRY004
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or "verify" not in list(operations or ()):
        raise ValueError("a key is not for signatures")
    algorithms = _algorithms(entry)
    if "alg" in entry:
        algorithms = frozenset(each for each in algorithms if each == entry["alg"])
        if not algorithms:
            raise ValueError("a key's `alg` does not go with its kind")
    if entry["kty"] == "oct":
        if remote:
            raise ValueError("a secret that anybody can fetch is none")
        return SigningKey(kid, algorithms, _octets(entry))
    if "d" in entry:
        raise ValueError("a key is private; whoever verifies needs its public part only")
    return SigningKey(kid, algorithms, _material(entry, next(iter(algorithms))))


def _algorithms(entry: dict[str, Any]) -> frozenset[str]:
    """Return what a key may be used with, by its kind."""
    kind, curve = entry.get("kty"), entry.get("crv")
    if kind == "oct":
        return HMAC
    if kind == "RSA":
        return RSA
    name = {"EC": CURVES, "OKP": EDWARDS}.get(str(kind), {}).get(str(curve))
    if name is None:
        raise ValueError(f"a key of the kind {kind} {curve or ''} is not known here".rstrip())
    return frozenset({name})


def _octets(entry: dict[str, Any]) -> bytes:
    value = entry.get("k")
    try:
        octets = urlsafe_b64decode(f"{value}{'=' * (-len(str(value)) % 4)}")
    except (ValueError, binascii.Error):
        raise ValueError("a key's `k` is not base64url") from None
    _check_length(octets)
    return octets


def _check_length(secret: bytes) -> None:
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(
            f"a secret of {len(secret)} bytes can be guessed; wanted {SHORTEST_SECRET} or more "
            "(RFC 7518 section 3.2), as `openssl rand -base64 48` makes them"
        )


def _material(entry: dict[str, Any], algorithm: str) -> Any:
    from jwt.exceptions import PyJWTError  # noqa: PLC0415 - see the head of this file

    try:
        key = _algorithm(algorithm).from_jwk(json.dumps(entry))
    except (PyJWTError, ValueError, TypeError, KeyError):
        raise ValueError("a key cannot be read") from None
    if entry["kty"] == "RSA":
        _check_size(key)
    return key


def _check_size(key: Any) -> None:
    if key.key_size < SMALLEST_RSA:
        raise ValueError(f"an RSA key of {key.key_size} bits is too small; wanted {SMALLEST_RSA}")


_known: dict[str, "Algorithm"] = {}


def _algorithm(name: str) -> "Algorithm":
    if not _known:
        from jwt.algorithms import get_default_algorithms  # noqa: PLC0415 - see the head

        _known.update(
            (each, how) for each, how in get_default_algorithms().items() if each in ALGORITHMS
        )
    return _known[name]
