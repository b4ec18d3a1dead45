"""Procfile, Rails, Go, plain files."""

import re

from webqx_supervisor.core.recognise.folder import Folder, service_name, with_port
from webqx_supervisor.model.draft import Draft, DraftFiles, DraftService

SITES = ("dist", "build", "public", "site", "_site", "www", "docs")
_PROCESS = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+)$", re.MULTILINE)
_GEM = r"^\s*gem\s+['\"]{}['\"]"


def procfile(folder: Folder) -> Draft | None:
    """Recognise a Procfile: `web` takes requests, `release` is for deployments."""
    found = [(name, command.strip()) for name, command in _PROCESS.findall(folder.text("Procfile"))]
    services = [
        DraftService(
            name=service_name(name),
            command=with_port(command),
            why=f"`{name}` of the Procfile",
            web=name == "web" or "$PORT" in command or "${PORT" in command,
            instances=2 if name == "web" else 1,
        )
        for name, command in found
        if name != "release"
    ]
    left = tuple(f"`{name}: {command}`" for name, command in found if name == "release")
    return Draft("a Procfile", tuple(services), also=left) if services else None


def rails(folder: Folder) -> Draft | None:
    """Recognise Rails by its Gemfile."""
    gems = folder.text("Gemfile")
    if not re.search(_GEM.format("rails"), gems, re.MULTILINE):
        return None
    if "PORT" in folder.text("config/puma.rb"):
        command = "bundle exec puma -C config/puma.rb"
    elif re.search(_GEM.format("puma"), gems, re.MULTILINE):
        command = "bundle exec puma -b tcp://127.0.0.1:{port}"
    else:
        # Two servers of one folder must not share the file of their pid.
        command = "bin/rails server -b 127.0.0.1 -p {port} -P tmp/pids/{service}-{instance}.pid"
    service = DraftService(
        service_name(folder.name),
        command,
        "the Gemfile",
        env=(("PIDFILE", "tmp/pids/{service}-{instance}.pid"),),
        hints=('In production: RAILS_ENV = "production" in `env`.',),
    )
    return Draft("a Rails application", (service,))


def go(folder: Folder) -> Draft | None:
    """Recognise a Go program by go.mod and a package main; what was built is run as it is."""
    module = re.search(r"^module\s+(\S+)", folder.text("go.mod"), re.MULTILINE)
    if not module:
        return None
    name = re.sub(r"/v[0-9]+$", "", module[1]).rpartition("/")[2]
    main = next((p for p, text in folder.ending(".go") if "func main()" in text), None)
    if main is None:
        return None
    package = "." if "/" not in main else f"./{main.rpartition('/')[0]}"
    built = folder.has(name, f"bin/{name}")
    hints = [] if built else [f"`go run` compiles at every start; go build -o {name} {package}"]
    reads = any("PORT" in text for _, text in folder.ending(".go"))
    if not reads:
        hints.append("It must listen on the port in $PORT, or have {port} in `command`.")
    service = DraftService(
        service_name(name),
        f"./{built}" if built else f"go run {package}",
        "go.mod",
        instances=2 if reads else 1,
        hints=tuple(hints),
    )
    return Draft("a Go program", (service,))


def site(folder: Folder) -> Draft | None:
    """Recognise files that only have to be served."""
    for place in (*SITES, "."):
        index = "index.html" if place == "." else f"{place}/index.html"
        if index in folder.files:
            return Draft("a site of plain files", files=(DraftFiles(place, index),))
    return None
