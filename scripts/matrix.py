"""The failure matrix: each fault under the load of every kind of client, counted and explained."""

import argparse
import tempfile
from pathlib import Path

from benches.report import table
from breaking import under
from faults import EVERY_KIND, FAULTS, REQUESTS, STREAMS, Fault
from load import Client
from project import Project
from rivals import compare


def main(parser: argparse.ArgumentParser) -> None:
    """Do what the arguments say."""
    known = {fault.name: fault for fault in FAULTS}
    parser.add_argument("faults", nargs="*", choices=[[], *known], metavar="FAULT")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--rivals", action="store_true", help="compare with PM2 and others")
    arguments = parser.parse_args()
    if arguments.rivals:
        compare.main()
        return
    faults = [known[name] for name in arguments.faults] or list(FAULTS)
    rows = [("fault", *EVERY_KIND)]
    wrong: list[str] = []
    for fault in faults:
        clients = {client.kind: client for client in run(fault, arguments.times)}
        rows.append((fault.title, *(_cell(fault, clients.get(kind)) for kind in EVERY_KIND)))
        print("  ".join(rows[-1]), flush=True)
        wrong += [
            f"{fault.name}: {failure}"
            for client in clients.values()
            for failure in fault.unexcused(client)
        ]
    table("failures that clients saw, of the requests or streams begun", rows)
    print("\n* what HTTP lets nobody save; see docs/failures.md")
    if wrong:
        raise SystemExit("\n".join(["", "must not have been:", *wrong]))


def run(fault: Fault, times: int) -> list[Client]:
    """Do it under the requests, then anew under the streams; return all clients."""
    clients = []
    for group in (REQUESTS, STREAMS):
        if not set(group) & set(fault.kinds):
            continue
        with tempfile.TemporaryDirectory() as folder:
            project = Project(Path(folder))
            try:
                clients += under(fault, project, group, times)
            finally:
                project.clean_up()
    return clients


def _cell(fault: Fault, client: Client | None) -> str:
    if client is None:
        return "-"
    mark = "*" if client.failures and not fault.unexcused(client) else ""
    return f"{len(client.failures)}/{client.sent}{mark}"
