"""The verb `doctor`: every check in its order, as lines or as JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from click.core import ParameterSource

from webqx_supervisor.cli import render
from webqx_supervisor.cli.options import file_option, json_option
from webqx_supervisor.model.errors import ConfigError, Problem
from webqx_supervisor.model.finding import Finding, Level

COLORS = {Level.OK: "green", Level.NOTE: "cyan", Level.WARNING: "yellow", Level.PROBLEM: "red"}


@click.command()
@file_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Say what on this machine stands in the way, and what to do about it.

    Works without a services.toml and without a daemon. Exits 1 if something must be done; with
    notes and warnings alone, 0.
    """
    named = ctx.get_parameter_source("file") is not ParameterSource.DEFAULT
    if named and not file.exists():
        raise ConfigError([Problem(str(file), None, "", "no such file")])
    findings = _look(file)
    if as_json:
        rows = [asdict(finding) for finding in findings]
        click.echo(render.as_json({"well": not _worst(findings), "findings": rows}))
    else:
        click.echo("\n".join(map(_line, findings)))
        click.echo(f"\n{_summary(findings)}")
    if _worst(findings):
        ctx.exit(1)


def _look(file: Path) -> list[Finding]:
    from webqx_supervisor.cli.doctor import machine, project
    from webqx_supervisor.cli.doctor.subject import look_at

    subject = look_at(file)
    checks = (
        *(project.configuration, project.daemon, project.services, project.ports_taken),
        *(project.port_rules, project.state_folder, project.boot, machine.platform),
        *(machine.installation, machine.open_files, machine.backlog, machine.watches),
        *(machine.memory, machine.clock, machine.cgroup),
    )
    return [finding for check in checks for finding in check(subject)]


def _line(finding: Finding) -> str:
    mark = click.style(f"{finding.level:8}", fg=COLORS[finding.level])
    line = f"{mark} {finding.topic}: {finding.text}"
    if finding.remedy and finding.level is not Level.OK:
        line += f"\n{' ' * 9}{click.style('do: ', bold=True)}{finding.remedy}"
    return line


def _worst(findings: Sequence[Finding]) -> bool:
    return any(finding.level is Level.PROBLEM for finding in findings)


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.level for finding in findings)
    parts = [
        f"{counts[level]} {level}{'' if counts[level] == 1 else 's'}"
        for level in (Level.PROBLEM, Level.WARNING, Level.NOTE)
        if counts[level]
    ]
    return ", ".join(parts) or "nothing stands in the way"
