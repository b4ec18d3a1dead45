"""The keys of the audit log, right and wrong."""

import pytest

from webqx_supervisor.config.audit_table import read_policy
from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.audit import AccessAudit, Audit, OnFailure
from webqx_supervisor.model.errors import ConfigError

API = "[services.api]\ncommand = 'x'\nport = 3001\nlisten = 3000\n"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "services.toml"


def read(file, text):
    file.write_text(text)
    return parse(text, str(file), 1)


def key(file, name="audit.key", text="ab" * 32, mode=0o600):
    path = file.with_name(name)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_without_a_word_there_is_none(file):
    config = read(file, API)
    assert config.audit is None
    assert config.routes[0].filters.audit is None


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("true", AccessAudit()),
        ("false", None),
        ('"path"', AccessAudit(("path",))),
        ('["client", "/patients/*"]', AccessAudit(("client", "/patients/*"))),
        ('{ subject = "a.b" }', AccessAudit(subject="a.b")),
        ('{ on_failure = "refuse" }', AccessAudit(on_failure=OnFailure.REFUSE)),
    ],
)
def test_a_short_form_stands_for_a_table(file, written, wanted):
    config = read(file, f"{API}audit = {written}\n")
    assert config.routes[0].filters.audit == wanted
    assert config.audit == (Audit() if wanted is not None else None)


def test_paths_are_seen_from_the_file(file):
    key(file), key(file, "b.key")
    text = '[audit]\nfolder = "a"\nkey_file = "audit.key"\nencryption_key_file = "b.key"\n'
    policy = read(file, text).audit
    assert policy.folder == str(file.parent / "a")
    assert policy.key_file == str(file.parent / "audit.key")
    assert read_policy(file) == policy


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('["clientt"]', "did you mean `client`"),
        ('["/patients"]', "a pattern with `*`"),
        ('["/a*/b"]', "a pattern with `*`"),
        ('["/a/**/b"]', "a pattern with `*`"),
        ('{ on_failure = "no" }', "refuse"),
        ('{ subject = "" }', ""),
        ("3", ""),
    ],
)
def test_what_is_wrong_of_a_route_is_named(file, written, message):
    with pytest.raises(ConfigError) as failed:
        read(file, f"{API}audit = {written}\n")
    (problem,) = failed.value.problems
    assert problem.line == 5
    assert message in problem.message


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ("ab" * 32, 0o640, "others may read"),
        ("ab" * 31, 0o600, "wanted a key of 32 bytes"),
        ("", 0o600, "wanted a key of 32 bytes"),
        ("not a secret!", 0o600, "wanted a key of 32 bytes"),
    ],
)
def test_a_file_that_is_no_key_is_named_and_never_shown(file, text, mode, message):
    key(file, text=text, mode=mode)
    with pytest.raises(ConfigError) as failed:
        read(file, '[audit]\nmax_age = "1d"\nkey_file = "audit.key"\n')
    (problem,) = failed.value.problems
    assert (problem.line, problem.key) == (3, "audit.key_file")
    assert message in problem.message
    assert not text or text not in problem.message


def test_a_key_that_is_not_there_is_named(file):
    with pytest.raises(ConfigError, match="cannot be read"):
        read(file, '[audit]\nkey_file = "audit.key"\n')


def test_one_key_is_not_for_two_ends(file):
    key(file)
    with pytest.raises(ConfigError, match="one key for two ends"):
        read(file, '[audit]\nkey_file = "audit.key"\nencryption_key_file = "audit.key"\n')


def test_base64_is_a_key_as_well(file):
    key(file, text="q" * 43 + "=")
    assert read(file, '[audit]\nkey_file = "audit.key"\n').audit is not None


def test_tcp_has_no_requests_to_record(file):
    text = API.replace("3000", '{ bind = 3000, protocol = "tcp" }')
    with pytest.raises(ConfigError, match="no meaning for a service behind tcp"):
        read(file, f"{text}audit = true\n")


def test_what_is_wrong_elsewhere_keeps_nobody_from_reading_the_log(file):
    file.write_text("[audit]\nmax_age = '1d'\n[services.api]\nbad = 1\n")
    assert read_policy(file).max_age == 86400
    file.write_text("[audit]\nmax_age = 3\n")
    with pytest.raises(ConfigError, match=r"services\.toml:2"):
        read_policy(file)
