"""The keys by which services.toml says how requests get to workers, and to which."""

from typing import Annotated

from pydantic import AfterValidator, Field

from webqx_supervisor.config import fields, units
from webqx_supervisor.config.kinds import Count, Duration, Positive, Section, Timeout
from webqx_supervisor.model import gateway

_FORWARD = gateway.Forwarding()
_BALANCE = gateway.Balance()


class Forward(Section):
    """How requests are carried to the workers of a service."""

    connect_timeout: Timeout = Field(
        default=units.as_written(_FORWARD.connect_timeout),
        description="How long a worker may take to accept.",
    )
    response_timeout: Timeout = Field(
        default=units.as_written(_FORWARD.response_timeout),
        description="How long a worker may take for the head of its answer, and between bytes "
        "of the body.",
    )
    tunnel_timeout: Timeout = Field(
        default=units.as_written(_FORWARD.tunnel_timeout),
        description="A tunnel (WebSocket, TCP) silent both ways for this long is closed.",
    )
    upgrade: Annotated[
        tuple[Annotated[str, AfterValidator(fields.upgrade_token)], ...], Field(strict=False)
    ] = Field(default=_FORWARD.upgrade, description="The Upgrade tokens that the service speaks.")
    queue_size: Count = Field(
        default=_FORWARD.queue_size,
        description="How many requests may wait while no worker is up or all have enough.",
    )
    queue_timeout: Duration = Field(
        default=units.as_written(_FORWARD.queue_timeout),
        description="How long a request may wait for a worker.",
    )
    max_in_flight: Count = Field(
        default=_FORWARD.max_in_flight,
        description="How many requests one worker may have at once, over all proxies; those over "
        "it wait in the queue; 0 means no limit.",
    )
    keepalive: Timeout = Field(
        default=units.as_written(_FORWARD.keepalive),
        description="How long an idle connection to a worker is kept for the next request: "
        "less than the worker keeps it.",
    )
    max_idle: Count = Field(
        default=_FORWARD.max_idle,
        description="How many idle connections each proxy keeps to a worker; 0 means none.",
    )


class Balance(Section):
    """How requests are shared among the workers of a service; text alone is the policy."""

    policy: Annotated[gateway.Policy, Field(strict=False)] = Field(
        default=_BALANCE.policy,
        description="Who is next: whoever has waited longest, has the least in flight, has less "
        "in flight of two drawn at random, or is always the same for the same client.",
    )
    hash_by: Annotated[str, AfterValidator(fields.hash_source)] = Field(
        default=_BALANCE.hash_by,
        description='What `hash` goes by: "client_ip", "header:NAME" or "cookie:NAME".',
    )
    sticky: Annotated[str, AfterValidator(fields.cookie_name)] | None = Field(
        default=None,
        description="The name of a cookie that leads a client back to the worker it had.",
    )
    slow_start: Duration = Field(
        default=units.as_written(_BALANCE.slow_start),
        description="For so long the share of a new worker grows, from a tenth to the whole.",
    )
    weights: dict[Annotated[str, AfterValidator(fields.instance_number)], Positive] = Field(
        default={}, description="The share of single instances, `{ 1 = 3 }`; all others have 1."
    )
    backup: Annotated[tuple[Positive, ...], Field(strict=False)] = Field(
        default=_BALANCE.backup,
        description="Instances that get requests only while no other one is up.",
    )
