"""Formats: bytes in, events out, bytes back. Octets only, never text."""
