"""Rules about ports: those of the kernel's own choice, those for root only, those taken."""

from collections.abc import Collection, Iterable, Sequence

from webqx_supervisor.model.finding import Finding, Level

TOPIC = "ports"


def spans(ports: Iterable[int]) -> str:
    """Return `3000, 3001-3004`, as sysctl and people write it."""
    runs: list[list[int]] = []
    for port in sorted(set(ports)):
        if runs and port == runs[-1][1] + 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in runs)


def parse_spans(text: str) -> set[int]:
    """Return the ports of `3000,3001-3004`, as net.ipv4.ip_local_reserved_ports has them."""
    ports: set[int] = set()
    for part in text.replace(" ", "").split(","):
        low, _, high = part.partition("-")
        if low.isdecimal():
            ports.update(range(int(low), int(high if high.isdecimal() else low) + 1))
    return ports


def ephemeral(low: int, high: int, reserved: Collection[int], wanted: Iterable[int]) -> Finding:
    """Judge whether the kernel may give one of the wanted ports to an outgoing connection."""
    in_range = {port for port in wanted if low <= port <= high and port not in reserved}
    if not in_range:
        return Finding(TOPIC, Level.OK, f"outgoing connections use {low}-{high}, none of these")
    keep = spans({*reserved, *in_range}).replace(" ", "")
    return Finding(
        TOPIC,
        Level.WARNING,
        f"{spans(in_range)}: any outgoing connection may sit there, as the kernel takes its ports "
        f"from {low}-{high}; a worker then fails to start",
        f"echo net.ipv4.ip_local_reserved_ports={keep} | sudo tee "
        "/etc/sysctl.d/90-webqx-sv.conf && sudo sysctl --system; or ports below the range",
    )


def privileged(first_free: int, wanted: Iterable[int], *, may: bool) -> Finding | None:
    """Judge the ports that not everybody may listen on; `may`: root, or CAP_NET_BIND_SERVICE."""
    low = {port for port in wanted if port < first_free}
    if not low:
        return None
    if may:
        return Finding(TOPIC, Level.OK, f"this user may listen on {spans(low)}")
    return Finding(
        TOPIC,
        Level.PROBLEM,
        f"{spans(low)}: only root may listen below {first_free}",
        f"echo net.ipv4.ip_unprivileged_port_start={min(low)} | sudo tee "
        "/etc/sysctl.d/91-webqx-sv.conf && sudo sysctl --system; or, in a unit of the system, "
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    )


def taken(what: str, complaint: str) -> Finding:
    """Say that somebody has what is wanted, in the words of who tried."""
    return Finding(
        TOPIC,
        Level.PROBLEM,
        f"{what}: {complaint}",
        "end that process, or give this one another port",
    )


def free(ports: Sequence[int]) -> Finding:
    """Say that nobody is in the way."""
    return Finding(TOPIC, Level.OK, f"free: {spans(ports)}")
