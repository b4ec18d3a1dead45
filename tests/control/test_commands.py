"""The table of commands holds together."""

from webqx_supervisor.control.commands import COMMANDS, methods


def test_no_two_commands_share_a_verb_or_a_request():
    assert len({command.verb for command in COMMANDS}) == len(COMMANDS)
    assert len({(command.method, command.path) for command in COMMANDS}) == len(COMMANDS)


def test_what_changes_something_is_a_post_and_only_that_has_a_body():
    for command in COMMANDS:
        assert command.method in ("GET", "POST")
        assert not (command.method == "GET" and command.body)
        assert not (command.method == "POST" and command.query)


def test_every_command_says_what_it_does_in_one_sentence():
    for command in COMMANDS:
        assert command.summary.endswith(".")
        assert command.summary[0].isupper()


def test_methods_are_those_of_the_path():
    assert methods("/status") == ("GET",)
    assert methods("/reload") == ("POST",)
    assert methods("/nothing") == ()
