import json
import subprocess
import sys
from pathlib import Path

from webqx_supervisor.config.compiler import compile_file
from webqx_supervisor.config.schema import Service
from webqx_supervisor.model.codec import from_plain
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import Problem

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "webqx_supervisor.config", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_answer_is_one_line_that_becomes_the_same_config(tmp_path):
    file = tmp_path / "services.toml"
    file.write_text(
        "[services.a]\ncommand = 'x'\nport = 3001\nlisten = 3000\n[services.a.env]\nU = 'ü'"
    )
    done = run(str(file))
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert from_plain(Config, json.loads(done.stdout)["config"]) == compile_file(file)


def test_a_wrong_file_gives_its_problems_and_78(tmp_path):
    file = tmp_path / "services.toml"
    file.write_text("[services.a]\nx = 1")
    done = run(str(file))
    assert (done.returncode, done.stderr) == (78, "")
    assert [from_plain(Problem, plain) for plain in json.loads(done.stdout)["problems"]] == [
        Problem(str(file), 1, "services.a.command", "is missing"),
        Problem(
            str(file),
            2,
            "services.a.x",
            f"unknown key; known here: {', '.join(Service.model_fields)}",
        ),
    ]


def test_without_a_file_it_says_what_it_wants():
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")
