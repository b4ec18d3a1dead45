"""services.toml to Config: either all of it is right, or every problem is told and nothing else."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from webqx_supervisor.config import audit, life, quota, schema
from webqx_supervisor.config.access_log import access_log
from webqx_supervisor.config.accounts import account
from webqx_supervisor.config.alerts import alerts_of
from webqx_supervisor.config.auth_check import auth_problems
from webqx_supervisor.config.clashes import clashes
from webqx_supervisor.config.clients import Trust, trust
from webqx_supervisor.config.dashboard import dashboard
from webqx_supervisor.config.env_files import read_env_files
from webqx_supervisor.config.environment import environments, secrets, unknown, variables
from webqx_supervisor.config.explain import Complaint, read
from webqx_supervisor.config.fields import resolved
from webqx_supervisor.config.filters import filters
from webqx_supervisor.config.forwarding import Balance
from webqx_supervisor.config.lines import KeyPath, dotted, key_lines
from webqx_supervisor.config.metrics import metrics_door, metrics_problems
from webqx_supervisor.config.names import default_daemon_name
from webqx_supervisor.config.objectives import slo
from webqx_supervisor.config.paths import absolute
from webqx_supervisor.config.readiness import checks
from webqx_supervisor.config.resilience import breaker
from webqx_supervisor.config.route_clashes import Names
from webqx_supervisor.config.route_files import read_route_files
from webqx_supervisor.config.routes import Files, Route
from webqx_supervisor.config.scaling import autoscale_of, first
from webqx_supervisor.config.syntax import load
from webqx_supervisor.config.tracing import traced, tracing, tracing_problems
from webqx_supervisor.core.credentials import reserved
from webqx_supervisor.core.inheriting import passed_on
from webqx_supervisor.core.placeholders import fill
from webqx_supervisor.model import gateway, service
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import ConfigError, Problem
from webqx_supervisor.model.quota import Privileges
from webqx_supervisor.model.service import Watch

ReadText = Callable[[str], str]
"""Takes an absolute path. Raises OSError, and ValueError where the file is not UTF-8."""


def read_file(path: str) -> str:
    """Return a file's text."""
    return Path(path).read_text("utf-8")


def parse(
    text: str, file: str, cpus: int, read_text: ReadText = read_file, environment: str = ""
) -> Config:
    """Read the text of the services.toml at `file`; "max" means `cpus`.

    `read_text` reads the files that `env_file` names; `environment` chooses tables of `env`.
    Raises ConfigError with every problem, in the order of their lines; a syntax error is the only
    one, as nothing behind it can be read.
    """
    data = load(text, file)
    reading = read(data)
    complaints = list(reading.complaints)
    if wrong := unknown(environment, environments(data.get("services"))):
        complaints.append(((), wrong))
    for path, message in clashes(reading.document, _names(data), cpus):
        complaints.append((_in_file(path, reading.routes), message))
    where = Path(os.path.abspath(file))  # noqa: PTH100 - links are not followed, see default_daemon_name
    files = read_route_files(reading.document, where.parent)
    complaints += ((_in_file(path, reading.routes), message) for path, message in files.complaints)
    services = _Services(where.parent, cpus, read_text, environment, complaints)
    for path, message in auth_problems(
        reading.document, _names(data), partial(absolute, where.parent), read_text
    ):
        complaints.append((_in_file(path, reading.routes), message))
    complaints += audit.problems(reading.document.audit, partial(absolute, where.parent))
    complaints += metrics_problems(reading.document.daemon.metrics, partial(absolute, where.parent))
    complaints += tracing_problems(reading.document.daemon.tracing, partial(absolute, where.parent))
    config = traced(_config(reading.document, where, services, files.pages))
    if complaints:
        raise ConfigError(_problems(complaints, key_lines(text), file))
    return config


def missing_programs(config: Config) -> list[Problem]:
    """Name each service whose program is not there; such a service keeps no other from running.

    A program with a slash is looked for from the service's folder, any other on its PATH, as
    execvp(3) does it.
    """
    problems = []
    lines = lines_of(config.file)
    for entry in config.services:
        reason = _missing(entry)
        if reason:
            path: KeyPath = ("services", entry.name, "command")
            problems.append(Problem(config.file, lines.get(path), dotted(path), reason))
    return problems


def _names(data: Mapping[str, Any]) -> Names:
    services, listeners = (
        entries if isinstance(entries, dict) else {}
        for entries in (data.get("services"), data.get("listeners"))
    )
    listening = {
        name for name, entry in services.items() if isinstance(entry, dict) and "listen" in entry
    }
    return Names(services=list(services), listeners=[*listening, *listeners])


def _in_file(path: KeyPath, routes: tuple[int, ...]) -> KeyPath:
    """Undo the gaps that wrong routes have left in the document."""
    if path[0] != "routes":
        return path
    position = path[1]
    assert isinstance(position, int)
    return ("routes", routes[position], *path[2:])


