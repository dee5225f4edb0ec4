"""Code blocks are taken out of a stream of text: nobody wants a script read aloud."""

import re
from typing import Final

MARKERS: Final = (
    "\ue010-\ue40f"  # private use: one character stands where a block was, so that its report stays in place
)
_FIRST_MARKER, _MARKER_COUNT = 0xE010, 0x400
SHOWN_CHARS: Final = 200  # of a left-out block, in the report of changes

_FENCE = re.compile(r"[ \t>]{0,8}(```+|~~~+)[^`\n]*\Z")
_MAY_BE_FENCE = re.compile(r"[ \t>]{0,8}(?:`{0,2}|~{0,2}|(?:```|~~~).*)\Z")


class CodeBlockFilter:
    """Passes text on, without its fenced code blocks; holds back at most the line that may open or close one."""

    def __init__(self) -> None:
        self._waiting = ""
        self._starts_line = True
        self._fence: str | None = None
        self._marker = ""
        self._blocks = 0
        self.left_out: dict[str, str] = {}  # marker -> block; the reader takes them away

    def add(self, text: str) -> str:
        """What can be passed on now."""
        passed: list[str] = []
        lines = (self._waiting + text).splitlines(keepends=True)
        self._waiting = ""
        for line in lines:
            if line.endswith("\n"):
                passed.append(self._line(line))
            elif self._fence is None and not (self._starts_line and _MAY_BE_FENCE.match(line)):
                self._starts_line = False
                passed.append(line)
            else:
                self._waiting = line
        return "".join(passed)

    @property
    def is_open(self) -> bool:
        """Whether a code block is, or may have begun."""
        return self._fence is not None or bool(self._waiting.strip())

    def close(self) -> str:
        """The rest, at the end of the text."""
        rest, self._waiting = self._waiting, ""
        return self._line(rest) if rest else ""

    def _line(self, line: str) -> str:
        """A whole line, or nothing of it if it belongs to a code block."""
        starts_line, self._starts_line = self._starts_line, True
        bare = line.rstrip()
        if self._fence is None:
            fence = _FENCE.match(bare) if starts_line else None
            if fence is None:
                return line
            self._fence = fence[1]
            self._marker = chr(_FIRST_MARKER + self._blocks % _MARKER_COUNT)
            self._blocks += 1
            self.left_out[self._marker] = line
            return self._marker
        if len(self.left_out.get(self._marker, line)) < SHOWN_CHARS:
            self.left_out[self._marker] += line[:SHOWN_CHARS]
        if bare.strip(" \t>").startswith(self._fence) and not bare.strip(" \t>").strip(self._fence[0]):
            self._fence = None
        return ""
