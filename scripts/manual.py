"""The manual as man(7) pages: webqx-sv.1 from the commands, services.toml.5 from the schema.

Our own few lines and not click-man: that one makes a page of each verb, and knows no second source.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import click

DATE = "2026-11-26"
"""Of the last change of what is written here by hand; today's would make the pages stale."""
WIDTH = 78
Row = tuple[str, str, str, str]
"""Key, type, default, description; the last three may hold Markdown's `code` and **bold**."""

ABOUT = """\
Keeps the workers of a services.toml alive and is the proxy in front of them, so that no client sees
a worker die, a reload, a scale or a change of the configuration. There is one daemon for each
services.toml; every command finds it by that file.
"""
ENDINGS = (
    ("0", "It is done."),
    ("1", "It failed."),
    ("2", "The command line is wrong."),
    ("3", "The daemon is not running."),
    ("4", "There is no such service."),
    ("78", "The configuration is wrong; nothing was changed."),
)
FILES = (
    ("./services.toml", "What runs, and what is in front of it: services.toml(5)."),
    (
        "~/.local/state/webqx-sv/NAME/",
        "The state folder: control socket, journal, logs. NAME is the daemon's.",
    ),
    (
        "~/.config/systemd/user/webqx-sv-NAME.service",
        "What `startup` writes; /etc/systemd/system with --system.",
    ),
)
ENVIRONMENT = (
    ("WEBQX_SV_HOME", "The folder of all state folders, in place of ~/.local/state/webqx-sv."),
    ("XDG_STATE_HOME", "What stands for ~/.local/state."),
    ("NO_COLOR", "With any value: no colours."),
)
EXAMPLES = (
    ("webqx-sv init && webqx-sv start", "Begin: a services.toml for what is here, and all of it."),
    ("webqx-sv reload api", "New workers one by one; no request is lost."),
    (
        "webqx-sv logs api:2 -f --since 10m",
        "What one worker wrote, and what it writes from now on.",
    ),
    ("webqx-sv startup", "From now on it starts with the machine."),
)


def webqx_sv(group: click.Group, version: str) -> str:
    """Return webqx-sv.1."""
    context = click.Context(group, info_name="webqx-sv")
    lines = [
        *_head("WEBQX-SV", 1, version, "webqx-sv", "process supervisor and load balancer in one"),
        *(".SH SYNOPSIS", ".B webqx-sv", r"\fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]..."),
        *(".SH DESCRIPTION", _text(ABOUT)),
        *(".SH COMMANDS",),
    ]
    for name in group.list_commands(context):
        verb = group.get_command(context, name)
        if verb is not None and not verb.hidden:
            lines += _verb(verb, click.Context(verb, info_name=name, parent=context))
    lines += [".SH EXIT STATUS", *_tagged(ENDINGS)]
    lines += [".SH ENVIRONMENT", *_tagged(ENVIRONMENT)]
    lines += [".SH FILES", *_tagged(FILES)]
    lines += [".SH EXAMPLES", *_tagged(EXAMPLES)]
    lines += [".SH SEE ALSO", r"\fBservices.toml\fR(5)"]
    return _page(lines)


def services_toml(
    tables: Iterable[tuple[str, str, Sequence[Row]]], about: str, version: str
) -> str:
    """Return services.toml.5: the tables in their order, (header, sentence, rows) each."""
    lines = [
        *_head("SERVICES.TOML", 5, version, "services.toml", "what webqx-sv runs"),
        *(".SH DESCRIPTION", _text(about)),
    ]
    for header, sentence, rows in tables:
        lines += [f".SH {_quoted(header)}", _text(sentence)]
        for key, kind, default, description in rows:
            value = f", default {default}" if default.startswith("`") else f", {default}"
            lines += [
                ".TP",
                f"{_bold(key)} ({' '.join(_text(kind + (value if default else '')).split())})",
            ]
            lines.append(_text(description))
    lines += [".SH SEE ALSO", r"\fBwebqx-sv\fR(1)"]
    return _page(lines)


def _head(title: str, section: int, version: str, name: str, what: str) -> list[str]:
    return [
        r".\" Written by scripts/reference.",
        f'.TH {title} {section} {DATE} "webqx-sv {version}" "webqx-sv"',
        *(".nh", ".ad l"),
        *(".SH NAME", rf"{_escaped(name)} \- {_escaped(what)}"),
    ]


def _verb(verb: click.Command, context: click.Context, above: str = "") -> Iterator[str]:
    arguments = [param for param in verb.params if isinstance(param, click.Argument)]
    usage = " ".join(
        [
            _bold(f"{above}{verb.name}"),
            *(rf"\fI{_escaped(a.make_metavar(context))}\fR" for a in arguments),
        ]
    )
    yield f".SS {usage}"
    for number, paragraph in enumerate((verb.help or "").split("\n\n")):
        if number:
            yield ".PP"
        running, keeps_lines, lines = paragraph.partition("\b\n")
        yield _text(running)
        if keeps_lines:
            yield from (".nf", _guarded(_escaped(lines)), ".fi")
    for param in verb.get_params(context):
        record = param.get_help_record(context)
        if record is not None and record[1] and "--help" not in param.opts:
            yield from (".TP", _bold(record[0]), _text(record[1]))
    if isinstance(verb, click.Group):
        for name, inner in verb.commands.items():
            own = click.Context(inner, info_name=name, parent=context)
            yield from _verb(inner, own, f"{above}{verb.name} ")


def _tagged(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for tag, sentence in pairs:
        yield from (".TP", _bold(tag), _text(sentence))


def _text(markdown: str) -> str:
    """Return running text, with `code` and **bold** in bold."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", " ".join(markdown.split()))
    text = _escaped(text)
    text = re.sub(r"`([^`]*)`|\*\*([^*]+)\*\*", lambda m: rf"\fB{m[1] or m[2] or ''}\fR", text)
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return _guarded("\n".join(lines))


def _bold(text: str) -> str:
    return rf"\fB{_escaped(text)}\fR"


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', r"\(dq") + '"'


def _escaped(text: str) -> str:
    """Return text whose signs roff takes as they are: groff_man(7), "Portability"."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("~", r"\(ti")
    return text.replace("^", r"\(ha").replace("…", "...")


def _guarded(text: str) -> str:
    """Have no line begin like a request of roff."""
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def _page(lines: Iterable[str]) -> str:
    return "\n".join(line for line in lines if line) + "\n"
