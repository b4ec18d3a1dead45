"""The keys of [alerts]: whom to tell what."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from webqx_supervisor.config import units
from webqx_supervisor.config.auth_fields import secret_place
from webqx_supervisor.config.kinds import Command, Count, Duration, Name, Section, Text, Texts
from webqx_supervisor.config.paths import Absolute, placed
from webqx_supervisor.config.phrases import found
from webqx_supervisor.core.selection import among, nothing
from webqx_supervisor.model import alerts
from webqx_supervisor.model.alerts import Condition, Means, Security

_ALERTS = alerts.Alerts()
_SMTP = alerts.Smtp()
_DAY = 86400.0
_PLACE = re.compile(r"https?://[^\s/]+\S*|file:.+|env:[A-Za-z_][A-Za-z0-9_]*|cred:[!-.0-~]+")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
DEFAULTS: Mapping[Condition, tuple[float, float]] = {
    Condition.DOWN: (30.0, 0.0),
    Condition.CRASH_LOOP: (0.0, 0.0),
    Condition.FAILED: (0.0, 0.0),
    Condition.BREAKER_OPEN: (60.0, 0.0),
    Condition.DISK: (60.0, 0.05),
    Condition.CERTIFICATE: (0.0, 14 * _DAY),
    Condition.BURN_RATE: (0.0, 0.0),
}
"""Patience and limit of each condition that has a rule where the file names none."""


def web_place(text: str) -> str:
    """Take an address, or where one is kept. Raises ValueError."""
    if _PLACE.fullmatch(text):
        return text
    wanted = (
        'wanted an address, or where it is kept: "https://…", "file:…", "env:NAME" or "cred:NAME"'
    )
    raise ValueError(f"{wanted}; found {found(text)}")


def mail_address(text: str) -> str:
    """Take a mail address. Raises ValueError."""
    if _MAIL.fullmatch(text):
        return text
    raise ValueError(f"wanted a mail address; found {found(text)}")


WebPlace = Annotated[
    str, AfterValidator(web_place), Field(examples=["https://ntfy.sh/my-topic", "file:slack-url"])
]
SecretPlace = Annotated[
    str, AfterValidator(secret_place), Field(examples=["file:smtp-password", "env:TOKEN"])
]
Mail = Annotated[str, AfterValidator(mail_address)]


class Smtp(Section):
    """The server that takes mail."""

    host: Text = Field(description="Its name.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=_SMTP.port, description='Its port; 465 is that of `security = "tls"`.'
    )
    security: Annotated[Security, Field(strict=False)] = Field(
        default=_SMTP.security, description="How it is spoken to."
    )
    user: Text = Field(default=_SMTP.user, description="The name to log in with; none by default.")
    password: SecretPlace | None = Field(default=None, description="Where the password is kept.")
    sender: Mail | None = Field(
        default=None, description="Whom the mail is from; by default the receiver."
    )


class Receiver(Section):
    """Somebody to be told, in one of these ways."""

    webhook: WebPlace | None = Field(
        default=None, description="An address that gets JSON by POST, or where it is kept."
    )
    slack: WebPlace | None = Field(
        default=None, description="The same in the form of Slack's incoming webhooks."
    )
    discord: WebPlace | None = Field(
        default=None, description="The same in the form of Discord's webhooks."
    )
    ntfy: WebPlace | None = Field(
        default=None, description="A server of ntfy with the topic as its path."
    )
    email: Mail | None = Field(default=None, description="A mail address; it needs `smtp`.")
    command: Command | None = Field(
        default=None,
        description="A command that gets `WEBQX_SV_ALERT_TITLE`, `_TEXT` and JSON on its stdin.",
    )
    token: SecretPlace | None = Field(
        default=None, description="Where a token is kept that is sent as `Authorization: Bearer`."
    )
    smtp: Smtp | None = Field(default=None, description="The server that takes the mail.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [means for means in Means if getattr(self, means) is not None]
        if len(ways) != 1:
            there = " and ".join(f"`{each}`" for each in ways) or "none"
            raise ValueError(f"wanted one of {', '.join(f'`{m}`' for m in Means)}; found {there}")
        if (ways == [Means.EMAIL]) != (self.smtp is not None):
            raise ValueError("`email` needs `smtp`, and nothing else does")
        return self


class Rule(Section):
    """When somebody is told."""

    on: Annotated[Condition, Field(strict=False)] = Field(description="What must hold.")
    patience: Duration | None = Field(
        default=None, alias="for", description="For how long; the condition's own by default."
    )
    limit: Text | None = Field(
        default=None,
        description="`memory`: the size that a worker may take; `disk`: the share that is to be "
        'free, "5%"; `certificate`: the time that it is still to be good for, "14d".',
    )
    services: Texts = Field(
        default=(), description="Names, groups or globs of services; by default all."
    )
    to: Texts = Field(default=(), description="Names of receivers; by default all.")

    @model_validator(mode="after")
    def _limit_of_its_kind(self) -> Self:
        self.limit_value()
        return self

    def limit_value(self) -> float:
        """Return the limit in octets, as a share, or in s. Raises ValueError."""
        read = {
            Condition.MEMORY: units.size,
            Condition.DISK: units.share,
            Condition.CERTIFICATE: units.seconds,
        }.get(self.on)
        if self.limit is None:
            if self.on is Condition.MEMORY:
                raise ValueError("`memory` needs a `limit`")
            return DEFAULTS[self.on][1]
        if read is None:
            raise ValueError(f"`{self.on}` has no `limit`")
        return float(read(self.limit))


class Alerts(Section):
    """Whom to tell when something is wrong, and when it is over."""

    to: dict[Name, Receiver] = Field(default={}, description="Who is told, by name.")
    rules: Annotated[tuple[Rule, ...], Field(strict=False)] = Field(
        default=(),
        description="What they are told of; without any: all conditions but `memory`.",
    )
    together: Duration = Field(
        default=units.as_written(_ALERTS.together),
        description="What happens within this time is told in one message.",
    )
    repeat: Duration = Field(
        default=units.as_written(_ALERTS.repeat),
        description="What lasts is told again so often; 0 means never.",
    )
    most: Count = Field(
        default=_ALERTS.most,
        description="Messages in an hour to one receiver; the rest waits and is told together. 0 "
        "means any.",
    )


def alerts_of(entry: Alerts, absolute: Absolute) -> alerts.Alerts:
    """Return whom to tell what; `absolute` says where files are."""
    return alerts.Alerts(
        receivers=tuple(_receiver(name, each, absolute) for name, each in entry.to.items()),
        rules=tuple(_rule(each) for each in entry.rules) or (_default_rules() if entry.to else ()),
        together=entry.together,
        repeat=entry.repeat,
        most=entry.most,
    )


def alert_clashes(
    entry: Alerts, groups: Mapping[str, Collection[str]]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Find rules for receivers, or services, that are not there; `groups` has those of each."""
    for position, rule in enumerate(entry.rules):
        for word in rule.services:
            if not among([word], groups):
                yield ("alerts", "rules", position, "services"), nothing(word, groups)
        for name in rule.to:
            if name not in entry.to:
                there = ", ".join(entry.to) or "none"
                yield (
                    ("alerts", "rules", position, "to"),
                    f"no receiver `{name}`; there is: {there}",
                )


