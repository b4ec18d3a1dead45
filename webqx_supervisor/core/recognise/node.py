"""Projects with a package.json, and those of PM2."""

import json
import re
from typing import Any

from webqx_supervisor.core.recognise.folder import Folder, needs_shell, service_name
from webqx_supervisor.model.draft import Draft, DraftFiles, DraftService

ECOSYSTEMS = ("ecosystem.config.json", "ecosystem.json", "pm2.json", "process.json")
BUILT = ("dist", "build", "out", "dist/browser")
DEV_SERVERS = re.compile(
    r"^(react-scripts start|vite( dev)?|ng serve|parcel|webpack( serve)?|vue)\b"
)
BUNDLERS = ("vite", "react-scripts", "@angular/cli", "parcel", "@vue/cli-service", "webpack")
SERVERS = ("express", "fastify", "koa", "@nestjs/core", "hapi", "@hapi/hapi", "next", "nuxt")
SERVERS_THAT_READ_PORT = ("next", "nuxt", "@nestjs/core")
_PLAIN_NODE = re.compile(r"^node(js)? (?P<rest>[^&|;]+)$")
_INTERPRETERS = ((".js", "node"), (".mjs", "node"), (".cjs", "node"), (".py", "python3"))


def node(folder: Folder) -> Draft | None:
    """Recognise a server or a front end by its package.json."""
    package = _object(folder.text("package.json"))
    if package is None:
        return None
    start = _texts(package.get("scripts")).get("start", "")
    needs = set(_texts(package.get("dependencies"))) | set(_texts(package.get("devDependencies")))
    if _is_front_end(start, needs):
        return _front_end(folder, package)
    if start:
        command, why = _started_by(folder, package, start)
    elif entry := _entry(folder, package):
        command, why = f"node {entry}", f"{entry}, of package.json"
    else:
        return None
    reads = _reads_port(folder, command, needs)
    service = DraftService(
        name=service_name(str(package.get("name") or folder.name)),
        command=command,
        why=why,
        instances=2 if reads else 1,
        hints=()
        if reads
        else ("It must listen on process.env.PORT, or have {port} in `command`.",),
    )
    return Draft("a project of Node", (service,))


def ecosystem(folder: Folder) -> Draft | None:
    """Recognise the JSON form of PM2's ecosystem file; a .js one is a program, and not run here."""
    path = folder.has(*ECOSYSTEMS)
    document = _object(folder.text(path)) if path else None
    apps = document.get("apps") if document else None
    if not path or not isinstance(apps, list):
        return None
    drafts = [
        _app(app, path)
        for app in apps
        if isinstance(app, dict) and isinstance(app.get("script"), str)
    ]
    return Draft(f"PM2's {path}", tuple(drafts)) if drafts else None


def _is_front_end(start: str, needs: set[str]) -> bool:
    if start and not DEV_SERVERS.match(start):
        return False
    return any(name in needs for name in BUNDLERS) and not any(name in needs for name in SERVERS)


def _front_end(folder: Folder, package: dict[str, Any]) -> Draft:
    built = next((place for place in BUILT if f"{place}/index.html" in folder.files), "")
    if built:
        files = DraftFiles(built, f"the front end that was built into {built}", "index.html")
        return Draft("a front end", files=(files,))
    build = f"{_manager(folder, package)} run build"
    return Draft("a front end", also=(f"it is not built yet: {build}, and init again",))


def _started_by(folder: Folder, package: dict[str, Any], start: str) -> tuple[str, str]:
    """Return the command of the start script; Node itself where that is all that it does."""
    plain = _PLAIN_NODE.match(start)
    if plain and not needs_shell(start):
        # npm and its shell would stand between, and eat the stop signal.
        return start, f'the script "start" of package.json, without {_manager(folder, package)}'
    manager = _manager(folder, package)
    return f"{manager} start", 'the script "start" of package.json'


def _entry(folder: Folder, package: dict[str, Any]) -> str | None:
    main = str(package.get("main") or "").removeprefix("./")
    found = folder.has(*([main, f"{main}.js"] if main else []), "server.js", "app.js", "index.js")
    # A library has a main as well: only who listens is a server.
    return found if found and re.search(r"\.listen\(|createServer", folder.text(found)) else None


def _manager(folder: Folder, package: dict[str, Any]) -> str:
    asked = str(package.get("packageManager") or "").partition("@")[0]
    if asked in ("pnpm", "yarn", "npm", "bun"):
        return asked
    locks = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lockb": "bun", "bun.lock": "bun"}
    return next((name for lock, name in locks.items() if lock in folder.files), "npm")


def _reads_port(folder: Folder, command: str, needs: set[str]) -> bool:
    if needs & set(SERVERS_THAT_READ_PORT):
        return True
    named = [word for word in command.split()[1:] if word in folder.files]
    texts = [folder.text(path) for path in named] or [text for _, text in _sources(folder)]
    return any(re.search(r"\bPORT\b", text) for text in texts)


def _sources(folder: Folder) -> list[tuple[str, str]]:
    return [each for suffix in (".js", ".mjs", ".cjs", ".ts") for each in folder.ending(suffix)]


def _app(app: dict[str, Any], path: str) -> DraftService:
    script, args = str(app["script"]), app.get("args", "")
    words = " ".join(map(str, args)) if isinstance(args, list) else str(args)
    suffix = next((program for end, program in _INTERPRETERS if script.endswith(end)), "")
    interpreter = str(app.get("interpreter") or suffix)
    command = " ".join(filter(None, ("" if interpreter == "none" else interpreter, script, words)))
    env = _texts(app.get("env"))
    port = env.pop("PORT", None)
    return DraftService(
        name=service_name(str(app.get("name") or script.rpartition("/")[2].partition(".")[0])),
        command=command,
        why=path,
        web=port is not None,
        instances=_instances(app.get("instances", 1)),
        cwd=str(app.get("cwd") or ""),
        env=tuple(env.items()),
        hints=_unread(app),
    )


def _instances(value: object) -> int | str:
    if value in (0, "0", "max"):
        return "max"
    if value in (-1, "-1"):
        return "max-1"
    text = str(value)
    return int(text) if text.isdecimal() else 1


def _unread(app: dict[str, Any]) -> tuple[str, ...]:
    known = {"name", "script", "args", "instances", "exec_mode", "env", "cwd", "interpreter"}
    unread = sorted(set(app) - known)
    return (f"Not taken over: {', '.join(unread)}.",) if unread else ()


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _texts(value: object) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {str(key): str(text) for key, text in pairs if isinstance(text, str | int)}
