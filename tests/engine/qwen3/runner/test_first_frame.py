"""On a processor the first frame is made of what the talker said when it read the prompt."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.engine.configs import device_plan
from wyoming_qwen3tts.engine.qwen3.loading import _NOBODY, Models, load_models
from wyoming_qwen3tts.engine.qwen3.priming import NullSink
from wyoming_qwen3tts.engine.qwen3.runner.runner import ModelRunner
from wyoming_qwen3tts.engine.qwen3.scheduler import EngineRequest, Utterance
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.prompt import PromptVoice

NEVER = float("-inf")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return load_models([write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))], device_plan(), None, lambda _: None)


class Counted:
    """A runner that counts the steps of its talker."""

    def __init__(self, models: Models, monkeypatch: pytest.MonkeyPatch, *, takes_said: bool = True) -> None:
        self.runner = ModelRunner(models.checkpoints[0], models.codecs[0], slots=3, positions=96)
        monkeypatch.setattr(self.runner._frames, "takes_said", takes_said)
        self.steps = 0
        talker = self.runner.model.talker
        step = type(talker).step

        def counted(*args: Any, **options: Any) -> torch.Tensor:
            self.steps += 1
            return step(talker, *args, **options)

        monkeypatch.setattr(talker, "step", counted)

    def begin(self, slot: int, layout: Any = "sentence", text: str = "The light in the kitchen is on.") -> Utterance:
        one = Utterance(
            EngineRequest(NullSink()), _NOBODY, "en", layout, 7 + slot, text=text, is_text_over=True, slot=slot
        )
        if layout == "live":
            one.ids = self.runner.prompts.tokenizer.speech(text)
        self.runner.prefill(one, PromptVoice(speaker="ryan"))
        return one

    def frames(self, *utterances: Utterance) -> list[list[int]]:
        return [frame.codes for frame in self.runner.frame(utterances, [NEVER] * len(utterances))]


def test_it_costs_no_step_of_the_talker(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    house = Counted(models, monkeypatch)
    one, other = house.begin(0), house.begin(2)
    house.frames(one, other)
    assert house.steps == 0
    house.frames(one, other)
    assert house.steps == 1


def test_a_text_that_is_still_written_has_nothing_said_yet(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    house = Counted(models, monkeypatch)
    house.frames(house.begin(0, "live"))
    assert house.steps == 1


def test_the_codes_are_those_of_a_step_more(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = []
    for takes_said in (True, False):
        house = Counted(models, monkeypatch, takes_said=takes_said)
        one = house.begin(1)
        codes.append([house.frames(one)[0] for _ in range(20)])
        monkeypatch.undo()
    assert codes[0] == codes[1]


@pytest.mark.parametrize("joins_at", [1, 5])
def test_who_joins_others_says_what_it_says_alone_and_so_do_they(
    models: Models, monkeypatch: pytest.MonkeyPatch, joins_at: int
) -> None:
    """The step that the others need passes over the newcomer's row, too, and must leave nothing there."""
    house = Counted(models, monkeypatch)
    first, late = house.begin(0), None
    alone = [house.frames(first)[0] for _ in range(16)]
    late = house.begin(2, text="Your timer is done.")
    late_alone = [house.frames(late)[0] for _ in range(16 - joins_at)]

    first, said = house.begin(0), []
    said = [house.frames(first)[0] for _ in range(joins_at)]
    late, late_said = house.begin(2, text="Your timer is done."), []
    for _ in range(16 - joins_at):
        both = house.frames(first, late)
        said.append(both[0])
        late_said.append(both[1])

    assert said == alone
    assert late_said == late_alone


def test_a_prompt_that_is_read_again_forgets_what_was_said(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    house = Counted(models, monkeypatch)
    expected = house.frames(house.begin(0, text="Hello world"))
    house.begin(0)  # and never asked for a frame
    assert house.frames(house.begin(0, text="Hello world")) == expected
