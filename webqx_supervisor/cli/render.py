"""Plain values to what a person reads. Takes what JSON made of the answer; prints nothing.

Colours are put in always; main.py decides for the whole command whether they come out.
"""

import itertools
import json
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

NOTHING = "-"
CHECKS = ("startup", "ready", "live")
COLORS = {
    "RUNNING": "green",
    "STARTING": "yellow",
    "DRAINING": "yellow",
    "STOPPING": "yellow",
    "BACKOFF": "yellow",
    "DEGRADED": "yellow",
    "ASLEEP": "blue",
    "EXITED": "red",
    "FATAL": "red",
}


def as_json(value: Any) -> str:
    """Return indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def status(answer: Mapping[str, Any]) -> str:
    """Return the whole of `webqx-sv status`."""
    blocks = [services(answer["services"])] if answer["services"] else []
    if any(service["workers"] for service in answer["services"]):
        blocks.append(workers(answer["services"]))
    scaled = [row for row in answer["services"] if row.get("autoscale")]
    about = [
        *map(_autoscale, scaled),
        *map(_pause, answer.get("paused", ())),
        *map(_proxy, answer["proxies"]),
    ]
    blocks.append("\n".join([*about, _daemon(answer["daemon"])]))
    return "\n\n".join(blocks)


def services(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return one line per service: how it is, and where it can be reached."""
    head = ["SERVICE", "STATE", ">WORKERS", "PORTS", "LISTEN"]
    rows = list(rows)
    cells = [_service(row) for row in rows]
    if any(row.get("groups") for row in rows):
        head.insert(1, "GROUP")
        cells = [[c[0], _leaf(r["groups"]), *c[1:]] for r, c in zip(rows, cells, strict=True)]
    return table(head, cells)


def workers(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return one line per worker, and under it, indented, why it is down if it is."""
    head = (
        *("WORKER", "STATE", ">PID", ">PORT", ">UPTIME"),
        *(">RESTARTS", ">CPU", ">MEM", ">IN FLIGHT", ">REQUESTS"),
    )
    all_workers = [(row["name"], worker) for row in rows for worker in row["workers"]]
    lines = table(head, [_worker(name, worker) for name, worker in all_workers]).splitlines()
    reasons = [_remark(worker) for _, worker in all_workers]
    for line, reason in zip(range(len(reasons), 0, -1), reversed(reasons), strict=True):
        if reason:
            lines.insert(line + 1, click.style(f"  {reason}", dim=True))
    return "\n".join(lines)


def description(answer: Mapping[str, Any]) -> str:
    """Return the whole of `webqx-sv describe`."""
    needs = [f"{name} ({condition})" for name, condition in answer["service"]["depends_on"]]
    command = shlex.join(answer["service"]["command"])
    definition = {**answer["service"], "command": command, "depends_on": needs}
    if "readiness" in definition:
        definition["readiness"] = _what_counts(definition["readiness"])
    definition.pop("quota", None)  # told in words below
    if secrets := answer["service"].get("secrets"):
        definition["secrets"] = [f"{name} ({place})" for name, place in secrets]
    if answer.get("environment"):
        definition["environment"] = answer["environment"]
    blocks = [tree(definition), services([answer["status"]])]
    if answer["status"]["workers"]:
        blocks.append(workers([answer["status"]]))
        blocks.append("\n".join(_trees(answer["status"])))
    blocks.append("\n".join(f"limit  {each}" for each in answer.get("limits", ())))
    if answer["status"].get("autoscale"):
        blocks.append(_autoscale(answer["status"]))
    blocks.append("\n".join(map(event, answer["events"])))
    return "\n\n".join(filter(None, blocks))


def failure(name: str, reason: str, last_lines: Sequence[str] = ()) -> str:
    """Return why a service is not as asked, and the last that its worker said."""
    said = [click.style(f"  | {line}", dim=True) for line in last_lines]
    return "\n".join([click.style(f"{name}: {reason or 'no reason known'}", fg="red"), *said])


def event(row: Mapping[str, Any]) -> str:
    """Return one event as one line, in UTC like the logs."""
    at = clock(row["at"])
    who = row["service"] or "daemon"
    if row["instance"]:
        who = f"{who}:{row['instance']}"
    return f"{at}  {who}  {row['kind']}  {row['text']}".rstrip()


def clock(unix_time: float) -> str:
    """Return a time of the wall clock, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_time))


