"""Do a fault to a fresh project under load."""

from faults import LASTING, STREAMS
from load import load, wait_for_answers
from project import APP

DRAIN = 'stop = { drain = "1s" }'
"""For streams, which have no end that a drain could wait for."""


def under(fault, project, kinds, times):
    """Do it so often under clients of these kinds; return the clients, with all they have seen."""
    kinds = [kind for kind in kinds if kind in fault.kinds]
    (project.folder / "next").write_text("")
    more = fault.more
    if set(kinds) <= set(STREAMS) and "drain" not in more:
        more += f"\n{DRAIN}"
    project.service(APP, more=more, NEXT=str(project.folder / "next"))
    project.write(fault.extra + project.file.read_text()).cli("start")
    with load(project.listen, *kinds) as clients:
        wait_for_answers(clients, 3)
        fault.act(project, clients, times)
        if fault.kinds != LASTING:
            wait_for_answers(clients, 3)
    return clients
