from pathlib import Path

import pytest

from webqx_supervisor.config.names import checked_name, default_daemon_name


@pytest.mark.parametrize("name", ["a", "api-2", "A_b", "0", "x" * 100])
def test_a_plain_word_is_a_name(name):
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "a/b", "..", "a.b", "é", "a\n", "x" * 101])
def test_what_could_hurt_in_a_path_or_a_log_line_is_no_name(name):
    with pytest.raises(ValueError, match=r"^a name is "):
        checked_name(name)


def test_a_daemon_is_named_after_its_folder_and_a_hash_of_its_files_path():
    name = default_daemon_name(Path("/srv/clinic/services.toml"))
    assert name.startswith("clinic-")
    assert len(name) == len("clinic-") + 6
    assert name != default_daemon_name(Path("/srv/clinic/other.toml"))
    assert name != default_daemon_name(Path("/opt/clinic/services.toml"))
    assert name == default_daemon_name(Path("/srv/clinic/services.toml"))


@pytest.mark.parametrize("folder", ["/", "/my app/", "/.hidden/", "/ü/", f"/{'x' * 200}/", "/-_/"])
def test_the_name_from_any_folder_is_a_name(folder):
    name = default_daemon_name(Path(folder, "services.toml"))
    assert checked_name(name) == name
