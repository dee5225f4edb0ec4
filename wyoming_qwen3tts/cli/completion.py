"""``completion``: what a shell needs to complete our command line, made of the parser itself."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from .mistakes import commands_of

SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "wyoming-qwen3tts"


@dataclass(slots=True)
class _Level:
    """What may follow a command: commands of its own, flags, and what each flag takes."""

    path: str
    flags: dict[str, str] = field(default_factory=dict)  # with what they mean
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of flags that have a few
    takes: set[str] = field(default_factory=set)  # flags with a value
    commands: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()  # that stand alone


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """For ``eval``, or a file."""
    levels = list(_levels(parser, ""))
    match shell:
        case "bash":
            return _bash(levels)
        case "zsh":
            return _ZSH.format(program=_PROGRAM, bash=_bash(levels))
        case _:
            return _fish(levels)


def _levels(parser: argparse.ArgumentParser, path: str) -> Iterator[_Level]:
    level = _Level(path)
    told = {action.dest: action.help or "" for action in _choices_actions(parser)}
    for action in parser._actions:
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction):
            level.words += _values(action)
        for name in action.option_strings:
            text = "" if action.help in (None, argparse.SUPPRESS) else str(action.help).replace("%%", "%")
            level.flags[name] = text
            if action.nargs is None and not isinstance(action, argparse._StoreTrueAction | argparse._VersionAction):
                level.takes.add(name)
                level.values[name] = _values(action)
    level.commands = {name: told.get(name, "") for name in commands_of(parser)}
    yield level
    for name, command in commands_of(parser).items():
        yield from _levels(command, f"{path} {name}".strip())


def _choices_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return list(action._choices_actions)
    return []


def _values(action: argparse.Action) -> tuple[str, ...]:
    """The few that a flag takes; empty if it takes any."""
    if action.choices:
        return tuple(map(str, action.choices))
    form = action.metavar if isinstance(action.metavar, str) else ""
    return tuple(form.split("|")) if "|" in form else ()


_BASH = """\
# Completion of {program}. To have it in this shell: eval "$({program} completion bash)"
_wyoming_qwen3tts() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} path= flags= words= values=
  local word index before=
  if [[ $current == --*=* ]]; then                        # zsh leaves --flag=value together
    previous=${{current%%=*}} before=${{current%%=*}}= current=${{current#*=}}
  elif [[ $current == = ]]; then                          # bash takes it for three words
    current=
  elif [[ $previous == = ]]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${{COMP_WORDS[index]}}
    case "$path/$word" in
{descend}
    esac
  done
  case $path in
{levels}
  esac
  case $previous in
{values}
  esac
  if [ -n "$values" ]; then
    COMPREPLY=($(compgen -P "$before" -W "$values" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}}
complete -o filenames -F _wyoming_qwen3tts {program}
"""


# In a folder of $fpath it is loaded by the first Tab, and has to answer it too.
_ZSH = """\
#compdef {program}
# Completion of {program}. To have it in this shell: eval "$({program} completion zsh)"
(( ${{+functions[compdef]}} )) || {{ autoload -Uz compinit && compinit; }}
autoload -U +X bashcompinit && bashcompinit
{bash}
if [ "${{funcstack[1]}}" = _{program} ]; then _bash_complete -o filenames -F _wyoming_qwen3tts; fi
"""


def _bash(levels: list[_Level]) -> str:
    descend = [
        f"      {shlex.quote(f'{level.path}/{name}')}) path={shlex.quote(f'{level.path} {name}'.strip())} ;;"
        for level in levels
        for name in level.commands
    ]
    told = [
        f"    {shlex.quote(level.path)}) flags={shlex.quote(' '.join(level.flags))}"
        f" words={shlex.quote(' '.join((*level.commands, *level.words)))} ;;"
        for level in levels
    ]
    values: dict[str, tuple[str, ...]] = {}
    for level in levels:
        values |= {name: words for name, words in level.values.items() if words}
    known = [f"    {name}) values={shlex.quote(' '.join(words))} ;;" for name, words in sorted(values.items())]
    return _BASH.format(program=_PROGRAM, descend="\n".join(descend), levels="\n".join(told), values="\n".join(known))


def _fish(levels: list[_Level]) -> str:
    lines = [
        f"# Completion of {_PROGRAM}. To have it in every shell:",
        f"# {_PROGRAM} completion fish > ~/.config/fish/completions/{_PROGRAM}.fish",
    ]
    shared = set(levels[0].flags)
    for level in levels:
        here = _fish_condition(level)
        for name, told in level.commands.items():
            lines.append(f"complete -c {_PROGRAM} -f{here} -a {name} -d {_fish_quoted(told)}")
        if level.words:
            lines.append(f"complete -c {_PROGRAM} -f{here} -a {_fish_quoted(' '.join(level.words))}")
        for name, told in level.flags.items():
            if level.path and name in shared:
                continue  # every setting goes with every command
            kind = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            values = level.values.get(name, ())
            takes = (f" -x -a {_fish_quoted(' '.join(values))}" if values else " -r") if name in level.takes else ""
            where = here if level.path else ""
            lines.append(f"complete -c {_PROGRAM}{where} {kind}{takes} -d {_fish_quoted(told)}")
    return "\n".join(lines) + "\n"


def _fish_condition(level: _Level) -> str:
    """Where its commands and flags go."""
    inner = " ".join(level.commands)
    if not level.path:
        return f" -n 'not __fish_seen_subcommand_from {inner}'"
    seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in level.path.split())
    return f" -n {_fish_quoted(f'{seen}; and not __fish_seen_subcommand_from {inner}' if inner else seen)}"


def _fish_quoted(text: str) -> str:
    shortened = text.partition(". ")[0].partition(" (default")[0][:100]
    escaped = shortened.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
