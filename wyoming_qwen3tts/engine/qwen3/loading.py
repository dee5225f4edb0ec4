"""Model folders to runners. Imported late, on the engine thread: this is where torch comes in."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from ...errors import DeviceLost, EngineError, NotNow, first_line
from ...model.checkpoint.files import ModelFileError
from ...model.checkpoint.weights import WEIGHTS, Checkpoint
from ...model.codec import CodecDecoder
from ...model.fused import kernels_in, lean, use_kernels
from ...model.language_model import LanguageModel
from ...model.prompt import PromptVoice as PromptVoice
from ...speech.voice import Voice, VoiceName
from .card.roads import Road
from .card.trial import kernels_of
from .device_errors import Kind, kind_of, let_go, root_cause
from .hardware.memory import CONTEXT_MB
from .hardware.plan import DevicePlan
from .precision import load_codec, load_language_model, thread_tuner
from .priming import NullSink
from .runner.graphs import Graphs, GraphsFailed
from .runner.runner import ModelRunner
from .runner.voice_cache import VoiceCache, checkpoint_identity
from .scheduler import EngineRequest, Utterance
from .thread import Progress

log = logging.getLogger(__name__)

CODEC = "speech_tokenizer"
_TIMED = 2  # hidden frames behind the first, which takes longer than all that follow


class Models(NamedTuple):
    """Everything read from disk. It stays as it is; what changes is the runners'."""

    checkpoints: tuple[Checkpoint, ...]
    codecs: tuple[CodecDecoder, ...]


def prepare_device(device: str) -> None:
    """Set what torch should do differently on ``device``, for the whole process; before a model is made there.

    cuDNN's attention makes a plan for each shape, and the engine has many: some 0.4 s each on Hopper and newer, where
    torch prefers it, at the start and in mid-speech; for the shortest shapes it may have none.
    """
    if device.startswith("cuda"):
        torch.backends.cuda.enable_cudnn_sdp(False)
        if torch.cuda.is_available():
            torch.cuda.set_device(torch.device(device))  # of this thread: what names no card means this one


def load_models(folders: Sequence[Path], plan: DevicePlan, rounded_dir: Path | None, progress: Progress) -> Models:
    """Read every checkpoint and its codec. Rounded weights are kept in ``rounded_dir``; None: nowhere.

    Raises:
        NotNow: one line that says which file is wrong, and what to do.
    """
    prepare_device(plan.torch_device)
    files = [(folder, folder / part / WEIGHTS) for folder in folders for part in ("", CODEC)]
    sizes = [path.stat().st_size if path.exists() else 0 for _, path in files]
    checkpoints: list[Checkpoint] = []
    codecs: list[CodecDecoder] = []
    try:
        for at, (folder, path) in enumerate(files):
            progress(sum(sizes[:at]) / max(1, sum(sizes)))
            if path.parent.name == CODEC:
                codecs.append(load_codec(path.parent, checkpoints[-1].config.codec, plan, rounded_dir))
            else:
                # The text table, 0.6 GB, stays a mapped file: a sentence needs twenty of its 150,000 rows.
                checkpoints.append(load_language_model(folder, plan, rounded_dir))
                if plan.device != "cpu":
                    lean(checkpoints[-1].model)
    except ModelFileError as error:
        raise NotNow(str(error)) from error  # the file may be on its way
    progress(1.0)
    return Models(tuple(checkpoints), tuple(codecs))


def build_runners(
    models: Models,
    *,
    slots: int,
    positions: int,
    graphs: Callable[[], Graphs | None],
    road: Road = "graphs",
) -> list[ModelRunner]:
    """Runners with fresh state for every checkpoint, over what ``graphs`` makes for each (None: none), by ``road`` or
    the next safer one that can be had."""
    runners = []
    for checkpoint, codec in zip(models.checkpoints, models.codecs, strict=True):
        build = partial(ModelRunner, checkpoint, codec, slots=slots, positions=positions)
        left: list[Road] = [each for each in ("compiled", "fused") if each == road]
        left += [] if road == "steps" else ["graphs"]
        why = None
        for each in left:
            try:
                on_road(checkpoint.model, each)
                runners.append(build(graphs=graphs()))
                break
            except _errors(each) as error:
                why = _why_not(error, each)
            if each != "graphs":
                log.warning("Frames are not made on the road %s: %s. The next safer one is taken.", each, why)
        else:
            if why is not None:
                log.warning("No CUDA graphs: %s. Speech goes on without them, and starts later.", why)
            on_road(checkpoint.model, "steps")
            runners.append(build())
        runners[-1].why_no_graphs = why if runners[-1].graphs_name == "none" else None
    return runners


