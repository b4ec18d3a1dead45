"""What a line of a log says: when, on which stream, how grave; in each form that it may have.

A line is stored as `2026-11-23T21:10:00.123Z out text` or as a JSON object that begins with its
time. The text is what the worker wrote, in a form of its own.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from webqx_supervisor.model.service import LogFormat

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
MOMENT = len("2026-11-23T21:10:00.123Z")

_WORDS = {
    **{level: level for level in LEVELS},
    **dict.fromkeys(("verbose", "dbg"), "debug"),
    **dict.fromkeys(("information", "notice"), "info"),
    **dict.fromkeys(("warning", "wrn"), "warn"),
    **dict.fromkeys(("err", "severe"), "error"),
    **dict.fromkeys(("critical", "crit", "alert", "emerg", "emergency", "panic"), "fatal"),
}
_JSON = b'{"time":"'
_LEVEL_KEYS = ("level", "severity", "lvl", "levelname", "log.level")
_MESSAGE_KEYS = ("msg", "message", "event")
_TIME_KEYS = ("time", "timestamp", "ts", "@timestamp")
_HEAD = 120
"""Characters of a text line in which its level is looked for."""
# Upper case anywhere in the head, any case where it stands as a mark: `[warn]`, `error: ...`.
_MARK = "|".join(sorted(_WORDS, key=len, reverse=True))
_LOUD = re.compile(rf"\b({_MARK.upper()})\b")
_MARKED = re.compile(rf"(?i)[\[<(]({_MARK})[\])>]|(?:^|\s)({_MARK}):")
_PAIR = re.compile(r'(?<!\S)([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `text` is what the worker wrote, without line end; `pid` is 0 where unknown."""

    time: str
    stream: str
    text: bytes
    pid: int = 0


def moment(line: bytes) -> bytes:
    """Return the stamp of a stored line: it sorts as time does."""
    return line[len(_JSON) : len(_JSON) + MOMENT] if line.startswith(_JSON) else line[:MOMENT]


def entry(line: bytes) -> Entry:
    """Take a stored line apart; one that is torn is all text."""
    if line.startswith(_JSON):
        try:
            value = json.loads(line)
            return Entry(value["time"], value["stream"], value["line"].encode(), value["pid"])
        except (ValueError, KeyError, AttributeError, TypeError):
            return Entry("", "", line.rstrip(b"\n"))
    at, stream, text = line[:MOMENT], line[MOMENT + 1 : MOMENT + 4], line[MOMENT + 5 :]
    if line[10:11] != b"T" or at[-1:] != b"Z" or stream not in (b"out", b"err"):
        return Entry("", "", line.rstrip(b"\n"))
    return Entry(at.decode("ascii", "replace"), stream.decode(), text.removesuffix(b"\n"))


def text(line: bytes) -> bytes:
    """Return what the worker wrote: of millions of lines, a search needs no more."""
    if line[10:11] == b"T" and line[MOMENT - 1 : MOMENT] == b"Z":
        return line[MOMENT + 5 :].removesuffix(b"\n")
    return entry(line).text


def fields(text: bytes, form: LogFormat) -> dict[str, Any]:
    """Return what a line in JSON or logfmt names; nothing for one that is in another form."""
    if form is LogFormat.JSON and text.lstrip()[:1] == b"{":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}
    if form is LogFormat.LOGFMT:
        pairs = _PAIR.findall(text.decode("utf-8", "replace"))
        return {key: _unquoted(value) for key, value in pairs}
    return {}


def level(text: bytes, form: LogFormat, stream: str) -> str:
    """Return one of LEVELS. A line that names none is "error" on stderr, else "info"."""
    known = fields(text, form)
    for key in _LEVEL_KEYS:
        if key in known and (named := _level(known[key])):
            return named
    if not known:
        head = text[:_HEAD].decode("utf-8", "replace")
        if found := _LOUD.search(head) or _MARKED.search(head):
            return _WORDS[next(filter(None, found.groups())).lower()]
    return "error" if stream == "err" else "info"


def readable(text: bytes, form: LogFormat, stream: str) -> bytes:
    """Return `WARN  message key=value` for a line in JSON or logfmt; any other as it is."""
    known = fields(text, form)
    if not known:
        return text
    message = next((str(known[key]) for key in _MESSAGE_KEYS if key in known), "")
    apart = {*_LEVEL_KEYS, *_MESSAGE_KEYS, *_TIME_KEYS}
    rest = [f"{key}={_shown(value)}" for key, value in known.items() if key not in apart]
    head = f"{level(text, form, stream).upper():5}"
    said = " ".join(filter(None, [head, message, *rest])).replace("\n", "\\n")
    return said.encode("utf-8", "replace")


def _level(value: Any) -> str:
    if isinstance(value, str):
        if not value.isdecimal():
            return _WORDS.get(value.lower(), "")
        value = int(value[:4])
    if isinstance(value, int):  # as Bunyan and Pino have it: 10 is trace, 60 is fatal
        return LEVELS[min(max(value // 10, 1), len(LEVELS)) - 1]
    return ""


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:  # an escape that JSON does not have
        return re.sub(r"\\(.)", r"\1", value[1:-1])


def _shown(value: Any) -> str:
    if isinstance(value, str) and not re.search(r'[\s"=]', value):
        return value
    return json.dumps(value, ensure_ascii=False)
