"""What is sent."""

import json

from webqx_supervisor.core.alerting import forms
from webqx_supervisor.core.alerting.alarms import Finding, Notice, Turn
from webqx_supervisor.core.alerting.forms import Message
from webqx_supervisor.model.alerts import Condition

DOWN = Notice(Turn.BEGINS, Finding(Condition.DOWN, "api", "<no worker> & no port"), 45296.0, 30.0)
OVER = Notice(Turn.IS_OVER, Finding(Condition.CRASH_LOOP, "web:2", "exit 1"), 45300.0, 3700.0)


def test_the_title_names_the_first_and_counts_the_others():
    assert Message("clinic", (DOWN,)).title == "[clinic] ALERT api down"
    assert Message("clinic", (OVER, DOWN)).title == "[clinic] OVER web:2 crash loop and 1 more"


def test_a_line_for_each():
    assert Message("clinic", (DOWN, OVER), dropped=3).text.splitlines() == [
        "12:34:56Z  ALERT  api  down: <no worker> & no port",
        "12:35:00Z  OVER  web:2  crash loop: exit 1, for 1 h 1 min",
        "3 older ones were left out",
    ]


def test_json_says_it_for_programs():
    plain = forms.as_json(Message("clinic", (DOWN, OVER)))
    assert plain["status"] == "firing"
    assert plain["alerts"][0] == {
        "status": "firing",
        "repeated": False,
        "condition": "down",
        "subject": "api",
        "text": "<no worker> & no port",
        "at": 45296.0,
        "for_s": 30.0,
    }
    assert forms.as_json(Message("clinic", (OVER,)))["status"] == "resolved"
    assert json.loads(json.dumps(plain)) == plain


def test_what_a_text_holds_calls_nobody_at_slack_and_discord():
    message = Message("clinic", (DOWN,))
    assert "&lt;no worker&gt; &amp; no port" in forms.slack(message)["text"]
    assert forms.discord(message)["allowed_mentions"] == {"parse": []}


def test_long_messages_are_cut_to_what_is_taken():
    message = Message("clinic", (DOWN,) * 200)
    assert len(forms.discord(message)["content"]) == forms.DISCORD_LIMIT
    assert len(forms.ntfy(message, "t")["message"]) == forms.TEXT_LIMIT


def test_ntfy_shows_whether_it_is_over():
    assert forms.ntfy(Message("clinic", (DOWN,)), "t")["priority"] == 4
    over = forms.ntfy(Message("clinic", (OVER,)), "t")
    assert (over["topic"], over["priority"], over["tags"]) == ("t", 3, ["white_check_mark"])
