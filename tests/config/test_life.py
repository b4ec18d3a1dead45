import pytest

from webqx_supervisor.config import life


@pytest.mark.parametrize("text", ["@daily", "0 4 * * *", "*/10 * * * * *", "0 0 L * *"])
def test_cron_expressions_are_taken_as_they_are(text):
    assert life.cron_expression(text) == text


def test_a_wrong_cron_expression_is_told_with_the_field_that_is_wrong():
    with pytest.raises(
        ValueError, match=r'like "0 4 \* \* \*".*found the text "0 25 \* \* \*": bad hour'
    ):
        life.cron_expression("0 25 * * *")


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "/etc/passwd", "../x", "CEST+\0"])
def test_an_unknown_time_zone_is_told(name):
    with pytest.raises(ValueError, match="wanted a time zone"):
        life.time_zone(name)


def test_the_zone_of_the_machine_is_that_of_tz_where_it_has_a_name(monkeypatch):
    monkeypatch.setenv("TZ", ":America/New_York")
    assert life.local_zone() == "America/New_York"
    monkeypatch.setenv("TZ", "nowhere")
    assert life.time_zone(life.local_zone())
