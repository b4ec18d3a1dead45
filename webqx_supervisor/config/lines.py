"""Where each key of a TOML text stands: tomllib keeps no positions, and an error must name a line.

The text has been through tomllib before, so this scanner may trust it: it only finds the ends
of keys and values (TOML 1.0, https://toml.io/en/v1.0.0) and never judges.
"""

import bisect
import json
import re
import tomllib

KeyPath = tuple[str | int, ...]
"""Keys from the root down; a number is a position in an array, from 0."""

_BLANK = re.compile(r"[ \t\r]*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_REST_OF_LINE = re.compile(r"[^\n]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_VALUE = re.compile(r"[^,\]}#\n]+")  # a date may hold a blank, so blanks belong to it
_STRING = re.compile(
    # A multi-line string may end in up to two quotes of its own before the closing three.
    r'"""(?:[^\\]|\\.)*?"""(?!")' + r"|'''.*?'''(?!')" + r'|"(?:[^\\"]|\\.)*"' + r"|'[^']*'",
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Map every table, key and array element of valid TOML to its line, counted from 1.

    A table that is named several times has the line of its own header, else of its first mention.
    """
    return _Scanner(text).scan()


def dotted(path: KeyPath) -> str:
    """Write a path as TOML does, positions in brackets: `routes[0].path`, `services."a b"`."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
            continue
        key = part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
        written += f".{key}" if written else key
    return written


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._lengths: dict[KeyPath, int] = {}  # of arrays of tables, so far

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK_LINES)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_REST_OF_LINE)
            self._skip(_BLANK_LINES)
        return self._lines

    def _header(self) -> KeyPath:
        line = self._line()
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        *parents, last = self._key()
        path: KeyPath = ()
        for part in parents:
            path = self._newest((*path, part))
            self._lines.setdefault(path, line)
        path = (*path, last)
        if is_array:
            self._lines.setdefault(path, line)
            self._lengths[path] = self._lengths.get(path, 0) + 1
            path = self._newest(path)
        self._lines[path] = line
        return path

    def _newest(self, path: KeyPath) -> KeyPath:
        """Name the last element where `path` is an array of tables."""
        length = self._lengths.get(path)
        return path if length is None else (*path, length - 1)

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self._lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            quoted = _STRING.match(self._text, self._at)
            written = self._skip(_STRING if quoted else _BARE_KEY)
            parts.append(tomllib.loads(f"key = {written}")["key"] if quoted else written)
            self._skip(_BLANK)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        opening = self._text[self._at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if opening in "\"'" else _PLAIN_VALUE)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        position = 0
        while not self._closed("]"):
            self._lines[(*path, position)] = self._line()
            self._value((*path, position))
            position += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while not self._closed("}"):
            self._pair(path)

    def _closed(self, bracket: str) -> bool:
        """Step over the bracket if it is next, else to the next item."""
        self._skip(_BLANK_LINES)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK_LINES)
        if self._text[self._at] != bracket:
            return False
        self._at += 1
        return True

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, f"no {pattern.pattern} at line {self._line()}"
        self._at = match.end()
        return match[0]

    def _line(self) -> int:
        return bisect.bisect_left(self._newlines, self._at) + 1
