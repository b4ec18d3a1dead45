"""The command as a whole: words, exit codes, colours, and how much it imports."""

import json
import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner

from webqx_supervisor.cli.main import HOMES, main

STATUS = {
    "daemon": {"pid": 1, "version": "0", "uptime_s": 1, "name": "x", "file": "/x"},
    "proxies": [],
    "services": [{"name": "a", "state": "FATAL", "instances": 1, "workers": [], "listen": []}],
}

TOO_HEAVY = {
    *("trio", "pydantic", "httpx", "psutil", "tomlkit", "dotenv", "asyncio", "subprocess"),
    *("webqx_supervisor.daemon", "webqx_supervisor.proxy", "webqx_supervisor.config.schema"),
}


@pytest.mark.parametrize("verb", HOMES)
def test_every_verb_explains_itself(verb):
    result = CliRunner().invoke(main, [verb, "--help"])

    assert result.exit_code == 0
    assert f"{verb} [OPTIONS]" in result.output
    reads_no_file = verb in ("completion", "hash-password", "audit", "ps")
    assert ("--config FILE" in result.output) != reads_no_file


def test_help_lists_all_verbs_in_their_order():
    lines = CliRunner().invoke(main, ["--help"]).output.partition("Commands:\n")[2].splitlines()

    assert [line.split()[0] for line in lines] == list(HOMES)


@pytest.mark.parametrize(
    "words", [["strat"], ["status", "--jsno"], ["scale", "api"], ["logs", "-n-1"]]
)
def test_wrong_words_exit_2(words):
    assert CliRunner().invoke(main, words).exit_code == 2


def test_status_imports_next_to_nothing(daemon, file):
    daemon.answers["GET", "/status"] = (200, STATUS)
    program = (
        "import sys; from webqx_supervisor.cli.main import main\n"
        f"main(['status', '--json', '-c', {str(file)!r}], standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == STATUS
    assert not TOO_HEAVY & set(done.stderr.split())


def on_a_terminal(file, **env):
    """Return what `status` writes to a terminal."""
    ours, its = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "webqx_supervisor", "status", "-c", str(file)],
        stdout=its,
        env={**os.environ, "TERM": "xterm", **env},
        check=True,
    )
    os.close(its)
    with os.fdopen(ours, "rb") as terminal:
        assert done.returncode == 0
        return terminal.read1(65536)


def test_colours_are_for_terminals(daemon, file):
    daemon.answers["GET", "/status"] = (200, STATUS)

    assert b"\x1b[31mFATAL" in on_a_terminal(file)


def test_no_color_is_honoured(daemon, file):
    daemon.answers["GET", "/status"] = (200, STATUS)

    shown = on_a_terminal(file, NO_COLOR="1")

    assert b"FATAL" in shown
    assert b"\x1b" not in shown
