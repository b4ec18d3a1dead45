"""Encryption of single records: AES-256-GCM under a key that each file derives for itself.

A key of its own for each file (HKDF, RFC 5869, with the file's random salt) keeps the number of
records under one key far below the 2^32 that random nonces are good for (NIST SP 800-38D, 8.3).
Where a record stands in the chain is authenticated with it, so none can be moved.
"""

from base64 import b64decode, b64encode
from typing import Any

NONCE_SIZE = 12
SALT_SIZE = 16
CIPHER = "aes-256-gcm"


class Sealer:
    """The key of one file."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        # Loaded by who encrypts alone: it takes 10 ms, and some MB.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        derived = HKDF(SHA256(), len(key), salt, b"webqx-sv audit records").derive(key)
        self._cipher: Any = AESGCM(derived)

    def seal(self, text: bytes, nonce: bytes, where: str) -> str:
        """Return a text encrypted, in base64. A nonce must never be used twice."""
        return b64encode(nonce + self._cipher.encrypt(nonce, text, where.encode())).decode()

    def open(self, sealed: str, where: str) -> bytes:
        """Return what was sealed at this place. Raises ValueError."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        octets = b64decode(sealed, validate=True)
        try:
            plain: bytes = self._cipher.decrypt(
                octets[:NONCE_SIZE], octets[NONCE_SIZE:], where.encode()
            )
        except InvalidTag:
            raise ValueError("it cannot be decrypted: changed, moved, or another key") from None
        return plain
