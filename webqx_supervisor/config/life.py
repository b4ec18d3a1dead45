"""The keys of a service that say what it lives for, and for how long."""

from typing import Annotated

from pydantic import Field

from webqx_supervisor.config.kinds import Section
from webqx_supervisor.model import service


class Life(Section):
    """What every service may say about the life of its workers."""

    kind: Annotated[service.Kind, Field(strict=False)] = Field(
        default=service.Kind.SERVICE,
        description='"task" is a program that is to end, like a migration or a build: it runs '
        "once, and `start` waits for its end.",
    )
