"""Django, FastAPI, Flask and their kin, under the server that the project itself asks for."""

import re
from collections.abc import Iterator

from webqx_supervisor.core.recognise.folder import Folder, service_name
from webqx_supervisor.model.draft import Draft, DraftService

REQUIREMENTS = ("requirements.txt", "pyproject.toml", "Pipfile", "requirements/base.txt")
VENVS = (".venv/bin", "venv/bin", "env/bin")
MANAGERS = (
    ("uv.lock", "uv run python"),
    ("poetry.lock", "poetry run python"),
    ("Pipfile.lock", "pipenv run python"),
)
_SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE['\"],\s*['\"](?P<package>[\w.]+)\.settings")
_ASGI = re.compile(
    r"^(?P<name>\w+)(?::[^=\n]+)?\s*=\s*(?P<kind>FastAPI|Starlette|Quart)\(", re.MULTILINE
)
_FLASK = re.compile(r"^(?P<name>\w+)(?::[^=\n]+)?\s*=\s*Flask\(", re.MULTILINE)
_SKIPPED = re.compile(r"(^|/)(tests?|conftest|setup)(/|_|\.py$)|(^|/)test_")
_ADDRESS = "127.0.0.1"


def django(folder: Folder) -> Draft | None:
    """Recognise a Django project by its manage.py."""
    found = _SETTINGS.search(folder.text("manage.py"))
    if not found:
        return None
    package = found["package"]
    asgi = package.replace(".", "/") + "/asgi.py"
    if _asks_for(folder, "gunicorn"):
        words = f"-m gunicorn {package}.wsgi --bind {_ADDRESS}:{{port}}"
        return _draft(folder, "a Django project", "manage.py", words)
    if _asks_for(folder, "uvicorn") and asgi in folder.files:
        words = f"-m uvicorn {package}.asgi:application --host {_ADDRESS} --port {{port}}"
        return _draft(folder, "a Django project", "manage.py", words)
    words = f"manage.py runserver {_ADDRESS}:{{port}} --noreload"
    hint = f"This is Django's server for development; for more, gunicorn {package}.wsgi"
    return _draft(folder, "a Django project", "manage.py", words, hint)


def asgi(folder: Folder) -> Draft | None:
    """Recognise FastAPI, Starlette and Quart by the file that makes the application."""
    for path, text in _sources(folder):
        if found := _ASGI.search(text):
            where = f"{_module(path)}:{found['name']}"
            words = f"-m uvicorn {where} --host {_ADDRESS} --port {{port}}"
            return _draft(folder, f"a {found['kind']} application", path, words)
    return None


def flask(folder: Folder) -> Draft | None:
    """Recognise Flask by the file that makes the application."""
    for path, text in _sources(folder):
        found = _FLASK.search(text)
        if not found:
            continue
        where = f"{_module(path)}:{found['name']}"
        if _asks_for(folder, "gunicorn"):
            words = f"-m gunicorn {where} --bind {_ADDRESS}:{{port}}"
            return _draft(folder, "a Flask application", path, words)
        words = f"-m flask --app {where} run --host {_ADDRESS} --port {{port}}"
        hint = f"This is Flask's server for development; for more, gunicorn {where}"
        return _draft(folder, "a Flask application", path, words, hint)
    return None


def _sources(folder: Folder) -> Iterator[tuple[str, str]]:
    """Yield what may make the application: near the top, no test, and no project of its own."""
    for path, text in folder.ending(".py"):
        part, _, inner = path.removeprefix("src/").partition("/")
        own = any(f"{part}/{name}" in folder.files for name in REQUIREMENTS)
        if "/" not in inner and not own and not _SKIPPED.search(path):
            yield path, text


def _draft(folder: Folder, kind: str, why: str, words: str, *hints: str) -> Draft:
    service = DraftService(
        service_name(folder.name), f"{_python(folder)} {words}", why, hints=hints
    )
    return Draft(kind, (service,))


def _python(folder: Folder) -> str:
    """Return what runs the Python that has the project's packages."""
    found = folder.has(*(f"{place}/python" for place in VENVS))
    manager = next((run for lock, run in MANAGERS if lock in folder.files), "python3")
    return found or manager


def _module(path: str) -> str:
    """Return the module of a file, as the server imports it from the folder."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _asks_for(folder: Folder, package: str) -> bool:
    if any(f"{place}/{package}" in folder.files for place in VENVS):
        return True
    wanted = re.compile(rf"(^|[\s\"'\[,]){package}\b", re.MULTILINE | re.IGNORECASE)
    return any(wanted.search(folder.text(path)) for path in REQUIREMENTS)
