"""What `why` prints: each death with all that is known of it, the latest last."""

import time
from collections.abc import Mapping
from typing import Any

import click

from webqx_supervisor.cli.render import duration, size

SHOWN_REQUESTS = 10
SHOWN_LINES = 10


def evidence(answer: Mapping[str, Any]) -> str:
    """Return the whole of `webqx-sv why`."""
    who, state = answer["service"], answer["state"]
    if answer["instance"] is not None:
        who = f"{who}:{answer['instance']}"
        state = next((worker["state"] for worker in answer["workers"]), "gone")
    blocks = [_death(death) for death in answer["deaths"]]
    if not blocks:
        blocks.append(f"{who}: no death is on record")
    if answer["quarantined"]:
        blocks.append("\n".join(_refused(each) for each in answer["quarantined"]))
    down = [worker for worker in answer["workers"] if worker["reason"]]
    blocks.append(
        "\n".join(
            [
                f"{who} is {state} now",
                *(f"  {who_is(answer, each)} {each['state']}: {each['reason']}" for each in down),
            ]
        )
    )
    return "\n\n".join(blocks)


def who_is(answer: Mapping[str, Any], worker: Mapping[str, Any]) -> str:
    """Return `api:1`."""
    return f"{answer['service']}:{worker['instance']}"


def _death(death: Mapping[str, Any]) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(death["at"]))
    head = f"{at}  {death['service']}:{death['instance']}  {death['text']}"
    lines = [click.style(head, bold=True)]
    requests = death["requests"]
    for request in requests[-SHOWN_REQUESTS:]:
        what = f"{request['method']} {request['target']}"
        lines.append(f"  in flight  {what}, for {request['age_s']:.1f} s ({request['request_id']})")
    if len(requests) > SHOWN_REQUESTS:
        lines.append(f"  in flight  and {len(requests) - SHOWN_REQUESTS} more")
    if death["memory"]:
        curve = " ".join(size(octets) for _, octets in death["memory"])
        first = death["memory"][0][0]
        lines.append(f"  memory     {curve} (the last {duration(first)})")
    lines += [f"  before     {change}" for change in death["changes"]]
    lines += [click.style(f"  | {line}", dim=True) for line in death["last_lines"][-SHOWN_LINES:]]
    return "\n".join(lines)


def _refused(row: Mapping[str, Any]) -> str:
    until = time.strftime("%H:%M:%SZ", time.gmtime(row["until"]))
    what = f"{row['method']} {row['target']}"
    return click.style(
        f"{what} is refused until {until}: {row['deaths']} workers in a row died over it", fg="red"
    )
