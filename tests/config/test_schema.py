import dataclasses

import pytest

from webqx_supervisor.config import schema
from webqx_supervisor.config.clients import Trust
from webqx_supervisor.model import gateway, service


@pytest.mark.parametrize(
    ("section", "value"),
    [
        (schema.Health(), service.Health()),
        (schema.Stop(), service.Stop()),
        (schema.Restart(), service.RestartPolicy()),
        (schema.Logs(), service.Logs()),
        (schema.Forward(), gateway.Forwarding()),
    ],
)
def test_a_section_has_the_keys_and_defaults_of_the_value_it_becomes(section, value):
    assert section.model_dump() == {
        field.name: getattr(value, field.name) for field in dataclasses.fields(value)
    }


def test_a_listener_has_the_limits_of_the_model():
    listener = schema.Listener.model_validate({"bind": 80})
    limits = listener.model_dump(exclude={"bind", "protocol", *Trust.model_fields})
    assert gateway.Limits(**limits) == gateway.Limits()


def tables(spec):
    """All tables of the JSON Schema."""
    return [spec, *(kind for kind in spec["$defs"].values() if kind["type"] == "object")]


def test_every_key_has_one_sentence():
    for table in tables(schema.json_schema()):
        for key, spec in table["properties"].items():
            text = spec.get("description") or "$ref" in spec
            assert text, f"{table['title']}.{key}"


def test_the_json_schema_knows_no_value_that_toml_cannot_write():
    assert "null" not in str(schema.json_schema()).lower()
    assert "None" not in str(schema.json_schema())


def test_the_json_schema_allows_no_unknown_key():
    for table in tables(schema.json_schema()):
        assert table["additionalProperties"] is False


def test_a_default_is_written_as_in_the_file():
    defs = schema.json_schema()["$defs"]
    assert defs["Restart"]["properties"]["first_delay"]["default"] == "200ms"
    assert defs["Logs"]["properties"]["max_size"]["default"] == "50M"
