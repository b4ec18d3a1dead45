"""The verb `init`: a services.toml for what is in this folder."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import click

from webqx_supervisor.cli.hints import command
from webqx_supervisor.cli.options import file_option
from webqx_supervisor.core.recognise.folder import Folder, service_name, with_port
from webqx_supervisor.model.draft import Draft, DraftService
from webqx_supervisor.model.errors import ConfigError, WebqxError

MOST_FILES = 20_000
MOST_TEXTS = 500
LARGEST_TEXT = 256 * 1024
DEEPEST = 4
TEXTS = (".py", ".js", ".mjs", ".cjs", ".ts", ".json", ".txt", ".toml", ".rb", ".go", ".mod")
NAMES = ("Procfile", "Gemfile", "Pipfile")
SKIPPED = frozenset(("node_modules", "__pycache__", "vendor", "site-packages", "target"))
VENVS = (".venv", "venv", "env")
LAST_PORT = 65535


@click.command()
@click.option("--command", "program", help="What to run, where nothing is recognised.")
@click.option(
    "--print", "--dry-run", "print_only", is_flag=True, help="Print it and write nothing."
)
@file_option
def init(program: str | None, print_only: bool, file: Path) -> None:
    """Recognise the project in the folder of FILE and write a services.toml for it.

    Knows package.json, Django, FastAPI, Flask, Rails, Go, a Procfile, the JSON of PM2, and plain
    files. What is there is never overwritten.
    """
    from webqx_supervisor.config.compiler import usable_cpus
    from webqx_supervisor.config.services_toml import missing_programs, parse
    from webqx_supervisor.config.starter import services_toml

    if not print_only and os.path.lexists(file):
        raise WebqxError(f"{file} is there already; --print prints what init would write")
    folder = file.absolute().parent
    if not folder.is_dir():
        raise WebqxError(f"there is no folder {folder}")
    draft = _draft(folder, program)
    cpus = usable_cpus()
    text = services_toml(draft, _Ports().take, cpus)
    try:
        config = parse(text, str(file), cpus)
    except ConfigError as error:
        raise WebqxError(
            f"this would not be right, and is not written:\n{error}\n\n{text}"
        ) from None
    if print_only:
        click.echo(text, nl=False)
        return
    _write(file, text)
    click.echo(f"recognised {draft.kind}: wrote {file}")
    for problem in missing_programs(config):
        click.secho(f"warning: {problem}", fg="yellow", err=True)
    click.echo(f"try   {command('start', file)}")


def _draft(folder: Path, program: str | None) -> Draft:
    """Return what there is to run. Raises WebqxError where that is nothing."""
    from webqx_supervisor.core.recognise.all import LOOKED_FOR, recognise

    if program:
        name = service_name(folder.name)
        service = DraftService(name, with_port(program), "as it was asked for", instances=1)
        return Draft("a program", (service,))
    draft = recognise(_read(folder))
    if draft is None:
        raise WebqxError(
            f"nothing was recognised in {folder} (looked for {LOOKED_FOR}); "
            'say what to run: webqx-sv init --command "…"'
        )
    if not (draft.services or draft.files):
        raise WebqxError(f"recognised {draft.kind}; {'; '.join(draft.also)}")
    return draft


def _read(folder: Path) -> Folder:
    files = list(itertools.islice(_files(folder), MOST_FILES))
    wanted = [path for path in files if path.endswith(TEXTS) or path.rpartition("/")[2] in NAMES]
    wanted.sort(key=lambda path: path.count("/"))
    texts = {}
    for path in wanted[:MOST_TEXTS]:
        text = _text(folder / path)
        if text is not None:
            texts[path] = text
    return Folder(folder.name, frozenset(files), texts)


def _files(folder: Path) -> Iterator[str]:
    """Yield the files, down to a depth; of virtual environments only their programs."""
    for place in VENVS:
        programs = folder / place / "bin"
        if programs.is_dir():
            yield from (f"{place}/bin/{path.name}" for path in programs.iterdir())
    for top, folders, files in os.walk(folder):
        here = Path(top).relative_to(folder)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in (*SKIPPED, *VENVS)
        )
        if len(here.parts) + 1 >= DEEPEST:
            folders.clear()
        yield from ((here / name).as_posix() for name in sorted(files))


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8") if path.stat().st_size <= LARGEST_TEXT else None
    except (OSError, UnicodeDecodeError):
        return None


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise WebqxError(f"{file} is there already") from None
    except OSError as error:
        raise WebqxError(f"cannot write {file}: {error.strerror}") from None


class _Ports:
    """Gives out ports that are free now, none twice."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def take(self, first: int, count: int) -> int:
        """Return the first of `count` sequential ports. Raises WebqxError where there are none."""
        from webqx_supervisor.process.portowner import is_free

        for start in range(first, LAST_PORT - count + 2):
            block = range(start, start + count)
            if not self._given.intersection(block) and all(map(is_free, block)):
                self._given.update(block)
                return start
        raise WebqxError(f"there are no {count} free ports in a row from {first} up")
