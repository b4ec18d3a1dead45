"""What is sent: one message for some notices, in the form that each kind of receiver takes.

Sources: Slack "Sending messages using incoming webhooks"; Discord "Execute Webhook"; ntfy "Publish
as JSON". The form of the plain webhook is our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from webqx_supervisor.core.alerting.alarms import Notice, Turn

DISCORD_LIMIT = 2000
"""Characters of a message at Discord."""
TEXT_LIMIT = 4000
"""Characters of a message at ntfy (4096 octets) and, far below its own limit, at Slack."""
_MARKS = {Turn.BEGINS: "ALERT", Turn.LASTS: "STILL", Turn.IS_OVER: "OVER"}


@dataclass(frozen=True, slots=True)
class Message:
    """What is told at once. `daemon`: who says it; `dropped`: how many notices are left out."""

    daemon: str
    notices: tuple[Notice, ...]
    dropped: int = 0

    @property
    def bad(self) -> bool:
        """Whether anything in it is not over."""
        return any(notice.turn is not Turn.IS_OVER for notice in self.notices)

    @property
    def title(self) -> str:
        """The whole in a few words."""
        first = self.notices[0]
        more = len(self.notices) - 1
        also = f" and {more} more" if more else ""
        what = f"{first.finding.subject} {first.finding.on.replace('_', ' ')}"
        return f"[{self.daemon}] {_MARKS[first.turn]} {what}{also}"

    @property
    def text(self) -> str:
        """A line for each notice."""
        lines = [_line(notice) for notice in self.notices]
        if self.dropped:
            lines.append(f"{self.dropped} older ones were left out")
        return "\n".join(lines)


def as_json(message: Message) -> dict[str, Any]:
    """Return the body of a plain webhook, and what a command gets on its stdin."""
    return {
        "daemon": message.daemon,
        "title": message.title,
        "text": message.text,
        "status": "firing" if message.bad else "resolved",
        "alerts": [
            {
                "status": "resolved" if notice.turn is Turn.IS_OVER else "firing",
                "repeated": notice.turn is Turn.LASTS,
                "condition": str(notice.finding.on),
                "subject": notice.finding.subject,
                "text": notice.finding.text,
                "at": notice.at,
                "for_s": round(notice.for_s, 1),
            }
            for notice in message.notices
        ],
    }


def slack(message: Message) -> dict[str, Any]:
    """Return the body for a webhook of Slack, or of what speaks its form (Mattermost, …)."""
    text = _escaped(f"*{message.title}*\n{message.text}")
    return {"text": _cut(text, TEXT_LIMIT)}


def discord(message: Message) -> dict[str, Any]:
    """Return the body for a webhook of Discord; it calls nobody, whatever a text holds."""
    content = _cut(f"**{message.title}**\n{message.text}", DISCORD_LIMIT)
    return {"content": content, "allowed_mentions": {"parse": []}}


def ntfy(message: Message, topic: str) -> dict[str, Any]:
    """Return the body for ntfy, whose address is the server's without the topic."""
    return {
        "topic": topic,
        "title": message.title,
        "message": _cut(message.text, TEXT_LIMIT),
        "priority": 4 if message.bad else 3,
        "tags": ["rotating_light" if message.bad else "white_check_mark"],
    }


def environment(message: Message) -> Mapping[str, str]:
    """Return what a command is told by its environment."""
    return {
        "WEBQX_SV_ALERT": "firing" if message.bad else "resolved",
        "WEBQX_SV_ALERT_TITLE": message.title,
        "WEBQX_SV_ALERT_TEXT": message.text,
    }


def _line(notice: Notice) -> str:
    at = f"{datetime.fromtimestamp(notice.at, UTC):%H:%M:%SZ}"
    finding = notice.finding
    what = f"{_MARKS[notice.turn]}  {finding.subject}  {finding.on.replace('_', ' ')}"
    held = f", for {_duration(notice.for_s)}" if notice.turn is not Turn.BEGINS else ""
    return f"{at}  {what}: {finding.text}{held}"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours = whole // 60 % 60, whole // 3600
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 2]} …"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
