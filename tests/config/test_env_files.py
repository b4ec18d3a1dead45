import os

from webqx_supervisor.config.env_files import read_env_files
from webqx_supervisor.config.services_toml import read_file


def read_all(**files):
    return read_env_files(list(files), files.__getitem__)


def test_lines_become_variables():
    text = "# comment\nA=1\nexport B='x y' # why\nC=\"two\nlines\"\nD=\nE\n"
    assert read_all(env=text) == ({"A": "1", "B": "x y", "C": "two\nlines", "D": ""}, [])


def test_a_later_file_wins():
    assert read_all(one="A=1\nB=1", two="A=2")[0] == {"A": "2", "B": "1"}


def test_a_value_is_taken_literally():
    text = "A=$1${HOME}\nB='${A}'\nC=\"${A:-x}\""
    assert read_all(env=text)[0] == {"A": "$1${HOME}", "B": "${A}", "C": "${A:-x}"}


def test_the_environment_of_this_process_stays_as_it_is():
    before = dict(os.environ)
    read_all(env="WEBQX_SV_TEST_ENV_FILE=1")
    assert dict(os.environ) == before


def test_a_line_that_is_none_is_told_and_the_others_are_read():
    assert read_all(env="A=1\n\n# two\n = 2\nB=3") == (
        {"A": "1", "B": "3"},
        ["env:4: not a NAME=value line"],
    )


def test_what_no_environment_can_hold_is_told():
    values, complaints = read_all(env="A=1\0\n'B=C'=2\nD=3")
    assert values == {"D": "3"}
    assert complaints == [
        "env:1: a NUL character cannot be handed to a program",
        "env:2: an environment variable's name is not empty and holds no `=`",
    ]


def test_every_file_that_cannot_be_read_is_told_with_its_reason(tmp_path):
    (tmp_path / "latin").write_bytes(b"A=\xff")
    (tmp_path / "folder").mkdir()
    names = ["gone", "latin", "folder"]
    _, complaints = read_env_files([str(tmp_path / name) for name in names], read_file)
    assert complaints == [
        f"cannot read {tmp_path}/gone: No such file or directory",
        f"cannot read {tmp_path}/latin: not UTF-8 text",
        f"cannot read {tmp_path}/folder: Is a directory",
    ]
