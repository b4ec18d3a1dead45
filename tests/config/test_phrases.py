from datetime import date

import pytest

from webqx_supervisor.config.phrases import did_you_mean, found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (False, "false"),
        (3, "the number 3"),
        (1.5, "the number 1.5"),
        ("x", 'the text "x"'),
        ("x" * 41, f'the text "{"x" * 40}..."'),
        ([1], "a list"),
        ({}, "a table"),
        (date(2026, 1, 1), "a date or time"),
    ],
)
def test_a_value_is_named_as_in_a_sentence(value, expected):
    assert found(value) == expected


def test_the_nearest_word_is_offered():
    assert did_you_mean("prot", ["path", "port", "part"]) == "; did you mean `port`?"


def test_nothing_is_offered_where_nothing_is_near():
    assert did_you_mean("xyz", ["path", "port"]) == ""
