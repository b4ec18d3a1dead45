"""The verb `audit`: is the log as it was written, and what does it say."""

import json
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from webqx_supervisor.cli import render
from webqx_supervisor.cli.audittrail import Trail, anchors, keys
from webqx_supervisor.cli.logs import MOMENT
from webqx_supervisor.cli.options import COUNT, file_option, file_option_beside_n, json_option
from webqx_supervisor.core.audit import Finding
from webqx_supervisor.model.errors import WebqxError
from webqx_supervisor.process.auditfiles import HEAD, files
from webqx_supervisor.process.lines import moment

folder_option = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The log's folder, where it is not that of services.toml: a copy, say.",
)
key_option = click.option(
    "--key-file",
    "key_files",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="A key beside those that services.toml names, as of older files.",
)
since_option = click.option("--since", type=MOMENT, help='From then on: "10m", "2026-11-23T21:10".')
until_option = click.option("--until", type=MOMENT, help="Up to then.")
service_option = click.option("--service", help="Only what is about this service.")
user_option = click.option("--user", help="Only what this user, or subject, has done.")


def choosing(command: Any) -> Any:
    """Add the options that say which records of which log are meant; `Wanted` takes the first."""
    for option in (key_option, folder_option, user_option, service_option, until_option):
        command = option(command)
    return since_option(command)


@click.group()
def audit() -> None:
    """Verify and read the audit log."""


@audit.command()
@folder_option
@key_option
@click.option(
    "--anchors",
    "journal",
    type=click.File("r", errors="replace"),
    help="The daemon's log, or what journalctl prints; - is stdin. Finds what was cut off.",
)
@file_option
@json_option
def verify(
    folder: Path | None,
    key_files: tuple[str, ...],
    journal: TextIO | None,
    file: Path,
    as_json: bool,
) -> None:
    """Find every record that was changed, removed or moved; name file and line."""
    trail = _trail(file, folder, key_files, journal, decrypt=False)
    for _ in trail.records():
        pass
    findings, verifier = trail.findings(), trail.verifier
    wrong = [each for each in findings if each.wrong]
    if as_json:
        click.echo(render.as_json(_report(trail, findings)))
    else:
        for each in findings:
            click.secho(str(each), fg="red" if each.wrong else "yellow", err=True)
        if not wrong:
            how = f"; the last is {verifier.last.seq}:{verifier.last.hash}"
            click.echo(f"{verifier.records} records are as they were written{how}")
    if wrong:
        raise WebqxError(f"the log in {trail.folder} is not as it was written")


@audit.command()
@click.option("-n", "count", type=COUNT, default=100, help="So many of the last; 100.")
@choosing
@file_option_beside_n
def show(
    count: int, folder: Path | None, key_files: tuple[str, ...], file: Path, **wanted: Any
) -> None:
    """Show the last records, a line each."""
    trail = _trail(file, folder, key_files)
    for record in deque(_chosen(trail, Wanted(**wanted)), maxlen=count):
        _print(_line(record))
    _warn(trail)


