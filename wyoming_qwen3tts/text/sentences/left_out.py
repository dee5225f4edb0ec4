"""What is left out of a stream of text with all it holds: code blocks, and what a language model says to itself.

Nobody wants a script read aloud, or a model's reasoning: ``<think>`` and its like, calls of tools, and the tokens of
chat templates (``<|im_start|>assistant``). What was opened and never closed is left out to the end of the text.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from ..positions import PositionMap

MARKERS: Final = (
    "\ue010-\ue40f"  # private use: one character stands where something was, so that its report stays in place
)
_FIRST_MARKER, _MARKER_COUNT = 0xE010, 0x400
SHOWN_CHARS: Final = 200  # of what is left out, in the report of changes
TAG_CHARS: Final = 300  # the longest tag that is still taken for one
_CLOSING_CHARS: Final = 64

_FENCE = re.compile(r"[ \t>]{0,8}(```+|~~~+)[^`\n]*\Z")
_MAY_BE_FENCE = re.compile(r"[ \t>]{0,8}(?:`{0,2}|~{0,2}|(?:```|~~~).*)\Z")

_NAMES: Final = (
    "think thinking thought thoughts reasoning reflection scratchpad seed:think tool_call tool_calls tool_response"
    " tool_result function_call function_calls script style template details"
).split()
_ROLES: Final = "system|user|assistant|developer|tool|function|model|ipython|final"
_NAME: Final = "|".join(sorted(_NAMES, key=len, reverse=True))
_BEGUN_NAME: Final = "|".join(sorted({name[:end] for name in _NAMES for end in range(len(name) + 1)}, key=len)[::-1])
_LANDMARK = re.compile(r"[<\[◁\n]")
_TAG = re.compile(
    rf"<(?P<name>{_NAME})(?:\s(?P<attributes>[^<>]{{0,{TAG_CHARS}}}))?(?<!/)>"
    r"|(?P<bracket>\[THINK\])|(?P<kimi>◁think▷)"
    r"|(?P<thought><\|begin_of_thought\|>)|(?P<calls><｜tool▁calls▁begin｜>)"
    r"|(?P<channel><\|channel\|>(?:analysis|commentary)\b[^<>]{0,100}<\|message\|>)",
    re.IGNORECASE,
)
_BEGUN_TAG = re.compile(
    rf"<(?:(?:{_BEGUN_NAME})|(?:{_NAME})\s[^<>]{{0,{TAG_CHARS}}})\Z|\[(?:T(?:H(?:I(?:N(?:K)?)?)?)?)?\Z"
    r"|◁(?:t(?:h(?:i(?:n(?:k)?)?)?)?)?\Z"
    r"|<\|channel\|>(?:\w{0,12}|(?:analysis|commentary)\b[^<>]{0,100}(?:<\|?\w{0,8}\|?)?)\Z",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    rf"<\|(?:im_start|start|start_header_id|channel)\|>(?:(?:{_ROLES})\b)?|<[|｜][^<>|｜\s]{{1,40}}[|｜]>"
)
_BEGUN_TOKEN = re.compile(
    r"<(?:[|｜](?:[^<>|｜\s]{0,40}[|｜]?)?)?\Z|<\|(?:im_start|start|start_header_id|channel)\|>\w{0,12}\Z"
)
_TOOLS_DETAILS = re.compile(r"\btype\s*=\s*[\"']?\s*(?:reasoning|thinking|tool|code_interpreter)", re.IGNORECASE)
_CLOSED_BY: Final = {
    "bracket": re.compile(r"\[/THINK\]"),
    "kimi": re.compile(r"◁/think▷"),
    "thought": re.compile(r"<\|end_of_thought\|>"),
    "calls": re.compile(r"<｜tool▁calls▁end｜>"),
    "channel": re.compile(r"<\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)"),
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not spoken: the rule that took it, and how it begins."""

    rule: str
    text: str


