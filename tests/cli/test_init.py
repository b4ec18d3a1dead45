"""The verb `init`: what it writes is right, its ports are free, and nothing is overwritten."""

import socket
import tomllib

import pytest
from click.testing import CliRunner

from webqx_supervisor.cli import init as module
from webqx_supervisor.cli.main import main
from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.process import portowner


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*words, code=0):
    done = CliRunner().invoke(main, ["init", *words])
    assert done.exit_code == code, done.output
    return done.output


def test_a_project_gets_its_file(folder):
    (folder / "Procfile").write_text('web: python3 -c "x" $PORT\njobs: sleep 1\n')
    said = init()
    text = (folder / "services.toml").read_text()
    config = parse(text, str(folder / "services.toml"), 4)
    assert [service.name for service in config.services] == ["web", "jobs"]
    assert config.services[0].command == ("python3", "-c", "x", "{port}")
    assert "recognised a Procfile" in said
    assert "start" in said


def test_what_is_there_stays(folder):
    (folder / "services.toml").write_text("mine")
    (folder / "index.html").touch()
    assert "there already" in init(code=1)
    assert "[listeners.site]" in init("--print")
    (folder / "services.toml").unlink()
    (folder / "services.toml").symlink_to("gone")
    assert "there already" in init(code=1)
    assert (folder / "services.toml").is_symlink()


def test_printing_writes_nothing(folder):
    (folder / "index.html").touch()
    assert tomllib.loads(init("--print"))["routes"] == [
        {"listener": "site", "files": {"folder": "."}}
    ]
    assert not (folder / "services.toml").exists()


def test_a_file_elsewhere_means_the_folder_there(folder):
    (folder / "app").mkdir()
    (folder / "app" / "index.html").touch()
    init("-c", "app/other.toml")
    assert (folder / "app" / "other.toml").exists()


def test_nothing_recognised(folder):
    said = init(code=1)
    assert "package.json" in said
    assert "--command" in said
    assert 'command = "sleep 100"' in init("--command", "sleep 100", "--print")


def test_a_front_end_that_is_not_built(folder):
    (folder / "package.json").write_text('{"devDependencies": {"vite": "6"}}')
    assert "npm run build" in init(code=1)


def test_a_program_that_is_missing_is_told(folder):
    assert "no-such-program" in init("--command", "no-such-program")


def test_ports_that_are_taken_are_passed_by(folder, monkeypatch):
    monkeypatch.setattr(portowner, "is_free", lambda port: port not in (3000, 3002))
    (folder / "Procfile").write_text("web: true\nadmin: true $PORT\n")
    written = tomllib.loads(init("--print"))["services"]
    assert (written["web"]["listen"], written["admin"]["listen"]) == (3001, 3003)
    assert (written["web"]["port"], written["admin"]["port"]) == (3004, 3006)


def test_a_port_that_somebody_has_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not portowner.is_free(taken.getsockname()[1])


def test_no_ports_at_all(folder, monkeypatch):
    monkeypatch.setattr(portowner, "is_free", lambda _: False)
    assert "no 1 free ports" in init("--command", "true", code=1)


def test_a_text_that_would_be_wrong_is_not_written(folder):
    said = init("--command", "true 'unbalanced", code=1)
    assert "is not written" in said
    assert not (folder / "services.toml").exists()


def test_a_folder_that_is_not_there(folder):
    assert "no folder" in init("--command", "true", "-c", "no/such/folder/x.toml", code=1)


def test_a_name_that_cannot_be_written(folder):
    name = f"{'x' * 300}.toml"
    assert "cannot write" in init("--command", "true", "-c", name, code=1)


def test_a_repository_for_many(folder):
    (folder / "apps" / "api" / "app").mkdir(parents=True)
    (folder / "apps" / "api" / "app" / "main.py").write_text("app = FastAPI()\n")
    assert 'cwd = "apps/api"' in init("--print")


def test_what_is_large_or_no_text_is_passed_by(folder):
    (folder / "a.py").write_bytes(b"app = FastAPI()\n\xff")
    (folder / "b.py").write_text("app = FastAPI()\n" + "#" * module.LARGEST_TEXT)
    (folder / "node_modules" / "x").mkdir(parents=True)
    (folder / "node_modules" / "x" / "index.html").touch()
    init(code=1)


def test_programs_of_a_virtual_environment_are_seen(folder):
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").touch()
    (folder / "main.py").write_text("app = FastAPI()\n")
    assert ".venv/bin/python -m uvicorn main:app" in init("--print")
