"""The predicted memory is that of the tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from tests.engine.qwen3.runner.test_frames import Size, published, step
from wyoming_qwen3tts.engine.qwen3.hardware import memory
from wyoming_qwen3tts.engine.qwen3.precision import torch_dtype
from wyoming_qwen3tts.engine.qwen3.runner.codec import PACKETS, _step
from wyoming_qwen3tts.engine.qwen3.runner.prefill import GraphedPrompts
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import GraphRecorder, _Made
from wyoming_qwen3tts.model.checkpoint.published import published_config
from wyoming_qwen3tts.model.codec import ALL_ROWS, CodecDecoder
from wyoming_qwen3tts.model.cpu.quantize import is_rounded
from wyoming_qwen3tts.model.language_model import LanguageModel
from wyoming_qwen3tts.model.rounded import round_for_card
from wyoming_qwen3tts.model.streaming import state_bytes

MIB = 1 << 20
_VIEWS = (
    *("view", "slice", "transpose", "select", "unsqueeze", "unbind", "split", "chunk", "expand", "permute"),
    *("reshape", "t.default", "as_strided", "unfold", "squeeze", "flatten", "unflatten", "alias", "detach"),
)


class _Sizes(GraphRecorder):  # type: ignore[no-untyped-call]
    """Remembers how large what was made is."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[int, int] = {}

    def _new(self, result: Any, args: Any, kwargs: Any, at: int) -> int | None:
        number = super()._new(result, args, kwargs, at)
        if number is not None:
            self.sizes[number] = result.numel() * result.element_size()
        return number


def peak_bytes(work: Callable[[], Any]) -> int:
    """The most that a recording's own tensors take at a time; a view lives as long as what it is a view of."""
    recorder = _Sizes()
    with torch.inference_mode(), recorder:
        work()
    owner: dict[int, int] = {}
    until: dict[int, int] = {}
    for at, operation in enumerate(recorder.recording.operations):
        is_view = str(operation.call).removeprefix("aten.").startswith(_VIEWS)
        source = next((value.number for value in operation.arguments if isinstance(value, _Made)), None)
        for number in operation.makes:
            if number is not None and not is_view:
                owner[number] = number
            elif number is not None and source in owner:
                owner[number] = owner[source]
            if number in owner:
                until[owner[number]] = max(until.get(owner[number], at), recorder.recording.last_use[number])
    live = most = 0
    for at, operation in enumerate(recorder.recording.operations):
        live += sum(recorder.sizes[number] for number in operation.makes if number is not None and number in until)
        most = max(most, live)
        live -= sum(recorder.sizes[number] for number, last in until.items() if last == at)
    return most


@pytest.mark.parametrize("size", ["0.6B", "1.7B"])
def test_the_weights_are_the_parameters(size: Size) -> None:
    model = published(size, "meta")
    with torch.device("meta"):
        codec = CodecDecoder(published_config(size).codec)
    language = sum(p.numel() for p in model.parameters()) * 2
    decoder = sum(p.numel() for p in codec.parameters()) * 4
    wanted = memory.need(size, dtype="bfloat16", slots=1, positions=1)

    assert wanted is not None
    assert wanted.weights_mb == pytest.approx((language + decoder) / MIB, rel=0.002)


@pytest.mark.parametrize("size", ["0.6B", "1.7B"])
@pytest.mark.parametrize("quantize", ["int8", "int4"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_rounded_weights_are_their_tensors(size: Size, quantize: str, dtype: str) -> None:
    model = published(size, "meta").to(torch_dtype(dtype))
    round_for_card(model, int4_predictor=quantize == "int4")
    tensors = [*model.parameters(), *model.buffers()]
    with torch.device("meta"):
        codec = CodecDecoder(published_config(size).codec)
    decoder = sum(p.numel() for p in codec.parameters()) * 4
    wanted = memory.need(size, dtype=dtype, quantize=quantize, slots=1, positions=1)

    assert wanted is not None
    assert wanted.weights_mb == pytest.approx(
        (sum(t.numel() * t.element_size() for t in tensors) + decoder) / MIB, rel=0.003
    )


def test_the_slots_are_their_tensors() -> None:
    state = published("0.6B", "meta").init_state(1, 1024)
    with torch.device("meta"):
        sound = CodecDecoder(published_config("0.6B").codec).init_state(1)
    row = sum(t.numel() * t.element_size() for t in (*state.cache, *state.predictor_cache, *state.sampler))
    wanted = memory.need("0.6B", dtype="bfloat16", slots=1, positions=1024)

    assert wanted is not None
    assert (row + state_bytes(sound)) / MIB <= wanted.slots_mb <= (row + state_bytes(sound)) / MIB + 2


@pytest.mark.parametrize("slots", [1, 4, 8])
def test_the_pools_hold_what_recordings_need(slots: int) -> None:
    model = published("0.6B", "meta")
    with torch.inference_mode(), torch.device("meta"):
        codec = CodecDecoder(published_config("0.6B").codec)
        codec.rows_at_once = ALL_ROWS
        most = max(PACKETS)
        codes, rows = torch.zeros(slots, most, 16, dtype=torch.int64), torch.zeros(slots, dtype=torch.int64)
        sound = partial(_step, codec, codec.init_state(slots + 1), codes, rows, torch.zeros(slots, most * 1920))
        reader = GraphedPrompts.__new__(GraphedPrompts)
        reader._talker, reader._scratch = model.talker, model.talker.init_cache(1, 256)
        reader._start = torch.zeros((), dtype=torch.int64)
        prompt = partial(reader._work, torch.zeros(1, 128, 1024, dtype=torch.bfloat16))
        frames = max(peak_bytes(step(model, slots, 1024)), peak_bytes(prompt))
        pools_mb = (frames + peak_bytes(sound)) / MIB

    assert pools_mb <= memory._POOL_MB + slots * memory._POOL_SLOT_MB <= pools_mb + 40


def test_the_small_model_with_four_slots_stays_below_two_and_a_half_gigabytes() -> None:
    wanted = memory.need("Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice", dtype="bfloat16", slots=4, positions=1024)

    assert wanted is not None
    assert wanted.beside_mb * MIB <= 2.5e9


def test_the_table_has_a_row_for_each_size_and_precision() -> None:
    rows = memory.table(slots=4, positions=1024)

    assert [(row["model"], row["dtype"]) for row in rows] == [
        *(("0.6B", "bfloat16"), ("0.6B", "float32"), ("1.7B", "bfloat16"), ("1.7B", "float32"))
    ]
    assert all(int(row["beside_mb"]) > int(row["weights_mb"]) for row in rows)


@pytest.mark.parametrize("size", ["0.6B", "1.7B"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_what_is_counted_on_a_processor_is_what_its_tensors_take(size: Size, dtype: str) -> None:
    with torch.device("meta"):
        tensors = LanguageModel(published_config(size)).state_dict()
    rounded = sum(tensor.numel() for name, tensor in tensors.items() if is_rounded(name))
    others = sum(tensor.numel() for name, tensor in tensors.items() if not is_rounded(name))
    takes = rounded * (1 + 2 / 32) + others * (4 if dtype == "float32" else 2) + memory._CODEC_DECODER_BYTES / 2

    parameters = memory._LANGUAGE_MODEL[size]
    assert memory._cpu_weights_mb(parameters, dtype) == pytest.approx(takes / MIB, rel=0.05)
    needed_mb = memory.cpu_need_mb(f"Qwen/Qwen3-TTS-12Hz-{size}-CustomVoice", dtype=dtype)
    assert needed_mb is not None
    assert needed_mb > takes / MIB + 350
