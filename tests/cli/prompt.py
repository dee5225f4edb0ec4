"""A shell at its prompt, in which our completion is loaded: what a Tab makes of a line."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import termios
from pathlib import Path
from typing import Self

import pytest

from wyoming_qwen3tts.cli import completion
from wyoming_qwen3tts.cli.parser import build

_SHOW = b"\x18"  # Ctrl+X prints the line as it is
_START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             """show() { printf '<<%s>>\\n' "$READLINE_LINE"; }; bind -x '"\\C-x": show'"""),
    "zsh": (["zsh", "-f", "-i"], """show() { print -r -- "<<$BUFFER>>" }; zle -N show; bindkey '^X' show"""),
}  # fmt: skip


class Prompt:
    """``shell``, with its script in a file of ``folder`` that it reads, or that ``load`` does. ``with`` starts and ends
    it; skips the test where the shell is not installed. fish completes without a prompt."""

    def __init__(self, shell: str, folder: Path, load: str = "source {folder}/_wyoming-qwen3tts") -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        self._shell, self._folder, self._load = shell, folder, load.format(folder=folder)
        (folder / "_wyoming-qwen3tts").write_text(completion.script(shell, build()), encoding="utf-8")

    def __enter__(self) -> Self:
        if self._shell == "fish":
            return self
        command, show = _START[self._shell]
        self._terminal, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 1_000))  # no line is wrapped
        environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(self._folder), "PS1": ""}
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            cwd=self._folder,
            start_new_session=True,
        )
        os.close(theirs)
        os.write(self._terminal, f"{self._load}\n{show}\necho '<<'ready'>>'\n".encode())
        self._until_shown(b"<<ready>>")
        return self

    def __exit__(self, *_: object) -> None:
        if self._shell != "fish":
            self._process.kill()
            self._process.wait()
            os.close(self._terminal)

    def completed(self, line: str) -> str:
        """What ``line`` is after a Tab at its end."""
        if self._shell == "fish":
            [only] = self.offered(line)
            return f"{line.rpartition(' ')[0]} {only.partition(chr(9))[0]}"
        os.write(self._terminal, b"\x15" + line.encode() + b"\t" + _SHOW)  # Ctrl+U first: an empty line
        return self._until_shown(b"<<(wyoming-qwen3tts .*?)>>")

    def offered(self, line: str) -> list[str]:
        """What fish offers for the end of ``line``, each with what it means behind a tab."""
        command = f"{self._load}; complete -C '{line}'"
        done = subprocess.run(
            ["fish", "-N", "-c", command], capture_output=True, text=True, check=True, cwd=self._folder
        )
        return done.stdout.splitlines()

    def _until_shown(self, pattern: bytes) -> str:
        shown = b""
        while not (found := re.search(pattern, shown, re.DOTALL)):
            shown += os.read(self._terminal, 65536)
        return (found[1] if found.groups() else found[0]).decode()
