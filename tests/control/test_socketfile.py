"""The control socket as a file."""

import os
import socket
import stat
from pathlib import Path

import pytest

from webqx_supervisor.control import socketfile
from webqx_supervisor.model.errors import WebqxError


def test_the_socket_is_for_its_owner_alone_whatever_the_umask(tmp_path):
    path = str(tmp_path / "control")
    before = os.umask(0)
    try:
        with socketfile.bind(path):
            assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_stale_socket_is_replaced(tmp_path):
    path = str(tmp_path / "control")
    socketfile.bind(path).close()
    with socketfile.bind(path), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(path)


def test_a_socket_that_somebody_answers_on_is_spared(tmp_path):
    path = str(tmp_path / "control")
    with socketfile.bind(path):
        with pytest.raises(WebqxError, match="already"):
            socketfile.bind(path)
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(path)


def test_a_file_that_is_no_socket_is_spared(tmp_path):
    path = tmp_path / "control"
    path.write_text("precious")
    with pytest.raises(WebqxError, match="not a socket"):
        socketfile.bind(str(path))
    assert path.read_text() == "precious"


def test_a_bound_socket_has_an_identity_and_nothing_has_none(tmp_path):
    path = str(tmp_path / "control")
    assert socketfile.identity(path) is None
    with socketfile.bind(path):
        found = Path(path).stat()
        assert socketfile.identity(path) == (found.st_dev, found.st_ino)
