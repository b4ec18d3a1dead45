import os

import pytest

from webqx_supervisor.config.secretfile import LONGEST, NoSecret, exposed, read_secret


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "secret"
    path.touch(0o600)
    return path


def read(path):
    return read_secret(f"file:{path}", {})


def reason(where, environ=None):
    with pytest.raises(NoSecret) as caught:
        read_secret(where, environ or {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (b"abc", "abc"),
        (b"abc\n", "abc"),
        (b"abc\r\n", "abc"),
        (b"abc\n\n", "abc\n"),
        (b" a b ", " a b "),
        ("schlüssel".encode(), "schlüssel"),
    ],
)
def test_a_file_is_read_as_it_is_but_for_one_line_end(place, written, value):
    place.write_bytes(written)
    assert read(place) == value


def test_what_is_no_text_reaches_the_worker_as_it_is(place):
    place.write_bytes(b"\xff\x80x")
    assert os.fsencode(read(place)) == b"\xff\x80x"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"se\0cret", "holds a NUL"),
        (b"secret" * LONGEST, "holds more than 64 KiB"),
    ],
)
def test_what_cannot_be_a_secret_is_told_without_it(place, written, why):
    place.write_bytes(written)
    said = reason(f"file:{place}")
    assert why in said
    assert "cret" not in said.replace(str(place), "")


def test_what_is_not_there_is_told(tmp_path):
    assert (
        reason(f"file:{tmp_path}/gone") == f"cannot read {tmp_path}/gone: No such file or directory"
    )
    assert "cannot read" in reason(f"file:{tmp_path}")
    os.mkfifo(tmp_path / "fifo")
    assert reason(f"file:{tmp_path}/fifo").endswith("not a file")


def test_a_file_that_every_user_may_write_is_refused(place):
    place.write_text("secret")
    place.chmod(0o606)
    assert "every user may write to it (mode 0606)" in reason(f"file:{place}")


def test_a_file_that_every_user_may_read_is_named(place):
    assert exposed(str(place)) == ""
    place.chmod(0o640)
    assert exposed(str(place)) == ""
    place.chmod(0o644)
    assert exposed(str(place)) == f"every user may read {place} (mode 0644); chmod o-r"
    assert exposed("/no/such/file") == ""


def test_credentials_of_systemd_and_variables(place):
    environ = {"CREDENTIALS_DIRECTORY": str(place.parent), "TOKEN": "abc"}
    place.write_text("of systemd\n")
    assert read_secret("cred:secret", environ) == "of systemd"
    assert read_secret("env:TOKEN", environ) == "abc"
    assert "systemd sets no CREDENTIALS_DIRECTORY" in reason("cred:secret")
    assert "OTHER is not set" in reason("env:OTHER", environ)
