"""The verbs that change what runs. Each asks the daemon and tells what came of it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from webqx_supervisor.cli import launch, render, suggest
from webqx_supervisor.cli.hints import hints
from webqx_supervisor.cli.options import (
    DURATION,
    call,
    environment_option,
    file_option,
    json_option,
    services_argument,
)
from webqx_supervisor.config.files import locate, read_services_toml
from webqx_supervisor.config.places import write_atomically
from webqx_supervisor.core import selection
from webqx_supervisor.model.errors import WebqxError

PROFILES = "WEBQX_SV_PROFILES"


@click.command()
@services_argument
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    help="Have the services of this profile started too, now and later; may be repeated.",
)
@click.option("--foreground", is_flag=True, help="Stay in this terminal; for systemd, containers.")
@environment_option
@file_option
@json_option
def start(
    services: tuple[str, ...],
    profiles: tuple[str, ...],
    foreground: bool,
    environment: str | None,
    file: Path,
    as_json: bool,
) -> None:
    """Start all services, or those named; the daemon first if none runs.

    Returns when they are ready; fails if one does not become so.
    """
    places = locate(file)
    if foreground:
        launch.resume(places)
        launch.await_turn(places)
    from webqx_supervisor.config.compiler import compile_file  # heavy, and not needed to resume

    runs = launch.answers(places)
    config = compile_file(file, launch.environment(places, environment))
    selection.check_profiles(profiles, config)
    # Those of the environment are meant for all projects, so not every one need know them.
    profiles = profiles or tuple(os.environ.get(PROFILES, "").replace(",", " ").split())
    only = () if runs or not services else selection.to_start(services, config, profiles)
    if foreground:
        launch.foreground(places, config, only, profiles)
    started = launch.ensure(places, config, only, profiles)
    if not started and not launch.pulse(places).get("kept", True):
        launch.renew(places, proxies=False)  # its keeper has died: it gets a new one
    if not started and launch.outdated(places, config):
        click.secho("the file has changed since; `webqx-sv apply` takes it over", err=True)
    body: dict[str, Any] = {"services": services}
    if started:
        body["fresh"] = True
    elif active := {*profiles} - {*selection.unknown_profiles(profiles, config)}:
        body["profiles"] = sorted(active)
    answer = call(file, "POST", "/start", body)
    if as_json:
        click.echo(render.as_json(answer))
    else:
        meant = {row["name"] for row in answer["services"]}
        rows = call(file, "GET", "/status")["services"]
        click.echo(render.services([row for row in rows if row["name"] in meant or not services]))
        click.echo("\n" + hints(file, config))
    _fail_if_any(answer, "did not start")


@click.command()
@services_argument
@file_option
@json_option
def stop(services: tuple[str, ...], file: Path, as_json: bool) -> None:
    """Stop all services and the daemon, or only the services named."""
    answer = call(file, "POST", "/stop", {"services": services})
    if answer["daemon"]:
        launch.until_gone(locate(file))
    if as_json:
        click.echo(render.as_json(answer))
    else:
        daemon = ["the daemon"] if answer["daemon"] else []
        click.echo(f"stopped {', '.join(answer['stopped'] + daemon)}")
        _tell_remote(answer, "nothing was stopped there; it gets no requests from here")


@click.command()
@services_argument
@file_option
@json_option
def restart(services: tuple[str, ...], file: Path, as_json: bool) -> None:
    """Stop and start all services, or those named. Requests wait meanwhile; see reload."""
    answer = call(file, "POST", "/restart", {"services": services})
    if as_json:
        click.echo(render.as_json(answer))
    else:
        up = [row["name"] for row in answer["services"] if row["name"] not in answer["failed"]]
        _tell("restarted", up)
    _fail_if_any(answer, "did not start again")


@click.command()
@services_argument
@file_option
@json_option
def reload(services: tuple[str, ...], file: Path, as_json: bool) -> None:
    """Replace the workers of all services, or of those named, one by one; no request is lost.

    Stops at the first new worker that is not ready in time, and keeps the old ones.
    """
    answer = call(file, "POST", "/reload", {"services": services})
    if as_json:
        click.echo(render.as_json(answer))
    else:
        _tell("reloaded", answer["reloaded"])
        _tell_remote(answer, "there is nothing to reload here")
    _fail_if_any(answer, "could not be reloaded, its old workers serve on")


# Without this setting click takes the -1 of `scale api -1` for an option.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("service", shell_complete=suggest.services)
@click.argument("instances", metavar="N|+N|-N|max")
@click.option("--save", is_flag=True, help="Write the number into services.toml as well.")
@file_option
@json_option
def scale(service: str, instances: str, save: bool, file: Path, as_json: bool) -> None:
    """Change how many workers a service has, until the next start or for good."""
    answer = call(file, "POST", "/scale", {"service": service, "instances": instances})
    if save:
        _save_instances(file, service, answer["to"])
    if as_json:
        click.echo(render.as_json(answer))
    else:
        click.echo(f"{answer['name']}: from {answer['from']} to {answer['to']}")
        if answer.get("warning"):
            click.secho(answer["warning"], err=True, fg="yellow")
    _fail_if_any(answer, "has workers that did not start")


@click.command()
# Not by a variable: the choice is the daemon's by now, not that of whoever's shell this is.
@click.option("--env", "environment", metavar="NAME", help="From now on the tables `env.NAME`.")
@file_option
@json_option
def apply(environment: str | None, file: Path, as_json: bool) -> None:
    """Make what runs match the edited file. What did not change is not touched.

    The environment stays as it was chosen, unless another one is named; --env "" is none.
    """
    asked = {} if environment is None else {"environment": environment}
    answer = call(file, "POST", "/apply", asked)
    if as_json:
        click.echo(render.as_json(answer))
    else:
        click.echo("\n".join(map(render.change, answer["changes"])) or "nothing to change")
    changed = {row.get("service") for row in answer["changes"]}
    failed_before = not any(
        each.get("kept") or each["name"] in changed for each in answer["failed"]
    )
    _fail_if_any(answer, "did not come up before" if failed_before else "could not be changed")


@click.command()
@click.argument("route", shell_complete=suggest.routes)
@click.option("--hold", type=DURATION, help="Let requests wait for so long first, as 30s or 5m.")
@click.option("--retry-after", type=DURATION, help="When clients are told to come again; 30s.")
@click.option("--reason", help="What clients are told.")
@file_option
@json_option
def pause(
    route: str, hold: float, retry_after: float, reason: str, file: Path, as_json: bool
) -> None:
    """Answer all requests of a route, by its name or its service's, with 503 until resume.

    With --hold requests wait for the end of the pause, and are lost only if it comes too late.
    """
    asked = {"route": route, "hold": hold, "retry_after": retry_after, "reason": reason}
    body = {key: value for key, value in asked.items() if value is not None}
    answer = call(file, "POST", "/pause", body)
    if as_json:
        click.echo(render.as_json(answer))
    else:
        click.echo(f"paused {answer['name']}; `webqx-sv resume {answer['name']}` ends it")


@click.command()
@click.argument("route", shell_complete=suggest.routes)
@file_option
@json_option
def resume(route: str, file: Path, as_json: bool) -> None:
    """End the pause of a route; requests that wait go on."""
    answer = call(file, "POST", "/resume", {"route": route})
    if as_json:
        click.echo(render.as_json(answer))
    elif answer["was_paused"]:
        click.echo(f"resumed {answer['name']}")
    else:
        click.echo(f"{answer['name']} was not paused")


@click.command()
@file_option
@json_option
def upgrade(file: Path, as_json: bool) -> None:
    """Have keeper, daemon and proxies run the code that is installed now. No request is lost.

    Workers are not touched. If the new code cannot be loaded, nothing changes.
    """
    before = call(file, "GET", "/ping")
    after = launch.renew(locate(file), proxies=True)
    answer = {key: {"from": before[key], "to": after[key]} for key in ("pid", "version")}
    if as_json:
        click.echo(render.as_json(answer))
    else:
        click.echo(
            f"upgraded from {before['version']} to {after['version']}: new daemon, new proxies"
        )


def _save_instances(file: Path, service: str, instances: int) -> None:
    from webqx_supervisor.config.edit import set_instances

    edited = set_instances(read_services_toml(file), service, instances)
    target = file.resolve()  # a link stays a link
    write_atomically(target, edited.encode(), target.stat().st_mode & 0o777)


def _tell(done: str, names: Sequence[str]) -> None:
    if names:
        click.echo(f"{done} {', '.join(names)}")


def _tell_remote(answer: Mapping[str, Any], what: str) -> None:
    for name in answer.get("remote", ()):
        click.echo(f"{name} is remote: {what}")


def _fail_if_any(answer: Mapping[str, Any], what: str) -> None:
    """Show what failed and why. Raises WebqxError if anything did."""
    of_name = {row["name"]: row for row in answer.get("services", ())}
    failed = [of_name[each] if isinstance(each, str) else each for each in answer["failed"]]
    for each in failed:
        click.echo(render.failure(each["name"], each["reason"], each["lines"]), err=True)
    if failed:
        raise WebqxError(f"{', '.join(each['name'] for each in failed)} {what}")
