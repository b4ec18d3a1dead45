"""What workers find in their environment: exactly what the file says now, and secrets unseen."""

import contextlib
import json
import os
import signal

import helpers
import psutil
import pytest
from project import PYTHON

from webqx_supervisor.core.notify import LONGEST_STATUS

pytestmark = pytest.mark.timeout(120)
SLEEP = "sleep 1000"
HELLO = "hello-from-the-shell"
LONG = "pa55word-of-the-database"


def write(project, *lines, command=SLEEP, also=""):
    """Write one service without a port, whose keys are `lines`."""
    return project.write(
        "\n".join(["[services.api]", f"command = {json.dumps(command)}", *lines, also, ""])
    )


def environ(project):
    """Return the environment of the worker."""
    (worker,) = project.all_running(1)
    return psutil.Process(worker["pid"]).environ()


def secret(project, text=LONG, name="db"):
    path = project.folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def on_disk_and_in_answers(project):
    """Return all that the product has written, and all that it says about `api`."""
    files = [path for path in project.home.rglob("*") if path.is_file()]
    verbs = (("status",), ("describe", "api"), ("events",), ("why", "api"), ("logs",))
    said = [project.cli(*verb, "--json") for verb in verbs[:-1]]
    said += [project.run(*verb).stdout for verb in verbs]
    return "\n".join([*(path.read_bytes().decode(errors="replace") for path in files), *said])


def command_lines():
    """Return those of the machine, where others come and go meanwhile."""
    words = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words += process.cmdline()
    return " ".join(words)


ALL_FOUR = {
    "env": 'env = { GONE = "1", KEPT = "1" }',
    "env_file": 'env_file = "vars"',
    "secrets": 'secrets = { GONE = "file:db", KEPT = "file:db" }',
    "table": '[services.api.env.production]\nGONE = "1"\nKEPT = "1"',
}
WITHOUT = {
    "env": 'env = { KEPT = "1" }',
    "env_file": 'env_file = "vars"',
    "secrets": 'secrets = { KEPT = "file:db" }',
    "table": '[services.api.env.production]\nKEPT = "1"',
}


@pytest.mark.parametrize("source", ALL_FOUR)
def test_a_variable_that_is_removed_from_the_file_is_gone_at_the_next_apply(project, source):
    secret(project)
    (project.folder / "vars").write_text("GONE=1\nKEPT=1\n")
    chosen = ("--env", "production") if source == "table" else ()
    write(project, ALL_FOUR[source]).cli("start", *chosen)
    assert {"GONE", "KEPT"} <= environ(project).keys()
    (project.folder / "vars").write_text("KEPT=1\n")
    write(project, WITHOUT[source]).cli("apply")
    now = environ(project)
    assert "KEPT" in now
    assert "GONE" not in now


@pytest.mark.parametrize("key", ["env_inherit = false", 'env_inherit = ["PATH", "HEL*"]'])
def test_what_of_the_daemons_own_environment_is_passed_on(project, key):
    project.env |= {"HELLO": HELLO, "OTHER": "1"}
    write(project, key).cli("start")
    names = {name for name in environ(project) if not name.startswith("WEBQX_SV_")}
    assert names == ({"PATH", "HELLO"} if "HEL" in key else set())
    write(project).cli("apply")
    assert environ(project)["OTHER"] == "1"


def test_a_table_of_the_chosen_environment_wins_and_is_remembered(project):
    text = (
        'env.MODE = "plain"\nenv.SAME = "1"',
        '[services.api.env.production]\nMODE = "{service} in production"',
        '[services.api.env.staging]\nMODE = "staging"',
    )
    write(project, *text).cli("start", "--env", "production")
    now = environ(project)
    assert (now["MODE"], now["SAME"]) == ("api in production", "1")
    assert "production" not in now
    assert project.status()["daemon"]["environment"] == "production"
    assert "environment production" in project.cli("status")

    old = project.status()["daemon"]["pid"]
    os.kill(old, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0 and daemon(project) != old)
    project.cli("upgrade")
    project.cli("start")  # asks for none, so the one it runs with is right
    assert "changed since" not in project.run("start").stderr
    assert "does not follow the file" not in project.run("doctor").stdout
    printed = project.cli("startup", "systemd", "--print")
    assert "WEBQX_SV_ENV=production" in printed
    write(project, text[0].replace('"1"', '"2"'), *text[1:]).cli("apply")
    now = environ(project)
    assert (now["MODE"], now["SAME"]) == ("api in production", "2")

    project.cli("apply", "--env", "staging")
    assert environ(project)["MODE"] == "staging"
    assert "in environment `staging`" in project.cli("start", "--env", "production", code=1)
    project.cli("apply", "--env", "")
    assert environ(project)["MODE"] == "plain"
    assert project.status()["daemon"]["environment"] == ""


def daemon(project):
    return project.status()["daemon"]["pid"]