def tree(value: Mapping[str, Any], depth: int = 0) -> str:
    """Return nested values as indented `key: value` lines."""
    lines = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            lines += [f"{'  ' * depth}{key}:", tree(item, depth + 1)]
        else:
            lines.append(f"{'  ' * depth}{key}: {_leaf(item)}")
    return "\n".join(lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns, two blanks between them; a `>` before a title puts its column to the right."""
    to_the_right = [title.startswith(">") for title in head]
    titles = [title.removeprefix(">") for title in head]
    columns = zip(titles, *rows, strict=True)
    widths = [max(len(click.unstyle(cell)) for cell in column) for column in columns]

    def aligned(cells: Sequence[str]) -> str:
        padded = []
        for cell, width, right in zip(cells, widths, to_the_right, strict=True):
            gap = " " * (width - len(click.unstyle(cell)))
            padded.append(gap + cell if right else cell + gap)
        return "  ".join(padded).rstrip()

    return "\n".join([click.style(aligned(titles), bold=True), *map(aligned, rows)])


def duration(seconds: float) -> str:
    """Return at most two units: `42s`, `2h05m`, `3d04h`."""
    minutes, whole_seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{whole_seconds:02}s" if minutes else f"{whole_seconds}s"


def size(octets: float) -> str:
    """Return three digits and a unit: `512B`, `21.4M`, `1.20G`."""
    for unit in "BKMG":
        if octets < 1000 or unit == "G":
            break
        octets /= 1024
    if unit == "B":
        return f"{octets:.0f}B"
    digits = 2 if octets < 10 else 1 if octets < 100 else 0
    return f"{octets:.{digits}f}{unit}"


def _state(word: str, *, well: bool = True) -> str:
    return click.style(word, fg=COLORS.get(word) if well else "yellow")


def _service(row: Mapping[str, Any]) -> Sequence[str]:
    up = sum(worker["state"] == "RUNNING" and worker["healthy"] for worker in row["workers"])
    elsewhere = [worker["remote"] for worker in row["workers"] if worker.get("remote")]
    here = [worker for worker in row["workers"] if not worker.get("remote")]
    ports = sorted(worker["port"] for worker in here if worker["port"])
    return (
        row["name"],
        _state_of_all(row),
        f"{up}/{row['instances']}",
        ", ".join(elsewhere) or _ports(ports),
        _leaf(row["listen"]),
    )


def _state_of_all(row: Mapping[str, Any]) -> str:
    if row["state"] == "EXITED":
        return _ended(row)
    if row.get("inactive"):
        return f"{row['state']} (profile {' or '.join(row['profiles'])})"
    return _state(row["state"])


def _ended(row: Mapping[str, Any]) -> str:
    """Return `EXITED 0`; with several workers, all their codes."""
    codes = {worker.get("exit_code") for worker in row["workers"]}
    known = sorted(code for code in codes if code is not None)
    word = "EXITED" if row.get("well", codes == {0}) else _state("EXITED")
    return " ".join([word, *map(str, known)])


def _ports(ports: Sequence[int]) -> str:
    """Return them one by one; of an unbroken row of more than three, its ends."""
    rows = [
        [port for _, port in row]
        for _, row in itertools.groupby(enumerate(ports), lambda each: each[1] - each[0])
    ]
    texts = [f"{row[0]}-{row[-1]}" if len(row) > 3 else _leaf(row) for row in rows]
    return ", ".join(texts) or NOTHING


def _worker(service: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    name = f"{service}:{row['instance']}"
    ill = row["state"] == "RUNNING" and not row["healthy"]
    start = (name, _state(row["state"], well=not ill), _or_nothing(row["pid"]))
    if row.get("remote"):
        traffic = (str(row["in_flight"]), str(row["requests"]))
        return (*start, str(row["port"]), *[NOTHING] * 4, *traffic)
    if row["pid"] is None:
        port, restarts = _or_nothing(row["port"]), str(row["restarts"])
        return (*start, port, NOTHING, restarts, NOTHING, NOTHING, NOTHING, NOTHING)
    return (
        *start,
        _or_nothing(row["port"]),
        duration(row["uptime_s"]),
        str(row["restarts"]),
        _percent(row["cpu_percent"]),
        size(row["rss_bytes"]),
        str(row["in_flight"]),
        str(row["requests"]),
    )


def _trees(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield how many there are of each worker, in whose figures all of them count."""
    for worker in row["workers"]:
        if worker.get("processes"):
            numbers = f"{worker['processes']} processes, {worker['threads']} threads"
            yield f"{row['name']}:{worker['instance']}  {numbers}"


def _remark(row: Mapping[str, Any]) -> str:
    """Return why a worker is down or gets no requests, and what it says of itself."""
    breaker = row.get("breaker")
    kept_off = f"breaker {breaker}" if breaker not in (None, "closed") else ""
    says = f'says "{row["status_text"]}"' if row.get("status_text") else ""
    return "; ".join(filter(None, (row.get("reason"), kept_off, says)))


def _percent(share: float) -> str:
    return f"{share:.1f}%" if share < 10 else f"{share:.0f}%"


def _or_nothing(value: int | None) -> str:
    return NOTHING if value is None else str(value)


def _autoscale(row: Mapping[str, Any]) -> str:
    """Return between which numbers the load decides, what it has decided, what holds it back."""
    found = row["autoscale"]
    lines = [f"scales  {row['name']}: {found['min']} to {found['max']} workers"]
    if found["decided"]:
        lines.append(f"{clock(found['decided_at'])}  {found['decided']}")
    if found["held"]:
        held = f"stays at {row['instances']}: {found['held']}"
        lines.append(click.style(held, fg="yellow"))
    return "\n        ".join(lines)


def _pause(row: Mapping[str, Any]) -> str:
    how = f"requests wait up to {duration(row['hold'])}" if row["hold"] else "requests get 503"
    return click.style(f"paused  {row['name']}: {how}", fg="yellow")


def _proxy(row: Mapping[str, Any]) -> str:
    return (
        f"proxy   pid {row['pid']}, up {duration(row['uptime_s'])}, {size(row['rss_bytes'])}, "
        f"{row['connections']} connections, {row['requests']} requests"
    )


def _daemon(row: Mapping[str, Any]) -> str:
    return (
        f"daemon  pid {row['pid']}, up {duration(row['uptime_s'])}, webqx-sv {row['version']}, "
        f"{row['file']}{_environment(row)}{_active(row.get('profiles'))}"
    )


def _active(profiles: Sequence[str] | None) -> str:
    if not profiles:
        return ""
    return f", profile{'s' if len(profiles) > 1 else ''} {', '.join(profiles)}"


def _environment(row: Mapping[str, Any]) -> str:
    return f", environment {row['environment']}" if row.get("environment") else ""


def _what_counts(readiness: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not said, and of each check what has no meaning there."""
    said = {key: item for key, item in readiness.items() if item}
    return {
        key: {name: each for name, each in item.items() if each} if key in CHECKS else item
        for key, item in said.items()
    }


def _leaf(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_leaf(item) for item in value) or NOTHING
    return NOTHING if value is None or value == "" else str(value)


def change(row: Mapping[str, Any]) -> str:
    """Return e.g. `api: scaled, 2 -> 4` for a row of `apply`."""
    name = row.get("service") or row.get("listener") or row.get("part") or "proxies"
    numbers = f", {row['before']} -> {row['after']}" if "before" in row else ""
    return f"{name}: {row['change']}{numbers}"
