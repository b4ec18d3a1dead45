"""`check`, on real files."""

import json


def test_a_right_file_is_summed_up(file, run):
    result = run("check")

    assert result.exit_code == 0
    assert result.stdout == f"{file} is right: 1 service, 2 workers, 1 listener, 1 route\n"


def test_every_problem_is_named_with_its_line(file, run):
    file.write_text('[services.api]\ncommand = "true"\ninstnaces = 2\nport = "x"\n')

    result = run("check")

    assert result.exit_code == 78
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{file}:3: services.api.instnaces: ")
    assert second.startswith(f"{file}:4: services.api.port: ")


def test_problems_as_json_are_alone_on_stdout(file, run):
    file.write_text('[services.api]\ncommand = "true"\ninstnaces = 2\n')

    result = run("check", "--json")

    assert result.exit_code == 78
    (problem,) = json.loads(result.stdout)["problems"]
    assert (problem["line"], problem["key"]) == (3, "services.api.instnaces")


def test_a_missing_program_is_a_warning(file, run):
    file.write_text('[services.api]\ncommand = "no-such-program-anywhere"\n')

    result = run("check")

    assert result.exit_code == 0
    assert "is right" in result.stdout
    assert result.stderr.startswith(f"warning: {file}:2: services.api.command: ")
    assert len(json.loads(run("check", "--json").stdout)["warnings"]) == 1


def test_a_missing_file_exits_78(file, run):
    file.unlink()

    result = run("check")

    assert result.exit_code == 78
    assert str(file) in result.stderr
