"""What is not written down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.redaction import GONE, PathRedactor, arguments


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/patients/77", "/patients/*"),
        ("/patients/77/", "/patients/*/"),
        ("/patients/77/visits/8", "/patients/*/visits/*"),
        ("/patients/77/notes/8", "/patients/*/notes/8"),
        ("/patients", "/patients"),
        ("/patients/", "/patients/"),
        ("/doctors/77", "/doctors/77"),
        ("//patients//77", "/patients/*"),
        ("/PATIENTS/77", "/PATIENTS/*"),
        ("/patients;v=1/77;x=2", "/patients;v=1/*"),
        ("/files/a/b/c", "/files/**"),
        ("/files", "/files"),
        ("/", "/"),
    ],
)
def test_what_stands_at_a_star_is_not_shown(path, shown):
    patterns = ["/patients/*", "/patients/*/visits/*", "/files/**"]
    assert PathRedactor(patterns).redacted(path) == shown


@given(st.text("ab1/;=", max_size=20), st.integers(0, 3))
def test_no_id_ever_shows(tail, slashes):
    path = "/patients" + "/" * (slashes + 1) + "4711" + "/" * slashes + tail
    assert "4711" not in PathRedactor(["/patients/*"]).redacted(path)


def test_without_patterns_a_path_is_as_it_is():
    assert PathRedactor([]).redacted("//a//b/") == "//a//b/"


def test_secrets_among_arguments_are_not_shown():
    said = {"service": "api", "token": "x", "api_key": "y", "inner": [{"password": "z", "n": 1}]}
    assert arguments(said) == {
        "service": "api",
        "token": GONE,
        "api_key": GONE,
        "inner": [{"password": GONE, "n": 1}],
    }
