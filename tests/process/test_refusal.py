import errno
import subprocess

import pytest

from webqx_supervisor.process.refusal import explain

ENV = {"PATH": "/nowhere:/bin"}


def refusal(command, cwd="/", env=ENV):
    """Return the words for what the kernel really answers."""
    with pytest.raises(OSError, match=r"^\[Errno") as caught:
        subprocess.Popen([command], cwd=cwd, env=env)
    return explain([command], str(cwd), env, caught.value)


@pytest.fixture
def script(tmp_path):
    def write(content, mode=0o755):
        path = tmp_path / "script"
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)

    return write


def test_a_program_that_is_in_no_folder_of_the_path():
    assert refusal("nodee") == "no program nodee in PATH (/nowhere:/bin)"


def test_a_program_named_by_its_path_that_is_not_there(tmp_path):
    text = refusal("./run.sh", cwd=tmp_path)
    assert text == f"the program ./run.sh does not exist (folder {tmp_path})"


def test_a_folder_that_does_not_exist(tmp_path):
    assert refusal("true", cwd=tmp_path / "gone") == f"the folder {tmp_path}/gone does not exist"


def test_a_folder_that_is_a_file(script):
    path = script(b"")
    assert refusal("true", cwd=path) == f"{path} is not a folder"


def test_a_program_without_the_right_to_execute(script):
    path = script(b"#!/bin/sh\n", mode=0o644)
    assert refusal(path) == f"{path} is not executable (chmod +x)"


def test_the_right_is_missing_on_a_program_found_in_the_path(script, tmp_path):
    path = script(b"#!/bin/sh\n", mode=0o644)
    assert refusal("script", env={"PATH": str(tmp_path)}) == f"{path} is not executable (chmod +x)"


def test_a_folder_as_a_program(tmp_path):
    assert refusal(str(tmp_path)) == f"{tmp_path} is a folder, not a program"


def test_an_interpreter_that_does_not_exist(script):
    path = script(b"#! /opt/no/python3 -u\nprint()\n")
    expected = f"{path} cannot be run: there is no /opt/no/python3, which its #! line names"
    assert refusal(path) == expected


def test_an_interpreter_line_with_windows_line_ends(script):
    path = script(b"#!/bin/sh\r\necho\r\n")
    assert refusal(path).startswith(f"{path} cannot be run: its #! line ends in a carriage return")


def test_an_interpreter_that_is_not_executable(script, tmp_path):
    interpreter = tmp_path / "interpreter"
    interpreter.touch(0o644)
    path = script(f"#!{interpreter}\n".encode())
    expected = f"{path} cannot be run: {interpreter} in its #! line is not executable"
    assert refusal(path) == expected


def test_a_file_that_is_no_program(script):
    path = script(b"just text\n")
    expected = f"{path} is neither a program of this machine nor a script with a #! line"
    assert refusal(path) == expected


def test_too_long_a_command_is_told_in_the_systems_words():
    error = OSError(7, "Argument list too long")
    assert explain(["sh"], "/", ENV, error) == "/bin/sh cannot be run: Argument list too long"


def test_a_folder_of_the_path_that_may_not_be_entered(monkeypatch, tmp_path):
    def closed(path):
        raise PermissionError(path)

    monkeypatch.setattr("pathlib.Path.exists", closed)
    monkeypatch.setattr("pathlib.Path.is_dir", closed)
    error = OSError(errno.EACCES, "Permission denied")
    told = explain(("node",), str(tmp_path), {"PATH": "/closed"}, error)
    assert told == "/closed/node is not executable (chmod +x)"
