"""The key of a service whose workers want a terminal."""

from pydantic import Field

from webqx_supervisor.config.kinds import Section


class OnTerminal(Section):
    """What the standard streams of workers are."""

    terminal: bool = Field(
        default=False,
        description="Whether each worker has a terminal, for `webqx-sv attach`; else its output "
        "is a pipe and its input is empty.",
    )
