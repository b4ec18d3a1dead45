"""The order of the house: who may import whom, and what every room keeps to."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "webqx_supervisor"
HOUSE = Path(__file__).parent.parent / PACKAGE

# From the ground up. Rooms of one floor never import each other.
FLOORS = (
    ("model",),
    ("core.wire",),
    ("core",),
    ("config", "net", "process"),
    ("control",),
    ("daemon", "proxy", "keeper", "exporter", "demo"),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

PURE = ("model", "core.wire", "core")
IMPURE = frozenset(
    "trio socket ssl os time subprocess signal threading random select".split()  # noqa: SIM905 - a list of words is what it is
)
# Signal numbers differ between systems; the module is read as the table of their names.
ALLOWED = frozenset([(f"{PACKAGE}.model.exits", "signal")])

MOST_LINES = 400

LINUX_ONLY = {
    "fcntl": "F_SETPIPE_SZ F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS F_NOTIFY",
    "os": "splice SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE pidfd_open P_PIDFD pipe2 eventfd "
    "memfd_create sched_getaffinity sched_setaffinity posix_fadvise copy_file_range unshare "
    "setns setresuid setresgid getresuid O_TMPFILE O_PATH O_DIRECT",
    "resource": "prlimit",
    "select": "epoll EPOLLIN EPOLLOUT EPOLLET EPOLLRDHUP EPOLLHUP EPOLLERR EPOLLONESHOT "
    "EPOLLEXCLUSIVE EPOLL_CLOEXEC POLLRDHUP",
    "signal": "pidfd_send_signal sigtimedwait sigwaitinfo SIGRTMIN SIGRTMAX SIGPWR SIGSTKFLT",
    "socket": "AF_NETLINK AF_PACKET AF_VSOCK SO_PEERCRED SO_PASSCRED SO_BINDTODEVICE SO_MARK "
    "SO_INCOMING_CPU SCM_CREDENTIALS SOCK_NONBLOCK SOCK_CLOEXEC TCP_USER_TIMEOUT TCP_QUICKACK "
    "TCP_DEFER_ACCEPT TCP_CORK TCP_INFO MSG_NOSIGNAL MSG_CMSG_CLOEXEC MSG_ZEROCOPY",
}
LINUX_NAMES = {(module, name) for module, names in LINUX_ONLY.items() for name in names.split()}


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(HOUSE.rglob("*.py"))}


@functools.cache
def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Yield what a module imports, wherever in it: `from a import b` as a.b if that is ours."""
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def ours(module: str) -> set[str]:
    return {name for name in imports(module) if name.split(".")[0] == PACKAGE}


def room(module: str) -> str | None:
    """Return the room of a module; None for the package itself, which is open to all."""
    if module in (f"{PACKAGE}.compiled", f"{PACKAGE}.openssl"):
        return None  # what is imported at all
    inner = module.removeprefix(PACKAGE).removeprefix(".")
    if inner == "core.wire" or inner.startswith("core.wire."):
        return "core.wire"
    return inner.partition(".")[0] or None


@functools.cache
def cycle_through(module: str) -> tuple[str, ...]:
    """Return a way from a module back to itself, or nothing."""
    ways: list[tuple[str, ...]] = [(module,)]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for name in ours(way[-1]) & MODULES.keys():
            if name == module:
                return (*way, name)
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()


class AtImport(ast.NodeVisitor):
    """Collects the Linux-only names that a module needs for being imported.

    The body of a function runs later, and what stands behind a look at `sys.platform` or a
    `hasattr` is guarded. Defaults, decorators and annotations run at once.
    """

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, node.args, *filter(None, [node.returns])):
            self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's name

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        if not any(guard in ast.dump(node.test) for guard in ("'platform'", "'hasattr'")):
            self.generic_visit(node)

    visit_IfExp = visit_If  # noqa: N815 - ast's name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._note(node, str(node.module), *(alias.name for alias in node.names))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name):
            self._note(node, node.value.id, node.attr)
        self.generic_visit(node)

    def _note(self, node: ast.stmt | ast.expr, module: str, *names: str) -> None:
        self.found += [
            f"line {node.lineno}: {module}.{name}"
            for name in names
            if (module, name) in LINUX_NAMES
        ]


def linux_only_at_import(tree: ast.Module) -> list[str]:
    visitor = AtImport()
    visitor.visit(tree)
    return visitor.found


every_module = pytest.mark.parametrize("module", MODULES)


@every_module
def test_every_module_lives_in_a_room(module: str) -> None:
    assert room(module) in (None, *FLOOR)


@every_module
def test_imports_point_down(module: str) -> None:
    own = room(module)
    below = {other for other in FLOOR if own and FLOOR[other] < FLOOR[own]} | {own, None}
    wrong = sorted(name for name in ours(module) if room(name) not in below)
    assert not wrong, f"{module} must not import {', '.join(wrong)}"


@every_module
def test_no_import_leads_in_a_circle(module: str) -> None:
    assert not cycle_through(module), " -> ".join(cycle_through(module))


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) in PURE])
def test_nouns_and_rules_touch_neither_the_system_nor_the_clock(module: str) -> None:
    impure = {name.split(".")[0] for name in imports(module)} & IMPURE
    assert {name for name in impure if (module, name) not in ALLOWED} == set()


@every_module
def test_every_module_opens_with_its_sentence(module: str) -> None:
    sentence = (ast.get_docstring(parsed(module)) or "").split("\n\n")[0].strip()
    assert sentence.endswith((".", ":"))


@every_module
def test_no_file_is_long(module: str) -> None:
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES


@every_module
def test_every_module_can_be_imported_off_linux(module: str) -> None:
    assert linux_only_at_import(parsed(module)) == []


@pytest.mark.parametrize(
    "source",
    [
        "from select import epoll",
        "from os import path, splice",
        "SIZE = fcntl.F_SETPIPE_SZ",
        "def send(flag=os.SPLICE_F_MOVE): ...",
        "async def send(poller: select.epoll): ...",
        "class Poller:\n    kind = select.epoll",
        "if True:\n    KIND = select.epoll",
    ],
)
def test_a_linux_only_name_at_import_is_seen(source: str) -> None:
    assert linux_only_at_import(ast.parse(source)) != []


@pytest.mark.parametrize(
    "source",
    [
        "from select import poll",
        "def wait():\n    return select.epoll()",
        "wait = lambda: select.epoll()",
        "if sys.platform == 'linux':\n    KIND = select.epoll",
        "KIND = select.epoll if hasattr(select, 'epoll') else None",
        "KIND = getattr(select, 'epoll', None)",
        "def send(poller: 'select.epoll'): ...",
    ],
)
def test_a_guarded_or_late_linux_only_name_is_not(source: str) -> None:
    assert linux_only_at_import(ast.parse(source)) == []