def _errors(road: Road) -> tuple[type[Exception], ...]:
    """After which there is a safer road. A compiler of kernels has errors of its own."""
    return (GraphsFailed, RuntimeError, MemoryError) if road == "graphs" else (Exception,)


def on_road(model: LanguageModel, road: Road) -> None:
    """Have a lean ``model`` computed by the kernels of ``road``; another one has its own."""
    if kernels_in(model) is not None:
        use_kernels(model, kernels_of(road))


def _why_not(error: Exception, road: Road) -> str:
    """Why a runner could not be built on ``road``, in a line. What it held is let go.

    Raises:
        DeviceLost: if the card does not answer any more. A bug is raised as it is, unless it may be the road's own.
    """
    why, kind = first_line(error), kind_of(error)
    if kind is Kind.LOST:
        raise DeviceLost(f"The GPU failed: {first_line(root_cause(error))}") from error
    if kind is Kind.BUG and road == "graphs" and not isinstance(error, GraphsFailed):
        raise error
    let_go(error)  # or half a runner would stay in memory
    return why


def graphs_for(device: str, *, wanted: bool) -> Graphs | None:
    """What records on ``device``, if anything is to be recorded.

    Raises:
        GraphsFailed: if the card has no streams to record on.
    """
    if not wanted or not device.startswith("cuda"):
        return None
    from .runner.cuda_graphs import CudaGraphs

    try:
        return CudaGraphs(torch.device(device))
    except RuntimeError as error:
        raise GraphsFailed(first_line(error)) from error


def keep_voices(runners: Sequence[ModelRunner], folders: Sequence[Path], cache: Path, limit_bytes: int) -> None:
    """Have what is computed for the home's own voices kept in the folder ``cache``."""
    for runner, folder in zip(runners, folders, strict=False):
        model = runner.model
        identity = checkpoint_identity(folder, model)
        runner.keep_in(VoiceCache(cache, identity, model.device, limit_bytes))


def empty_caches() -> None:
    """Give back what nobody holds any more: to the process, and of the card's memory to other programs too."""
    gc.collect()
    if torch.cuda.is_available():
        if hasattr(torch._C, "_cuda_clearCublasWorkspaces"):  # recordings hold them, and are gone now
            torch._C._cuda_clearCublasWorkspaces()
        torch.cuda.empty_cache()


def hold_memory(device: str, limit_mb: int) -> None:
    """Have torch take no more of the card than ``limit_mb``, less what the context takes; 0: what is free. Who runs
    into it gets `OutOfMemory`, as on a full card."""
    if not limit_mb or not device.startswith("cuda"):
        return
    _, total = torch.cuda.mem_get_info(device)
    allowed = max(1, limit_mb - CONTEXT_MB) << 20
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total), device)


def warm_up(runner: ModelRunner, now: Callable[[], float] = time.monotonic) -> float:
    """Speak a hidden frame, so that the first listener does not wait for what is made at first use. Returns how many
    seconds its first sound takes from then on: the least of some, as the machine may be busy while we start.

    Raises:
        EngineError: if what comes out is no number.
    """
    times = []
    for _ in range(1 + _TIMED):
        began = now()
        _speak_a_frame(runner)
        times.append(now() - began)
    return min(times[1:])


def _speak_a_frame(runner: ModelRunner) -> None:
    utterance, voice = bench_utterance(runner, 0)
    runner.prefill(utterance, voice)
    frame = runner.frame([utterance], [float("-inf")])[0]  # it must not be the end: the codec is to be warm too
    if frame.is_broken:
        raise EngineError("This model computes what is no number on this machine; try engine.dtype float32.")
    runner.sound([(utterance, [frame.codes])])


def bench_utterance(runner: ModelRunner, slot: int) -> tuple[Utterance, PromptVoice]:
    """A sentence that nobody hears, in a slot."""
    reply = EngineRequest(NullSink())
    said = Utterance(reply, _NOBODY, "en", "sentence", slot, text="Hello.", is_text_over=True, slot=slot)
    return said, _some_voice(runner)


def _some_voice(runner: ModelRunner) -> PromptVoice:
    if runner.kind == "custom_voice":
        return PromptVoice(speaker=min(runner.model.config.talker.speakers))
    return PromptVoice(vector=torch.zeros(runner.hidden_size)) if runner.kind == "base" else PromptVoice()


_NOBODY = Voice(VoiceName("warm-up"), "", ("en",), "qwen3", "")


Resolve = Callable[[Voice], PromptVoice]


def speaker_voice(voice: Voice) -> PromptVoice:
    """The default look-up: voices of the checkpoint by name."""
    return PromptVoice(speaker=voice.speaker)


__all__ = ["Models", "Resolve", "build_runners", "load_models", "speaker_voice", "thread_tuner", "warm_up"]
