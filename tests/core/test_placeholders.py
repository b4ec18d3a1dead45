from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.placeholders import fill


def filled(text, port=3002):
    return fill(text, service="api", instance=2, port=port)


def test_the_three_tokens_are_filled_in():
    assert filled("{service}-{instance} --port={port} {port}") == "api-2 --port=3002 3002"


def test_other_braces_are_text():
    json = '{"a": {"port": 1}, "b": "{prot}", "c": "{{}}", "d": "{ port }", "e": "${HOME}"}'
    assert filled(json) == json


def test_without_a_port_its_token_stays():
    assert filled("{port} {instance}", port=None) == "{port} 2"


def test_a_value_is_never_filled_in_again():
    assert fill("{service}", service="{port}", instance=1, port=1) == "{port}"


@given(st.text())
def test_text_without_braces_is_untouched(text):
    plain = text.replace("{", "")
    assert filled(plain) == plain
