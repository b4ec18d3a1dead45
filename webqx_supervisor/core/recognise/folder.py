"""The folder as the rules see it: names of files and some of their texts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_SHELL = re.compile(r"[$`|&;<>()*?~#\n]")
_SEVERAL = re.compile(r"[|&;(\n]|^(if|for|while|cd)\b")
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths are seen from the folder, with `/`; `texts` holds those that could be of interest."""

    name: str
    files: frozenset[str]
    texts: Mapping[str, str] = field(default_factory=dict)

    def text(self, path: str) -> str:
        """Return a file's text, "" where it is not there."""
        return self.texts.get(path, "")

    def has(self, *paths: str) -> str | None:
        """Return the first of these files that is there."""
        return next((path for path in paths if path in self.files), None)

    def ending(self, suffix: str) -> Iterator[tuple[str, str]]:
        """Yield (path, text) of what has this suffix, the files nearest to the top first."""
        for path in sorted(self.texts, key=lambda path: (path.count("/"), path)):
            if path.endswith(suffix):
                yield path, self.texts[path]

    def below(self, part: str) -> "Folder":
        """Return a folder in this one."""
        start = f"{part}/"
        files = frozenset(p.removeprefix(start) for p in self.files if p.startswith(start))
        texts = {p.removeprefix(start): t for p, t in self.texts.items() if p.startswith(start)}
        return Folder(part, files, texts)

    def parts(self) -> list[str]:
        """Return the names of the folders in this one."""
        return sorted({path.partition("/")[0] for path in self.files if "/" in path})


def service_name(text: str) -> str:
    """Make a service's name of whatever somebody called something."""
    plain = _UNFIT.sub("-", text.rpartition("/")[2])[:LONGEST_NAME].strip("-_")
    return plain or "app"


def needs_shell(command: str) -> bool:
    """Say whether a command does more than a program with its words."""
    first = command.split(maxsplit=1)[:1]
    return bool(_SHELL.search(command)) or any("=" in word for word in first)


def with_port(command: str) -> str | tuple[str, ...]:
    """Return a shell's command as services.toml has it, with `{port}`; a shell only if needed."""
    plain = re.sub(r"\$\{PORT(?::-[^}]*)?\}|\$PORT\b", "{port}", command)
    if not needs_shell(plain):
        return plain
    # A single program takes the shell's place, and gets the stop signal itself.
    alone = not _SEVERAL.search(command) and "=" not in command.split(maxsplit=1)[0]
    return ("sh", "-c", f"exec {command}" if alone else command)
