"""OpenSSL is loaded by who speaks TLS, and by nobody else."""

import subprocess
import sys

import pytest


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("program", ["keeper.main", "daemon.main", "proxy.main", "cli.main"])
def test_no_program_loads_it_to_begin_with(program: str) -> None:
    code = f"import sys, webqx_supervisor.{program}; print({{'_ssl', '_hashlib'}} & vars_of(sys))"
    code = "vars_of = lambda sys: {n for n, m in sys.modules.items() if m is not None}\n" + code
    assert run(code) == "set()"


def test_who_speaks_tls_gets_all_of_it() -> None:
    code = (
        "import webqx_supervisor, trio, ssl, sys; from ssl import SSLError;"
        "context = ssl.create_default_context();"
        "import ssl as again; print(again.SSLError is SSLError is ssl.SSLError,"
        " type(context) is ssl.SSLContext, '_ssl' in sys.modules)"
    )
    assert run(code) == "True True True"


def test_who_looks_at_all_modules_does_not_load_it() -> None:
    code = (
        "import webqx_supervisor, sys;"
        "[getattr(m, '__file__', None) for m in list(sys.modules.values())];"
        "print('_ssl' in sys.modules)"
    )
    assert run(code) == "False"


def test_a_digest_is_the_same_without_it() -> None:
    code = "import webqx_supervisor, hashlib; print(hashlib.new('sha256', b'abc').hexdigest())"
    assert run(code) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