@audit.command()
@choosing
@file_option
@click.option("--json", "as_json", is_flag=True, help="JSON lines, as they come anyway.")
def export(
    folder: Path | None, key_files: tuple[str, ...], file: Path, as_json: bool, **wanted: Any
) -> None:
    """Print records as JSON lines, decrypted; exit 1 if the log is not as it was written."""
    del as_json
    trail = _trail(file, folder, key_files)
    for record in _chosen(trail, Wanted(**wanted)):
        _print(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
    _warn(trail)


def _report(trail: Trail, findings: Sequence[Finding]) -> dict[str, Any]:
    last = trail.verifier.last
    return {
        "intact": not any(each.wrong for each in findings),
        "records": trail.verifier.records,
        "last": {"seq": last.seq, "hash": last.hash},
        "findings": [
            {
                "file": each.place.file if each.place else None,
                "line": each.place.line if each.place else None,
                "text": each.text,
                "wrong": each.wrong,
            }
            for each in findings
        ],
    }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are asked for; times in Unix time."""

    since: float | None = None
    until: float | None = None
    service: str | None = None
    user: str | None = None

    def is_then(self, record: dict[str, Any]) -> bool:
        """Say whether a record is of the right time, which is in clear in each."""
        at = str(record.get("time", ""))
        return (self.since is None or at >= moment(self.since)) and (
            self.until is None or at <= moment(self.until)
        )

    def takes(self, record: dict[str, Any]) -> bool:
        """Say whether a record is one of them."""
        if self.service is not None and self.service not in _services(record):
            return False
        return self.user is None or self.user in _people(record)


def _services(record: dict[str, Any]) -> set[str]:
    """Return what a record is about: by name, or all that a command has changed."""
    names = {str(record.get("service", ""))}
    said = record.get("arguments", {})
    for part in (said.get("body", {}), said.get("query", {})) if isinstance(said, dict) else ():
        if isinstance(part, dict):
            names.update(map(str, part.get("services", ())))
            names.add(str(part.get("service") or part.get("worker") or part.get("route") or ""))
    for side in ("before", "after"):
        changed = record.get(side)
        if isinstance(changed, dict):
            names.update(key.removeprefix("service ") for key in changed)
    return names


def _people(record: dict[str, Any]) -> set[str]:
    who = record.get("actor", {})
    return {str(record.get("subject", "")), *map(str, who.values())} - {""}


def _trail(
    file: Path,
    folder: Path | None,
    key_files: tuple[str, ...],
    journal: TextIO | None = None,
    *,
    decrypt: bool = True,
) -> Trail:
    from webqx_supervisor.config.audit_table import read_policy
    from webqx_supervisor.config.files import locate
    from webqx_supervisor.model.audit import Audit

    # A copy can be read anywhere, with its keys and without the services.toml.
    policy = read_policy(file) if folder is None or file.exists() else Audit()
    folder_is_ours = folder is None
    if folder is None:
        folder = Path(policy.folder) if policy.folder else locate(file).audit
    own = [policy.key_file, policy.encryption_key_file if decrypt else ""]
    marks = anchors(journal) if journal is not None else []
    try:
        if not (marks or files(folder) or (folder / HEAD).exists()):
            hint = "; `[audit]` in services.toml has one written" if folder_is_ours else ""
            raise WebqxError(f"there is no audit log in {folder}{hint}")
    except OSError as error:
        raise WebqxError(f"{folder} cannot be read: {error.strerror}") from None
    return Trail(
        folder,
        keys([*filter(None, own), *key_files]),
        keyed=bool(policy.key_file),
        marks=marks,
    )


def _chosen(trail: Trail, wanted: Wanted) -> Iterator[dict[str, Any]]:
    for record in trail.records():
        if wanted.is_then(record):
            plain = trail.plain(record)
            if wanted.takes(plain):
                plain.pop("prev", None)
                yield plain


def _warn(trail: Trail) -> None:
    wrong = [each for each in trail.findings() if each.wrong]
    if wrong:
        raise WebqxError(f"{len(wrong)} things are wrong with the log, see `audit verify`")


def _line(record: dict[str, Any]) -> str:
    """Return a record as a person reads it: when, who, what, with what result."""
    rest = {
        key: value
        for key, value in record.items()
        if key not in ("seq", "time", "kind", "actor", "from") and value not in ("", {}, [])
    }
    actor = record.get("actor", {})
    who = actor.get("user") or actor.get("signal") or record.get("subject") or "-"
    said = " ".join(f"{key}={_shown(value)}" for key, value in rest.items())
    at, kind = record.get("time", "-"), record.get("kind", "-")
    return f"{record['seq']}  {at}  {kind}  {_shown(who)}  {said}"


def _shown(value: Any) -> str:
    """Return a value so that it does nothing to a terminal."""
    plain = isinstance(value, str) and value.isprintable()
    return value if plain else json.dumps(value)


def _print(line: str) -> None:
    """Print a line of many: click's echo would flush each. Lone surrogates are no reason to end."""
    sys.stdout.buffer.write(f"{line}\n".encode(errors="backslashreplace"))
