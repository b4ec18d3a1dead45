"""Text of others, made fit to stand in a line of ours."""


def printable(text: str) -> str:
    """Return the text without what could steer a terminal, or begin a new line."""
    return "".join(c if c.isprintable() else " " for c in text).strip()