class LeftOutFilter:
    """Passes text on, without what is never spoken; holds back only what may yet turn out to be part of that."""

    def __init__(self) -> None:
        self._waiting = ""
        self._starts_line = True
        self._previous = ""  # the last character passed on
        self._fence: str | None = None
        self._closing: re.Pattern[str] | None = None
        self._marker = ""
        self._count = 0
        self._given = self._passed = 0  # characters so far
        self.positions = PositionMap()  # where what is passed on stood
        self.left_out: dict[str, LeftOut] = {}  # marker -> what it stands for; the reader takes them away

    def add(self, text: str) -> str:
        """What can be passed on now."""
        return self._pass_on(text, ended=False)

    @property
    def is_open(self) -> bool:
        """Whether something that is left out is being read, or may have begun."""
        return self._fence is not None or self._closing is not None or bool(self._waiting.strip())

    def close(self) -> str:
        """The rest, at the end of the text."""
        return self._pass_on("", ended=True)

    def _pass_on(self, text: str, *, ended: bool) -> str:
        text = self._waiting + text
        passed: list[str] = []
        at, end = 0, -1
        while at < len(text):
            before = len(passed)
            end = self._step(text, at, passed, ended=ended)
            if end == at:
                break  # more has to come
            at = end
            self._passed += sum(map(len, passed[before:]))
            self.positions.note(self._passed, self._given + at)
        self._waiting = text[at:]
        self._given += at
        joined = "".join(passed)
        self._previous = joined[-1:] or self._previous
        return joined

    def _step(self, text: str, at: int, passed: list[str], *, ended: bool) -> int:
        """Deal with the text from ``at`` on, up to the position that is returned."""
        if self._closing is not None:
            return self._in_thought(text, at, passed, ended=ended)
        if self._fence is not None or self._starts_line:
            end = text.find("\n", at) + 1 or len(text)
            line = text[at:end]
            is_whole = ended or line.endswith("\n")
            if self._fence is not None:
                return self._in_code(line, end) if is_whole else at
            if not is_whole and _MAY_BE_FENCE.match(line):
                return at
            if is_whole and (fence := _FENCE.match(line.rstrip())):
                self._fence = fence[1]
                self._leave_out("code", passed)
                self._note(line)
                return end
            self._starts_line = False
        return self._in_line(text, at, passed, ended=ended)

    def _in_line(self, text: str, at: int, passed: list[str], *, ended: bool) -> int:
        """Pass text on up to what may begin something, or leave out what begins here."""
        found = _LANDMARK.search(text, at)
        end = found.start() if found else len(text)
        if end > at:
            passed.append(text[at:end])
            return end
        if text[at] == "\n":
            self._starts_line = True
        elif (passed[-1] if passed else self._previous)[-1:] != "`":  # "`<think>`" speaks of the tag
            if not ended and (_BEGUN_TAG.match(text, at) or _BEGUN_TOKEN.match(text, at)):
                return at
            if tag := _TAG.match(text, at):
                if self._closing_of(tag):
                    self._closing = self._closing_of(tag)
                    self._leave_out("reasoning", passed)
                    self._note(tag[0])
                    return tag.end()
            elif token := _TOKEN.match(text, at):
                self._leave_out("left out", passed)
                self._note(token[0])
                return token.end()
        passed.append(text[at])
        return at + 1

    def _in_thought(self, text: str, at: int, passed: list[str], *, ended: bool) -> int:
        closing = self._closing
        if closing is None:
            return at
        if match := closing.search(text, at):
            self._closing = None
            self._note(text[at : match.end()])
            return match.end() if match.end() > at else self._step(text, at, passed, ended=ended)
        end = len(text)
        if not ended:
            begun = max(text.rfind(sign, max(at, end - _CLOSING_CHARS)) for sign in "<[◁")
            end = begun if begun >= 0 else end
        self._note(text[at:end])
        return end

    def _in_code(self, line: str, end: int) -> int:
        self._note(line)
        bare = line.strip(" \t>\r\n")
        if self._fence and bare.startswith(self._fence) and not bare.strip(self._fence[0]):
            self._fence = None
        return end

    @staticmethod
    def _closing_of(tag: re.Match[str]) -> re.Pattern[str] | None:
        """What ends the thing that a tag opens; None for a tag whose content is spoken."""
        name = tag["name"]
        if name is None:
            return _CLOSED_BY[str(tag.lastgroup)]
        if name.lower() == "details" and not _TOOLS_DETAILS.search(tag["attributes"] or ""):
            return None
        return _closing_tag(name.lower())

    def _leave_out(self, rule: str, passed: list[str]) -> None:
        self._marker = chr(_FIRST_MARKER + self._count % _MARKER_COUNT)
        self._count += 1
        self.left_out[self._marker] = LeftOut(rule, "")
        passed.append(self._marker if rule == "code" else f"{self._marker} ")

    def _note(self, text: str) -> None:
        """Keep the beginning of what is left out, for the report."""
        noted = self.left_out.get(self._marker)
        if noted is not None and len(noted.text) < SHOWN_CHARS:
            self.left_out[self._marker] = LeftOut(noted.rule, (noted.text + text)[:SHOWN_CHARS])


@cache
def _closing_tag(name: str) -> re.Pattern[str]:
    return re.compile(rf"</{name}\s{{0,32}}>", re.IGNORECASE)