def _problems(
    complaints: list[Complaint], lines: Mapping[KeyPath, int], file: str
) -> list[Problem]:
    problems = [
        Problem(file, _line(path, lines), dotted(path), message) for path, message in complaints
    ]
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0)


def _line(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """Return the line of the key, or of the nearest table around it that is in the file."""
    ends = range(len(path), 0, -1)
    return next((lines[path[:end]] for end in ends if path[:end] in lines), None)


class _Services:
    """Makes Service values; notes what the machine does not have for them."""

    def __init__(
        self,
        folder: Path,
        cpus: int,
        read_text: ReadText,
        environment: str,
        complaints: list[Complaint],
    ) -> None:
        self._folder = folder
        self._cpus = cpus
        self._read_text = read_text
        self.environment = environment
        self._complaints = complaints

    def service(self, name: str, entry: schema.Service) -> service.Service:
        return service.Service(
            name=name,
            command=entry.command,
            cwd=self._cwd(name, entry.cwd),
            instances=len(entry.remote) or first(entry, entry.instances, self._cpus),
            port=entry.port,
            env=self._env(name, entry),
            env_inherit=entry.env_inherit,
            secrets=secrets(entry, self.environment, self._absolute),
            listen_fds=entry.listen.bind if entry.listen_fds and entry.listen else (),
            health=service.Health(**entry.health.model_dump()),
            stop=service.Stop(**entry.stop.model_dump()),
            restart=_restart(entry),
            logs=service.Logs(**entry.logs.model_dump()),
            depends_on=tuple(entry.depends_on.items()),
            restart_with=entry.restart_with,
            kind=life.kind(entry),
            schedule=life.schedule(entry),
            rolling=life.rolling(entry),
            hooks=life.hooks(entry),
            watch=self._watch(name, entry.watch),
            remote=entry.remote,
            readiness=checks(entry),
            quota=quota.tree_quota(entry),
            privileges=self._privileges(name, entry),
            groups=entry.group,
            profiles=entry.profiles,
            terminal=entry.terminal,
            autoscale=autoscale_of(entry, self._cpus),
            slo=slo(entry),
        )

    def proxies(self, wanted: int | str) -> int:
        return resolved(wanted, self._cpus)

    def _cwd(self, name: str, written: str) -> str:
        cwd = self._absolute(written)
        if not os.path.isdir(cwd):  # noqa: PTH112 - False where pathlib raises: no permission, name too long
            self._complaints.append((("services", name, "cwd"), f"no such folder: {cwd}"))
        return cwd

    def _watch(self, name: str, entry: life.Watch | None) -> Watch:
        if entry is None:
            return Watch()
        paths = tuple(self._absolute(path) for path in entry.paths)
        for path in paths:
            if not os.path.exists(path):  # noqa: PTH110 - False where pathlib raises
                self._complaints.append((("services", name, "watch"), f"no such path: {path}"))
        return Watch(paths, entry.ignore, entry.debounce)

    def _privileges(self, name: str, entry: schema.Service) -> Privileges:
        if entry.user is not None:
            try:
                account(entry.user)
            except ValueError as error:
                self._complaints.append((("services", name, "user"), str(error)))
        cwd = self._absolute(entry.cwd)
        hidden = next((each for each in quota.TEMPORARY if Path(cwd).is_relative_to(each)), None)
        if entry.private_tmp and hidden:
            message = f"would hide the folder {cwd}, which is in {hidden}"
            self._complaints.append((("services", name, "private_tmp"), message))
        return quota.privileges(entry)

    def _env(self, name: str, entry: schema.Service) -> tuple[tuple[str, str], ...]:
        paths = [self._absolute(path) for path in entry.env_file]
        values, wrong = read_env_files(paths, self._read_text)
        self._complaints += ((("services", name, "env_file"), message) for message in wrong)
        return variables(entry, values, self.environment)

    def _absolute(self, written: str) -> str:
        return absolute(self._folder, written)


def _config(
    document: schema.ServicesToml, file: Path, services: _Services, pages: Mapping[str, str]
) -> Config:
    asked_for = any(each.audit for each in (*document.services.values(), *document.routes))
    own = [(n, entry.listen) for n, entry in document.services.items() if entry.listen is not None]
    handed = {name for name, _ in own if document.services[name].listen_fds}
    return Config(
        name=document.daemon.name or default_daemon_name(file),
        file=str(file),
        environment=services.environment,
        metrics=metrics_door(document.daemon.metrics, partial(absolute, file.parent)),
        proxies=services.proxies(document.daemon.proxies),
        dashboard=dashboard(document.daemon.dashboard, file.parent),
        alerts=alerts_of(document.alerts, partial(absolute, file.parent)),
        services=tuple(services.service(n, entry) for n, entry in document.services.items()),
        listeners=(
            *(_listener(name, entry, handed=name in handed) for name, entry in own),
            *(_listener(name, entry) for name, entry in document.listeners.items()),
        ),
        tracing=tracing(document.daemon.tracing, partial(absolute, file.parent)),
        routes=reserved(
            *(_route(route, document, file.parent, pages) for route in document.routes),
            *(
                _own_route(name, document.services[name], file.parent, pages)
                for name, _ in own
                if name not in handed
            ),
        ),
        forwardings=tuple(
            (name, gateway.Forwarding(**entry.forward.model_dump()))
            for name, entry in document.services.items()
        ),
        balances=tuple(
            (name, _balance(entry.balance)) for name, entry in document.services.items()
        ),
        breakers=tuple(
            (name, breaker(entry.breaker))
            for name, entry in document.services.items()
            if entry.breaker is not None
        ),
        access_log=access_log(document.daemon.access_log),
        audit=audit.policy(
            document.audit, asked_for=asked_for, absolute=partial(absolute, file.parent)
        ),
    )


def _route(
    entry: Route, document: schema.ServicesToml, folder: Path, pages: Mapping[str, str]
) -> gateway.Route:
    service = document.services.get(entry.service) if entry.service is not None else None
    scopes = (_scope(entry), _service_scope(entry.service or ""))
    return gateway.Route(
        listener=entry.listener,
        service=entry.service or "",
        host=entry.host,
        path=entry.path,
        backup=entry.backup,
        pattern=entry.pattern or "",
        methods=entry.methods,
        headers=tuple(entry.headers.items()),
        strip_prefix=entry.strip_prefix,
        rewrite=entry.rewrite,
        response_timeout=entry.response_timeout or 0.0,
        redirect=gateway.Redirect(**entry.redirect.model_dump()) if entry.redirect else None,
        answer=gateway.FixedAnswer(**entry.answer.model_dump()) if entry.answer else None,
        files=_files(entry.files, folder) if entry.files else None,
        filters=filters(entry, service, scopes, pages, partial(absolute, folder)),
        name=entry.name or "",
    )


def _files(entry: Files, folder: Path) -> gateway.Files:
    return gateway.Files(
        folder=absolute(folder, entry.folder),
        index=entry.index,
        fallback=entry.fallback or "",
        cache=tuple(entry.cache.items()),
        precompressed=entry.precompressed,
        hidden=entry.hidden,
        listing=entry.listing,
    )


def _own_route(
    name: str, entry: schema.Service, folder: Path, pages: Mapping[str, str]
) -> gateway.Route:
    """Return the route of a service's `listen`."""
    scope = _service_scope(name)
    return gateway.Route(
        listener=name,
        service=name,
        filters=filters(entry, None, (scope, scope), pages, partial(absolute, folder)),
    )


def _scope(entry: Route) -> str:
    """Return what only requests for this route are counted under, whatever else changes of it."""
    where = (entry.listener, entry.host, entry.pattern or entry.path)
    return f"route {where} {sorted(entry.methods)} {sorted(entry.headers.items())}"


def _service_scope(name: str) -> str:
    return f"service {name}"


def _restart(entry: schema.Service) -> service.RestartPolicy:
    policy = service.RestartPolicy(**entry.restart.model_dump())
    if life.kind(entry) is service.Kind.TASK and "policy" not in entry.restart.model_fields_set:
        return replace(policy, policy=service.Again.NEVER)
    return policy


def _balance(entry: Balance) -> gateway.Balance:
    return gateway.Balance(
        policy=entry.policy,
        hash_by=entry.hash_by,
        sticky=entry.sticky or "",
        slow_start=entry.slow_start,
        weights=tuple(sorted((int(key), weight) for key, weight in entry.weights.items())),
        backup=tuple(sorted(set(entry.backup))),
    )


def _listener(name: str, entry: schema.Listener, *, handed: bool = False) -> gateway.Listener:
    others = {"bind", "protocol", *Trust.model_fields}
    limits = gateway.Limits(**entry.model_dump(exclude=others))
    return gateway.Listener(name, entry.bind, entry.protocol, limits, trust(entry), handed)


def _missing(entry: service.Service) -> str | None:
    if entry.remote:
        return None
    program = fill(entry.command[0], service=entry.name, instance=1, port=entry.port)
    if "/" in program:
        path = Path(entry.cwd, program)
        if not os.path.isfile(path):  # noqa: PTH113 - False where pathlib raises
            return f"program `{program}` not found (looked for {path})"
        return None if os.access(path, os.X_OK) else f"program `{program}` is not executable"
    environ = passed_on(os.environ, entry.env_inherit) | dict(entry.env)
    search = environ.get("PATH", os.defpath)
    folders = os.pathsep.join(
        os.path.join(entry.cwd, folder)  # noqa: PTH118 - "" must stay the folder itself
        for folder in search.split(os.pathsep)
    )
    if shutil.which(program, path=folders):
        return None
    return f"program `{program}` not found on PATH ({search})"


def lines_of(file: str) -> dict[KeyPath, int]:
    """Return the lines of a file that was right when it was parsed; nothing if it has changed."""
    try:
        text = read_file(file)
        load(text, file)
    except (OSError, ValueError, ConfigError):
        return {}
    return key_lines(text)
