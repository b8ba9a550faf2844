"""Writes completions for bash, zsh and fish from the program's own command line: python -m installer.linux.completions SHARE.

SHARE is a folder such as /usr/share.
"""

import sys
from pathlib import Path

from app.roles import AS_OPTIONS
from installer.linux.command_line import Command, Option, commands, leaves

MARK = "# Written by installer/linux/completions.py."
FIRST = (*sorted(AS_OPTIONS), "--help", "--version")
"""Options that stand where a command does."""


def _offers(leaf: Command) -> str:
    words = [verb.name for verb in leaf.verbs] + [choice for argument in leaf.arguments for choice in argument.choices]
    return " ".join([*words, *(name for option in leaf.options for name in option.names), "--help"])


BASH = """\
_flowork() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command="" offered="" each
    for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $each in -*) ;; *) command="${command:+$command }$each" ;; esac
    done
    case $before in
    %(values)s
    esac
    case $command in
    %(offers)s
    esac
    COMPREPLY=($(compgen -W "$offered" -- "$word"))
}
complete -F _flowork flowork flowork-gateway
"""


def bash(every: list[Command]) -> str:
    """Completion of bash."""
    options = [option for _, leaf in leaves(every) for option in leaf.options]
    chosen: dict[str, set[str]] = {}
    for option in options:
        for name in option.names if option.choices else ():
            chosen.setdefault(name, set()).update(option.choices)
    paths = sorted({name for option in options for name in option.names if option.a_path})
    values = [f"{name}) COMPREPLY=($(compgen -W '{' '.join(sorted(of))}' -- \"$word\")); return ;;" for name, of in sorted(chosen.items())]
    values.append(f'{"|".join(paths)}) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;')
    offers = [f"'') offered='{' '.join([*(command.name for command in every), *FIRST])}' ;;"]
    # Verbs first: what is typed after one belongs to it, not to its command.
    offers += [f"'{path}'|'{path} '*) offered='{_offers(leaf)}' ;;" for path, leaf in leaves(every) if " " in path]
    offers += [f"'{command.name}'|'{command.name} '*) offered='{_offers(command)}' ;;" for command in every]
    return f"{MARK}\n{BASH}" % {"values": "\n    ".join(values), "offers": "\n    ".join(offers)}


ZSH = """\
_flowork_commands() {
    local -a offered=(
        %(commands)s
    )
    _describe command offered
}

_flowork_verbs() {
    local -a offered
    case $1 in
    %(verbs)s
    esac
    _describe verb offered
}

_flowork_options() {
    case $1 in
    %(options)s
    esac
}

_flowork() {
    if (( CURRENT == 2 )); then
        if [[ $words[2] == -* ]]; then compadd -- %(first)s; else _flowork_commands; fi
        return
    fi
    local command=$words[2]
    case $command in
    %(with_verbs)s)
        if (( CURRENT == 3 )); then _flowork_verbs $command; return; fi
        command="$command $words[3]"
        shift 2 words
        (( CURRENT -= 2 ))
        ;;
    *)
        shift words
        (( CURRENT -= 1 ))
        ;;
    esac
    _flowork_options "$command"
}

_flowork "$@"
"""


def zsh(every: list[Command]) -> str:
    """Completion of zsh."""
    with_verbs = [command for command in every if command.verbs]
    verbs = {command.name: " ".join(_zsh_pair(verb) for verb in command.verbs) for command in with_verbs}
    parts = {
        "commands": "\n        ".join(map(_zsh_pair, every)),
        "verbs": "\n    ".join(f"{name}) offered=({listed}) ;;" for name, listed in verbs.items()),
        "options": "\n    ".join(f"'{path}') _arguments {' '.join(_zsh_arguments(leaf))} ;;" for path, leaf in leaves(every)),
        "first": " ".join(FIRST),
        "with_verbs": "|".join(verbs),
    }
    return f"#compdef flowork flowork-gateway\n{MARK}\n\n{ZSH}" % parts


def _zsh_said(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _zsh_pair(command: Command) -> str:
    return f"'{command.name}:{_zsh_said(command.says)}'"


def _zsh_follows(option: Option) -> str:
    if option.choices:
        return f"({' '.join(option.choices)})"
    return "_files -/" if option.value == "DIR" else "_files" if option.a_path else " "


def _zsh_arguments(leaf: Command) -> list[str]:
    lines = []
    for option in leaf.options:
        many = "*" if option.repeated else ""
        value = f":{_zsh_said(option.value)}:{_zsh_follows(option)}" if option.value else ""
        lines += [f"'{many}{name}[{_zsh_said(option.says)}]{value}'" for name in option.names]
    for argument in leaf.arguments:
        many = "*" if argument.repeated else "" if argument.needed else ":"
        lines.append(f"'{many}:{_zsh_said(argument.value)}:{_zsh_follows(argument)}'")
    return [*lines, "'--help[what it does, and its options]'"]


def fish(every: list[Command]) -> str:
    """Completion of fish."""
    out = [MARK]
    for program in ("flowork", "flowork-gateway"):
        rules = ["-f", *(f"-n __fish_use_subcommand -l {name.removeprefix('--')}" for name in FIRST)]
        for command in every:
            rules.append(f"-n __fish_use_subcommand -a {command.name} -d {_fish_said(command.says)}")
            rules += _fish_rules(command)
        out += [f"complete -c {program} {rule}" for rule in rules]
    return "\n".join([*out, ""])


def _fish_rules(command: Command) -> list[str]:
    inside = f"__fish_seen_subcommand_from {command.name}"
    no_verb = f"{inside}; and not __fish_seen_subcommand_from {' '.join(verb.name for verb in command.verbs)}"
    rules = [f"-n '{no_verb}' -a {verb.name} -d {_fish_said(verb.says)}" for verb in command.verbs]
    for leaf in command.verbs or (command,):
        where = f"-n '{inside}; and __fish_seen_subcommand_from {leaf.name}'" if command.verbs else f"-n '{inside}'"
        rules += [f"{where} {_fish_option(option)}" for option in leaf.options]
        rules += [f"{where} -a '{' '.join(argument.choices)}'" for argument in leaf.arguments if argument.choices]
        rules += [f"{where} -F" for argument in leaf.arguments if argument.a_path]
    return rules


def _fish_said(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_option(option: Option) -> str:
    words = [f"-l {name.removeprefix('--')}" if name.startswith("--") else f"-s {name.removeprefix('-')}" for name in option.names]
    if option.choices:
        words.append(f"-x -a '{' '.join(option.choices)}'")
    elif option.value:
        words.append("-r -F" if option.a_path else "-x")
    return " ".join([*words, "-d", _fish_said(option.says)])


def write(share: Path) -> None:
    """Put them below a folder such as /usr/share."""
    every = commands()
    files = {
        "bash-completion/completions/flowork": bash(every),
        "bash-completion/completions/flowork-gateway": '. "${BASH_SOURCE[0]%/*}/flowork"\n',
        "zsh/vendor-completions/_flowork": zsh(every),
        "fish/vendor_completions.d/flowork.fish": fish(every),
        "fish/vendor_completions.d/flowork-gateway.fish": "source (status dirname)/flowork.fish\n",
    }
    for name, text in files.items():
        path = share / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
