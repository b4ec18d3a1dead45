"""Nouns: frozen values. Nothing happens here; only the standard library is imported."""
