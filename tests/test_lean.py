"""What few need is not in the memory of a daemon that has never needed it."""

import subprocess
import sys

import pytest

FEW = {
    "psutil": "tells what /proc tells",
    "cronsim": "schedules",
    "zoneinfo": "the same",
    "email": "alerts by mail",
    "smtplib": "the same",
    "httpx": "alerts over HTTP",
    "difflib": "complaints",
    "tomllib": "a program of its own reads the file",
    "pydantic": "the same",
    "cryptography": "certificates",
    "opentelemetry": "spans; a program of its own sends them",
}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere psutil stands for /proc")
@pytest.mark.parametrize("program", ["keeper.main", "daemon.main", "proxy.main"])
def test_what_few_need_is_loaded_when_it_is_needed(program):
    code = f"import sys, webqx_supervisor.{program}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert FEW.keys() & set(done.stdout.split()) == set()
