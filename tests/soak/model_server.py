"""``python -m tests.soak.model_server serve FLAGS``: the real server, whose engine thread fails whenever the process
gets SIGUSR1, at the next frame that somebody is to hear. The error is one that no code of ours knows."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wyoming_qwen3tts.engine.qwen3.runner.runner import Frame, ModelRunner
    from wyoming_qwen3tts.engine.qwen3.scheduler import Utterance

_shall_fail = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: _shall_fail.set())  # before anything is loaded: it would end us until then


def sabotage() -> None:
    from wyoming_qwen3tts.engine.qwen3.runner.runner import ModelRunner

    frame = ModelRunner.frame

    def frame_or_fail(runner: ModelRunner, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[Frame]:
        is_heard = biases[0] > float("-inf")  # as none of the frames is that warm it up
        if is_heard and _shall_fail.is_set():
            _shall_fail.clear()
            raise ZeroDivisionError("the engine thread was told to fail")
        return frame(runner, utterances, biases)

    ModelRunner.frame = frame_or_fail  # type: ignore[method-assign]


if __name__ == "__main__":
    from wyoming_qwen3tts.__main__ import main

    sabotage()
    sys.exit(main(sys.argv[1:]))
