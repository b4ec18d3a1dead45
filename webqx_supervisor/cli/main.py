"""The command webqx-sv: its verbs, and the one place where an error becomes words and a code."""

import importlib
import os
from typing import Any

import click

from webqx_supervisor import __version__
from webqx_supervisor.model.errors import ConfigError, WebqxError

HOMES = {
    "start": "manage",
    "status": "show",
    "top": "top.verb",
    "dashboard": "dashboard",
    "ps": "ps",
    "alerts": "alerts",
    "slo": "slo",
    "logs": "logs",
    "reload": "manage",
    "scale": "manage",
    "apply": "manage",
    "restart": "manage",
    "stop": "manage",
    "pause": "manage",
    "resume": "manage",
    "upgrade": "manage",
    "describe": "show",
    "events": "show",
    "why": "show",
    "audit": "audit",
    "metrics": "show",
    "signal": "byhand",
    "exec": "byhand",
    "attach": "attach",
    "env": "byhand",
    "check": "check",
    "init": "init",
    "doctor": "doctor.verb",
    "startup": "boot.verbs",
    "unstartup": "boot.verbs",
    "completion": "completion",
    "hash-password": "passwords",
}
"""The module of each verb, in the order of --help; only the one that is needed is imported."""

ASKED = "_WEBQX_SV_COMPLETE"
"""There when a shell asks for completions."""


class Verbs(click.Group):
    """The verbs, and what becomes of their errors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names for --help."""
        del ctx
        return list(HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb of this name."""
        del ctx
        if cmd_name not in HOMES:
            return None
        module = importlib.import_module(f"webqx_supervisor.cli.{HOMES[cmd_name]}")
        verb: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return verb

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line; answer a shell, if it is one that asks."""
        if ASKED in os.environ:
            from webqx_supervisor.cli.completion import answer_shells

            answer_shells()
            kwargs["complete_var"] = ASKED
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb. What went wrong goes to stderr, and its code to the shell."""
        try:
            return super().invoke(ctx)
        except WebqxError as error:
            # Problems of the file begin with file:line, as editors and terminals like it.
            who = "" if isinstance(error, ConfigError) else f"{ctx.info_name}: "
            click.secho(f"{who}{error}", fg="red", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="webqx-sv")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Keep the workers of services.toml alive, and balance load over them.

    \b
    Exit codes: 0 done, 1 it failed, 2 usage, 3 the daemon is not running,
    4 no such service, 78 the configuration is wrong.
    """  # noqa: D301 - \\b is click's mark for a paragraph that keeps its lines
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        ctx.color = False
