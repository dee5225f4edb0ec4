"""A studio that makes voices of nothing: what the routes around a real one do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from wyoming_qwen3tts.errors import BadRequest, UnknownVoice
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.voice import Voice, VoiceName


@dataclass
class Variant:
    id: str
    seed: int
    seconds: float
    wav: bytes


class Report:
    def as_json(self) -> dict[str, Any]:
        return {"seconds": 3.0, "ok": True, "problems": []}


@dataclass
class FakeStudio:
    """Its voices are known to the catalog that asks for `voices`."""

    can_clone: bool = True
    can_design: bool = True
    why_not: str = ""
    made: dict[str, Voice] = field(default_factory=dict)
    clips: list[dict[str, Any]] = field(default_factory=list)
    recipes: list[str] = field(default_factory=list)
    proposals_ended: int = 0

    def voices(self) -> tuple[Voice, ...]:
        return tuple(self.made.values())

    def _voice(self, name: str, kind: Any) -> Voice:
        voice = Voice(VoiceName.parse(name), name, tuple(LANGUAGES), "fake", f"clone:{name}", kind=kind)
        self.made[voice.name] = voice
        return voice

    async def check(self, clip: bytes) -> Report:
        return Report()

    async def clone(self, name: str, clip: bytes, **how: Any) -> Voice:
        if clip == b"noise":
            raise BadRequest("There is no speech in the clip.", field="clip")
        self.clips.append({"clip": clip, **how})
        return self._voice(name, "clone")

    async def design(
        self, description: str, *, language: str = "en", text: str | None = None, variants: int = 3
    ) -> AsyncIterator[Variant]:
        if description == "nobody":
            raise BadRequest("Nobody is like this.", field="description")
        try:
            for number in range(variants):
                yield Variant(f"variant-{number}", number, 1.5, b"RIFF....")
                if description == "breaks":
                    raise BadRequest("It broke.")
        finally:
            self.proposals_ended += 1

    async def keep(self, variant_id: str, name: str) -> Voice:
        if not variant_id.startswith("variant-"):
            raise BadRequest("This variant is not kept any more; design the voice again.", field="variant")
        return self._voice(name, "design")

    async def blend(self, name: str, recipe: str) -> Voice:
        if "+" not in recipe:
            raise BadRequest("A blend is made of at least two voices.", field="of")
        self.recipes.append(recipe)
        return self._voice(name, "blend")

    async def remove(self, name: str) -> None:
        if name not in self.made:
            raise UnknownVoice(f"No voice is called {name}.", field="name")
        del self.made[name]

    async def export(self, name: str) -> bytes:
        return f"the voice {name}".encode()

    async def restore(self, data: bytes, name: str | None = None) -> Voice:
        if not data.startswith(b"the voice "):
            raise BadRequest("This is no voice.", field="file")
        return self._voice(name or data.removeprefix(b"the voice ").decode(), "clone")
