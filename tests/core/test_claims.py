"""core/claims.py: what the worker is told of a token."""

import json
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.claims import field_value, find, scopes

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(anything)
def test_whatever_a_claim_says_makes_one_harmless_value(value):
    said = field_value(value)
    if said is not None:
        assert said.isascii()
        assert said.isprintable() or not said
        assert said == said.strip()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_can_be_had_back(text):
    assert unquote(field_value(text)) == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_and_so_can_lists_of_it(texts):
    assert [unquote(each) for each in field_value(texts).split(",")] == texts


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("ada", "ada"),
        ("Ada, Countess", "Ada, Countess"),
        ("a\r\nX-Admin: 1", "a%0D%0AX-Admin: 1"),
        ("Zoë", "Zo%C3%AB"),
        ("100%", "100%25"),
        (["a", "b,c"], "a,b%2Cc"),
        (7, "7"),
        (True, "true"),
        ({"a": 1}, '{"a":1}'),
        ([], ""),
        (None, None),
        ("\ud800", "%3F"),
    ],
)
def test_what_a_field_says_of_a_claim(value, said):
    assert field_value(value) == said


def test_a_name_as_it_stands_goes_before_a_path():
    assert find({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert find({"a": {"b": {"c": 3}}}, "a.b.c") == 3
    assert find({"a": "text"}, "a.b") is None
    assert find({}, "a") is None


def test_scopes_are_granted_by_either_name():
    assert scopes({"scope": "a  b", "scp": ["c", 5]}) == {"a", "b", "c"}
    assert scopes({"scope": json.loads("{}")}) == frozenset()
