"""The words of a complaint about services.toml, so that all of them sound alike."""

from collections.abc import Iterable

_LONGEST = 40


def found(value: object) -> str:
    """Say what a TOML value is: `the number 3`, `the text "x"`, `a table`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        short = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."
        return f'the text "{short}"'
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else "a date or time"


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return `; did you mean ...?` with the nearest candidate, or nothing where none is near."""
    import difflib  # noqa: PLC0415 - for complaints alone

    near = difflib.get_close_matches(word, list(candidates), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""
