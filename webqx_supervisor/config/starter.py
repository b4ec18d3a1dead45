"""A first services.toml for a project that was recognised: few lines, each with its reason."""

import json
from collections.abc import Callable

from webqx_supervisor.model.draft import Draft, DraftFiles, DraftService

TakePorts = Callable[[int, int], int]
"""Returns the first of so many free ports, from a number up; none of them twice."""
LISTEN, PORTS = 3000, 3001
FILES = "site"

HEAD = """\
# {kind}, recognised by `webqx-sv init`. Check it and try it:
#   webqx-sv check      is the file right?
#   webqx-sv start      start everything; `webqx-sv stop` ends it
# All keys: docs/reference/services-toml.md of webqx-sv, or `man services.toml`.
"""


def services_toml(draft: Draft, take_ports: TakePorts, cpus: int) -> str:
    """Return the text; `cpus` says how many workers "max" may be, for their ports."""
    blocks = [HEAD.format(kind=draft.kind[:1].upper() + draft.kind[1:])]
    if draft.also:
        blocks.append("".join(f"# Left out: {text}\n" for text in draft.also))
    listens = [take_ports(LISTEN, 1) for _ in range(_count_of_listeners(draft))]
    blocks += [_service(service, listens, take_ports, cpus) for service in draft.services]
    if draft.files:
        blocks.append(_files(draft.files, listens.pop(0), draft.services))
    return "\n".join(blocks)


def _count_of_listeners(draft: Draft) -> int:
    return sum(service.web for service in draft.services) + bool(draft.files)


def _service(service: DraftService, listens: list[int], take_ports: TakePorts, cpus: int) -> str:
    lines = [f"# {hint}" for hint in service.hints]
    lines += [f"[services.{service.name}]", f"command = {_value(service.command)}  # {service.why}"]
    if service.cwd:
        lines.append(f"cwd = {_value(service.cwd)}")
    if service.env:
        pairs = ", ".join(f"{_key(name)} = {_value(text)}" for name, text in service.env)
        lines.append(f"env = {{ {pairs} }}")
    count = service.instances if isinstance(service.instances, int) else cpus
    if service.instances != 1:
        lines.append(f"instances = {_value(service.instances)}  # workers side by side")
    if service.web:
        port, listen = take_ports(PORTS, count), listens.pop(0)
        lines += [
            f"port = {port}  # each worker gets its own as PORT{_up_to(port, count)}",
            f"listen = {listen}  # what the clients connect to: http://127.0.0.1:{listen}",
            '# health = { path = "/health/" }  # a path that answers well when the worker is well',
        ]
    return "\n".join([*lines, ""])


def _files(
    all_files: tuple[DraftFiles, ...], listen: int, services: tuple[DraftService, ...]
) -> str:
    lines = [f"[listeners.{FILES}]", f"bind = {listen}  # http://127.0.0.1:{listen}"]
    for number, files in enumerate(all_files):
        fallback = f", fallback = {_value(files.fallback)}" if files.fallback else ""
        lines += ["", "[[routes]]", f'listener = "{FILES}"  # {files.why}']
        if number:
            lines.append(f"path = {_value(f'/{files.folder}/')}")
        lines.append(f"files = {{ folder = {_value(files.folder)}{fallback} }}")
    service = next((service for service in services if service.web), None)
    if service is not None:
        lines += [
            *("", "# So the same address leads to the API as well, without CORS:"),
            *("# [[routes]]", f'# listener = "{FILES}"', '# path = "/api/"'),
            f'# service = "{service.name}"',
        ]
    return "\n".join([*lines, ""])


def _up_to(port: int, count: int) -> str:
    return f": {port} to {port + count - 1}" if count > 1 else ""


def _value(value: str | int | tuple[str, ...]) -> str:
    """Return TOML; JSON's strings are TOML's, but for DEL."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return (
        name
        if name.replace("_", "").replace("-", "").isascii() and name.isidentifier()
        else _value(name)
    )
