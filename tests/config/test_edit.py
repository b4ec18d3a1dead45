import tomllib

import pytest

from webqx_supervisor.config.edit import set_instances
from webqx_supervisor.model.errors import WebqxError

TEXT = """\
# the clinic
[services.api]
command = "node a.js"   # the API
instances = 2           # one a core

[services.bot]
command = "sleep 1"
"""


def test_only_the_number_changes():
    assert set_instances(TEXT, "api", 12) == TEXT.replace("= 2  ", "= 12  ")


def test_a_missing_key_is_added_to_its_service():
    edited = set_instances(TEXT, "bot", 3)
    assert edited.startswith(TEXT)
    assert tomllib.loads(edited)["services"]["bot"] == {"command": "sleep 1", "instances": 3}


@pytest.mark.parametrize("text", ["[services", "[services.web]\n", ""])
def test_what_cannot_be_edited_is_said(text):
    with pytest.raises(WebqxError, match="instances of api"):
        set_instances(text, "api", 2)