def test_an_environment_may_be_named_by_a_variable(project):
    project.env["WEBQX_SV_ENV"] = "production"
    tables = '[services.api.env.staging]\nMODE = "staging"'
    write(project, '[services.api.env.production]\nMODE = "production"', tables).cli("start")
    assert environ(project)["MODE"] == "production"
    assert "WEBQX_SV_ENV" not in environ(project)
    assert "environment: production" in project.cli("describe", "api")
    project.env["WEBQX_SV_ENV"] = "staging"
    project.cli("apply")  # which changes only what is asked for
    assert environ(project)["MODE"] == "production"
    assert "in environment `production`" in project.cli("start", code=1)


def test_an_environment_that_there_is_not_changes_nothing(project):
    write(project, '[services.api.env.production]\nMODE = "production"')
    for verb in ("check", "start"):
        said = project.cli(verb, "--env", "prodution", code=78)
        assert "did you mean `production`?; there is: production" in said
    assert project.processes() == []
    project.cli("start", "--env", "production")
    pids = project.pids()
    assert "there is: production" in project.cli("apply", "--env", "staging", code=78)
    assert project.pids() == pids
    assert project.status()["daemon"]["environment"] == "production"
    write(project)  # and now it has gone from the file
    assert "there is none" in project.cli("apply", code=78)
    project.cli("apply", "--env", "")


def test_a_secret_reaches_the_worker_and_is_nowhere_else(project):
    path = secret(project, f"{LONG}\n")
    script = project.folder / "says.py"
    script.write_text(
        "import os, sys, time\n"
        "print('the password is', os.environ['DB'], flush=True)\n"
        "print('on stderr', os.environ['DB'], file=sys.stderr, flush=True)\n"
        "open('told', 'w').write(os.environ['DB'])\n"
        "time.sleep(0 if os.path.exists('die') else 1000)\n"
        "sys.exit(os.environ['DB'])\n"
    )
    write(
        project,
        'secrets = { DB = "file:db" }',
        "hooks = { after_ready = \"sh -c 'echo hook $DB; exit 1'\" }",
        command=f"{PYTHON} {script}",
    ).cli("start")
    assert environ(project)["DB"] == LONG
    told = project.folder / "told"
    helpers.until(lambda: told.exists() and told.read_text() == LONG)
    helpers.until(lambda: "after_ready" in project.cli("events"))
    (project.folder / "die").touch()
    os.kill(project.pids()[0], signal.SIGTERM)  # a new one starts, and dies of its own will
    helpers.until(lambda: "on stderr ***" in project.run("why", "api").stdout)
    helpers.until(lambda: project.cli("logs").count("the password is ***") >= 2)
    everything = on_disk_and_in_answers(project)
    assert LONG not in everything
    assert str(path) in everything  # the place may be known
    assert LONG not in command_lines()


