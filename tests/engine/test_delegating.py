"""An engine that wraps another one hides nothing of it."""

from __future__ import annotations

from tests.engine.scripted import RYAN, Scripted
from wyoming_qwen3tts.engine.delegating import DelegatingEngine
from wyoming_qwen3tts.speech.engine import Engine, EngineStatus, Liveness, Origin, Phase, ServerCount
from wyoming_qwen3tts.speech.voice import Voice

SERVER = ServerCount("http://10.0.0.2:8091", "well", "", 3, 1, 0, 2.5)


class Peculiar(Scripted):
    """Has another answer to everything than `Engine` has."""

    chosen_model: str | None = "Qwen/small"
    longest_silence_s = 77.0

    def clones(self) -> tuple[Voice, ...]:
        return (RYAN,)

    def why_mute(self, name: str) -> str | None:
        return f"{name} is hoarse"

    def origin(self, voice: Voice) -> Origin | None:
        return Origin(self.name, voice.name)

    def wake(self) -> None:
        self.starts += 1

    def servers(self) -> tuple[ServerCount, ...]:
        return (SERVER,)

    def models(self) -> tuple[str, ...]:
        return ("Qwen/small", "Qwen/large")

    def use(self, model: str | None) -> None:
        self.chosen_model = model


def test_every_question_to_an_engine_has_a_way_through() -> None:
    """A member that is added to `Engine` has to be passed on too."""
    questions = {name for name in vars(Engine) if not name.startswith("_")}

    assert len(questions) > 10
    assert questions <= vars(DelegatingEngine).keys()


async def test_the_answers_are_those_of_the_engine_inside() -> None:
    inner = Peculiar(status=EngineStatus(Phase.LOADING, progress=0.5))
    inner.signs = Liveness(broken="device lost")
    outer = DelegatingEngine(inner)

    for engine in (inner, outer):
        assert (engine.status, engine.liveness()) == (EngineStatus(Phase.LOADING, progress=0.5), inner.signs)
        assert (engine.voices(), engine.clones()) == (inner.voices(), (RYAN,))
        assert (engine.why_mute("Anna"), engine.origin(RYAN)) == ("Anna is hoarse", Origin("qwen3", "ryan-en"))
        assert (engine.servers(), engine.longest_silence_s) == ((SERVER,), 77.0)
        assert (engine.models(), engine.chosen_model) == (("Qwen/small", "Qwen/large"), "Qwen/small")
    outer.wake()
    await outer.start()
    outer.use("Qwen/large")
    await outer.unload()
    await outer.close()

    assert (inner.starts, inner.unloads, inner.closed) == (2, 1, True)
    assert (inner.chosen_model, outer.can_unload, outer.takeovers) == ("Qwen/large", True, {})
