"""The verb `completion`, and the answers to the scripts that it prints.

They are ours and not click's: bash takes `api:1` for three words, and a path to the program may
hold blanks. A script asks with `_WEBQX_SV_COMPLETE=bash_complete`, the words of the line in
WEBQX_SV_WORDS, one a line, and in WEBQX_SV_CWORD which of them is being written.
"""

import os
from typing import Any, ClassVar

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    split_arg_string,
)

FILES = ":files:"
"""A line of an answer that asks the shell to go on with names of files."""
GLUE = (":", "=")
"""Signs of bash's COMP_WORDBREAKS that stand within words of ours."""

BASH = r"""# bash completion for webqx-sv:  eval "$(webqx-sv completion bash)"
_webqx_sv() {
    local line IFS=$'\n' program=${1/#\~/$HOME}
    program=${program//[\\\"\']/}
    COMPREPLY=()
    while read -r line; do
        if [[ $line == :files: ]]; then
            compopt -o default 2>/dev/null || COMPREPLY+=($(compgen -f -- "$2"))
        else
            COMPREPLY+=("$line")
        fi
    done < <(WEBQX_SV_WORDS="${COMP_WORDS[*]}" WEBQX_SV_CWORD=$COMP_CWORD \
        _WEBQX_SV_COMPLETE=bash_complete "$program" 2>/dev/null)
}
complete -o nosort -F _webqx_sv webqx-sv 2>/dev/null || complete -F _webqx_sv webqx-sv
"""

ZSH = r"""#compdef webqx-sv
# zsh completion for webqx-sv:  eval "$(webqx-sv completion zsh)", after compinit
_webqx_sv() {
    local line
    local -a items
    for line in "${(@f)$(WEBQX_SV_WORDS="${(pj:\n:)words}" WEBQX_SV_CWORD=$((CURRENT - 1)) \
        _WEBQX_SV_COMPLETE=zsh_complete ${~${(Q)words[1]}} 2>/dev/null)}"; do
        case $line in
            :files:) _files ;;
            *$'\t'*) items+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
            ?*) items+=("${line//:/\\:}") ;;
        esac
    done
    (( $#items )) && _describe -V webqx-sv items
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _webqx_sv "$@"
else
    compdef _webqx_sv webqx-sv
fi
"""

FISH = r"""# fish completion for webqx-sv:  webqx-sv completion fish | source
function __webqx_sv
    set -l current (commandline -ct)
    set -l words (commandline -opc) "$current"
    set -lx WEBQX_SV_WORDS (string join \n -- $words | string collect --no-trim-newlines)
    set -lx WEBQX_SV_CWORD (math (count $words) - 1)
    set -lx _WEBQX_SV_COMPLETE fish_complete
    set -l program (string replace -r '^~/' $HOME/ -- $words[1])
    for line in ($program 2>/dev/null)
        if test "$line" = :files:
            __fish_complete_path $current
        else
            echo $line
        end
    end
end
complete --no-files --keep-order --command webqx-sv --arguments '(__webqx_sv)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


@click.command()
@click.argument("shell", type=click.Choice(list(SCRIPTS)), metavar="bash|zsh|fish")
def completion(shell: str) -> None:
    """Print the script by which your shell completes verbs, options and services.

    \b
    bash: in ~/.bashrc                    eval "$(webqx-sv completion bash)"
    zsh:  in ~/.zshrc, after compinit     eval "$(webqx-sv completion zsh)"
    fish: in ~/.config/fish/config.fish   webqx-sv completion fish | source
    """  # noqa: D301 - \\b is click's mark for a paragraph that keeps its lines
    click.echo(SCRIPTS[shell], nl=False)


class Answer(ShellComplete):
    """What all shells have in common: a suggestion a line, its explanation after a tab."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being written, and that one."""
        words = self.joined(os.environ.get("WEBQX_SV_WORDS", "").split("\n"))
        *before, incomplete = words[1:] or [""]
        return before, incomplete

    def joined(self, words: list[str]) -> list[str]:
        """Return the words up to the cursor, without their quotes."""
        return [_unquoted(word) for word in words[: _position() + 1]]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return its line."""
        if item.type in ("file", "dir"):
            return FILES
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


class Bash(Answer):
    """bash shows values alone, and breaks words at `:` and `=`."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = ""

    def joined(self, words: list[str]) -> list[str]:
        """Put together what bash has broken."""
        whole: list[str] = []
        glue = False
        for word in words[: _position() + 1]:
            breaks = word in GLUE
            if (breaks or glue) and len(whole) > 1:
                whole[-1] += _unquoted(word)
            else:
                whole.append(_unquoted(word))
            glue = breaks
        return whole

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return what is to be put in place of the part behind the last break."""
        if item.type in ("file", "dir"):
            return FILES
        return str(item.value).rpartition(":")[2]


class Zsh(Answer):
    """zsh shows explanations."""

    name: ClassVar[str] = "zsh"
    source_template: ClassVar[str] = ""


class Fish(Answer):
    """fish as well."""

    name: ClassVar[str] = "fish"
    source_template: ClassVar[str] = ""


def answer_shells() -> None:
    """Have click answer the scripts of this module and not its own."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)


def _position() -> int:
    text = os.environ.get("WEBQX_SV_CWORD", "0")
    return int(text) if text.isdecimal() else 0


def _unquoted(word: str) -> str:
    return "".join(split_arg_string(word)[:1])