def test_what_a_worker_says_of_itself_is_shown_without_its_secret(project):
    secret(project, f"{LONG}\n")
    padding = "x" * (LONGEST_STATUS - len(LONG) // 2)  # the end of what is kept cuts it in two
    script = project.folder / "says.py"
    script.write_text(
        "import os, socket, time\n"
        "address = os.environ['NOTIFY_SOCKET'].replace('@', '\\0', 1)\n"
        "said = f\"STATUS=as {os.environ['DB']} {os.environ['PADDING']}{os.environ['DB']}\"\n"
        "with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:\n"
        "    notifier.sendto(f'{said}\\nREADY=1'.encode(), address)\n"
        "    time.sleep(1000)\n"
    )
    write(
        project,
        'secrets = { DB = "file:db" }',
        f'env = {{ PADDING = "{padding[: -len("as *** ")]}" }}',
        'ready = "notify"',
        command=f"{PYTHON} {script}",
    ).cli("start")
    assert project.workers()[0]["status_text"].startswith("as *** xxx")
    os.kill(daemon(project), signal.SIGKILL)  # it is remembered, too
    helpers.until(lambda: project.run("status").returncode == 0)
    assert 'says "as *** xxx' in project.run("status").stdout
    assert LONG[:8] not in on_disk_and_in_answers(project)


def test_a_rotated_secret_is_read_at_the_next_reload(project):
    path = secret(project)
    write(project, 'secrets = { DB = "file:db" }').cli("start")
    os.kill(daemon(project), signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    path.write_text("the second password\n")
    project.all_running(1)
    project.cli("reload", "api")
    assert environ(project)["DB"] == "the second password"
    assert "nothing to change" in project.cli("apply")


def test_an_adopted_workers_secret_is_masked_as_well(project):
    secret(project, 'a\ttab and "quotes" in it')
    script = "import os, sys\nfor line in open('pipe'): print(os.environ['DB'], flush=True)"
    os.mkfifo(project.folder / "pipe")
    project.write(
        "[services.api]\n"
        f"command = {json.dumps([PYTHON, '-c', script])}\n"
        'secrets = { DB = "file:db" }\n'
    ).cli("start")
    pids = project.pids()
    secret(project, "another one by now")
    old = daemon(project)
    os.kill(old, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0 and daemon(project) != old)
    assert project.pids() == pids
    with (project.folder / "pipe").open("w") as pipe:
        pipe.write("go\n")
        pipe.flush()
        helpers.until(lambda: "***" in project.cli("logs"))
    assert "quotes" not in on_disk_and_in_answers(project)


def test_a_secret_that_is_not_there_is_told_by_check_and_keeps_only_its_service_down(project):
    write(
        project,
        'secrets = { DB = "file:gone", OPEN = "file:open", PORT_OF = "env:HERE" }',
        also=f'[services.web]\ncommand = "{SLEEP}"',
    )
    (project.folder / "open").write_text(LONG)
    (project.folder / "open").chmod(0o644)
    warned = project.run("check")
    assert warned.returncode == 0
    place = "services.toml:3: services.api.secrets"
    assert f"{place}.DB: cannot read {project.folder}/gone: No such file" in warned.stderr
    assert f"{place}.OPEN: every user may read {project.folder}/open (mode 0644)" in warned.stderr
    said = project.cli("start", code=1)
    assert f"secret DB: cannot read {project.folder}/gone" in said
    project.all_running(1, "web")
    secret(project, name="gone")
    assert "secret PORT_OF: HERE is not set" in project.cli("start", code=1)
    assert LONG not in on_disk_and_in_answers(project)


def test_a_reload_without_its_secret_keeps_the_old_worker(project):
    path = secret(project)
    write(project, 'secrets = { DB = "file:db" }').cli("start")
    pids = project.pids()
    path.write_text("")
    assert f"secret DB: {path} is empty" in project.cli("reload", code=1)
    assert project.pids() == pids


def test_secrets_of_the_daemons_environment_and_of_systemd(project):
    folder = project.folder / "credentials"
    folder.mkdir()
    (folder / "token").write_text("credential of systemd\n")
    project.env |= {"CREDENTIALS_DIRECTORY": str(folder), "UPPER": LONG}
    write(project, 'secrets = { A = "cred:token", B = "env:UPPER" }', "env_inherit = false").cli(
        "start"
    )
    now = environ(project)
    assert (now["A"], now["B"]) == ("credential of systemd", LONG)
    assert "UPPER" not in now


def test_what_is_kept_on_the_disk_is_for_its_owner_alone(project):
    write(project, 'env = { TOKEN = "a value of env, which is kept" }').cli("start")
    state = project.state_dir()
    kept = [path for path in state.rglob("*") if path.is_file()]
    assert any("which is kept" in path.read_bytes().decode() for path in kept)
    assert {oct(path.stat().st_mode & 0o077) for path in (state, *kept)} == {"0o0"}


def test_a_wrong_table_is_told_with_its_line(project):
    write(
        project,
        'secrets = { TOKEN = "sk-live-1234567890", PIN = 12345678, ENV = "file:db" }',
        'env = { ENV = "1", NUMBER = 7, staging = { DEEP = { A = "1" }, N = 1 } }',
    )
    said = project.cli("check", code=78)
    place = "services.toml:3: services.api.secrets"
    assert f'{place}.TOKEN: wanted "file:PATH", "cred:NAME" or "env:NAME"' in said
    assert f"{place}.PIN: wanted" in said
    assert "sk-live" not in said
    assert "12345678" not in said
    place = "services.toml:4: services.api.env"
    assert f"{place}.NUMBER: wanted text, found the number 7" in said
    assert f"{place}.staging.DEEP: wanted text, found a table" in said
    assert f"{place}.staging.N: wanted text, found the number 1" in said
    write(project, 'secrets = { X = "file:db" }\nenv = { X = "1" }')
    assert "services.toml:3: services.api.secrets.X: `env` has" in project.cli("check", code=78)


def test_the_chosen_environment_may_say_what_is_a_secret_elsewhere(project):
    write(
        project, 'secrets = { DB = "file:gone" }', '[services.api.env.development]\nDB = "dev"'
    ).cli("start", "--env", "development")
    assert environ(project)["DB"] == "dev"


def test_where_an_environment_fits_one_service_alone_the_other_goes_on_as_it_was(project):
    text = "\n".join(
        f"[services.{name}]\ncommand = \"sh -c 'test $MODE = {mode} && exec sleep 1000'\"\n"
        f'ready = {{ command = "true" }}\nenv.MODE = "plain"\n[services.{name}.env.production]\n'
        'MODE = "production"'
        for name, mode in (("good", "$MODE"), ("old", "plain"))
    )
    project.write(text).cli("start")
    (kept,) = project.pids("old")
    said = project.cli("apply", "--env", "production", code=1)
    assert "good: reloaded" in said
    assert "old: reloaded" not in said
    assert "old could not be changed" in said
    before = daemon(project)
    os.kill(before, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.pids("old") == [kept]
    os.kill(kept, signal.SIGKILL)  # and what replaces it is as it was
    helpers.until(lambda: project.pids("old") not in ([kept], [None]))
    project.all_running(1, "old")
    assert project.status()["daemon"]["environment"] == "production"
