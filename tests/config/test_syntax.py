import pytest

from webqx_supervisor.config.syntax import load
from webqx_supervisor.model.errors import ConfigError


def complaint(text):
    with pytest.raises(ConfigError) as caught:
        load(text, "services.toml")
    return str(caught.value)


def test_toml_becomes_tables():
    assert load("[a]\nb = 1\r\n", "services.toml") == {"a": {"b": 1}}


def test_a_syntax_error_names_its_line():
    assert complaint("a = 1\nb 2\n") == (
        "services.toml:2: not TOML: expected '=' after a key in a key/value pair"
    )


def test_a_key_that_stands_twice_names_the_second_line():
    assert complaint("a = 1\na = 2\n").startswith("services.toml:2: not TOML: cannot overwrite")


def test_an_error_at_the_end_of_the_file_names_its_last_line():
    assert complaint("a = 1\nb = [\n\n").startswith("services.toml:2: not TOML: ")


def test_endless_nesting_is_an_error_and_no_crash():
    assert complaint("a = " + "[" * 100_000).startswith("services.toml: nested too deeply")


def test_adding_to_an_inline_table_is_answered_with_what_to_write():
    said = complaint('[a]\nenv = { X = "1" }\n[a.env.production]\nX = "2"\n')
    assert said.startswith("services.toml:3: not TOML: cannot declare")
    assert said.endswith("nothing can be added: write it as a [table] too")