def _default_rules() -> tuple[alerts.Rule, ...]:
    return tuple(alerts.Rule(on, patience, limit) for on, (patience, limit) in DEFAULTS.items())


def _rule(entry: Rule) -> alerts.Rule:
    patience = DEFAULTS.get(entry.on, (0.0, 0.0))[0] if entry.patience is None else entry.patience
    return alerts.Rule(entry.on, patience, entry.limit_value(), entry.services, entry.to)


def _receiver(name: str, entry: Receiver, absolute: Absolute) -> alerts.Receiver:
    means = next(means for means in Means if getattr(entry, means) is not None)
    place = "" if means is Means.COMMAND else str(getattr(entry, means))
    return alerts.Receiver(
        name=name,
        means=means,
        place=placed(place, absolute),
        command=entry.command or (),
        token=placed(entry.token or "", absolute),
        smtp=_smtp(entry.smtp, str(entry.email), absolute) if entry.smtp is not None else _SMTP,
    )


def _smtp(entry: Smtp, receiver: str, absolute: Absolute) -> alerts.Smtp:
    return alerts.Smtp(
        host=entry.host,
        port=entry.port,
        security=entry.security,
        user=entry.user,
        password=placed(entry.password or "", absolute),
        sender=entry.sender or receiver,
    )
