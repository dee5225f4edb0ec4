"""Whether somebody here speaks the languages that the home has added."""

from __future__ import annotations

import shutil

from ..engine.builtin.espeak import is_known
from ..util.processes import ProcessError, run_blocking
from ..voices.speakers import name_of
from .checks import Check, CheckContext, fine, wrong

_NAME = "added languages"


def check(place: CheckContext) -> list[Check]:
    """Nothing where no language was added."""
    wanted = place.settings.voices.added
    if not wanted:
        return []
    spoken = _of_espeak()
    here = [code for code in wanted if code in spoken]
    found = [fine(_NAME, f"{', '.join(map(name_of, here))} by espeak-ng")] if here else []
    if unspoken := [code for code in wanted if code not in spoken]:
        found.append(
            wrong(
                _NAME,
                f"espeak-ng has no voice for {', '.join(unspoken)}",
                "Take them out of voices.languages, unless another voice server of the home speaks them",
            )
        )
    return found


def _of_espeak() -> frozenset[str]:
    """The languages of the espeak-ng that is installed, as far as the built-in voice offers them."""
    program = shutil.which("espeak-ng")
    if program is None:
        return frozenset()
    try:
        output = run_blocking([program, "--voices"], timeout_s=10)
    except ProcessError:
        return frozenset()  # the check of the built-in voice says why
    columns = (line.split() for line in output.stdout.decode(errors="replace").splitlines()[1:])
    return frozenset(row[1] for row in columns if len(row) > 1 and is_known(row[1]))
