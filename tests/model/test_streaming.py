"""Streaming layers give what their whole counterparts give, however the input is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wyoming_qwen3tts.model.streaming import (
    CausalConv1d,
    CausalDepthwiseConv1d,
    CausalUpsample1d,
    Residual,
    Streaming,
    StreamingSequential,
    restart_stream,
    restore_stream,
    snapshot_stream,
    state_bytes,
)

Layer = Streaming | StreamingSequential
Module = TypeVar("Module", bound=nn.Module)

LENGTH = 24
CUTS = {"sample by sample": [1] * LENGTH, "two halves": [12, 12], "uneven": [1, 7, 2, 14], "whole": [LENGTH]}
LAYERS: dict[str, Callable[[], Layer]] = {
    "convolution": lambda: CausalConv1d(3, 5, 4),
    "dilated convolution": lambda: CausalConv1d(3, 5, 3, dilation=4),
    "one-tap convolution": lambda: CausalConv1d(3, 5, 1),
    "depthwise convolution": lambda: CausalDepthwiseConv1d(3, 7),
    "upsampling": lambda: CausalUpsample1d(3, 4, 5, overlap=False),
    "overlapping upsampling": lambda: CausalUpsample1d(3, 4, 5, overlap=True),
    "chain": lambda: net(),
}


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def filled(module: Module) -> Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def net() -> StreamingSequential:
    inner = Residual([CausalConv1d(4, 4, 3, dilation=2), nn.GELU(), nn.Linear(4, 4)])
    return StreamingSequential(
        [CausalConv1d(3, 6, 3), CausalUpsample1d(6, 4, 2, overlap=True), inner, CausalDepthwiseConv1d(4, 2)]
    )


def signal(length: int = LENGTH, streams: int = 2) -> Tensor:
    return torch.randn(length, streams, 3)


def stepped(layer: Layer, x: Tensor, cut: list[int]) -> Tensor:
    state = layer.init_state(x.shape[1])
    return torch.cat([layer.step(piece, state) for piece in x.split(cut)])


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())
def test_pieces_join_to_the_whole(make: Callable[[], Layer], cut: list[int]) -> None:
    layer, x = filled(make()), signal()

    joined = stepped(layer, x, cut)

    torch.testing.assert_close(joined, layer(x), atol=1e-5, rtol=1e-5)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_any_cut_of_a_chain_joins_to_the_whole(cut: list[int]) -> None:
    """In float64, where rounding cannot be taken for a fault: in float32 large sums that cancel differ by 1e-4."""
    torch.manual_seed(sum(cut))
    with torch.inference_mode():
        chain, x = filled(net()).double(), signal(sum(cut)).double()

        joined = stepped(chain, x, cut)

        torch.testing.assert_close(joined, chain(x), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())
def test_a_longer_input_never_changes_earlier_output(make: Callable[[], Layer]) -> None:
    layer, x = filled(make()), signal()

    short, long = layer(x[:10]), layer(x)

    assert len(long) > len(short)
    torch.testing.assert_close(long[: len(short)], short)


@pytest.mark.parametrize("dilation", [1, 3])
def test_a_causal_convolution_is_the_library_one_behind_zeros(dilation: int) -> None:
    layer = filled(CausalConv1d(3, 5, 4, dilation))
    x = signal()

    expected = F.conv1d(
        F.pad(x.permute(1, 2, 0), (layer.history, 0)), layer.weight.permute(2, 1, 0), layer.bias, dilation=dilation
    )

    torch.testing.assert_close(layer(x).permute(1, 2, 0), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("overlap", [True, False])
def test_an_upsampling_is_the_library_one_cut_on_the_right(overlap: bool) -> None:
    layer = filled(CausalUpsample1d(3, 4, 5, overlap=overlap))
    x = signal()

    weight = layer.weight.unflatten(1, (-1, 4)).transpose(1, 2)
    expected = F.conv_transpose1d(x.permute(1, 2, 0), weight, layer.bias, stride=5)[..., : LENGTH * 5]

    torch.testing.assert_close(layer(x).permute(1, 2, 0), expected, atol=1e-5, rtol=1e-5)


def test_a_step_moves_the_state_on_in_place() -> None:
    chain = filled(net())
    state = chain.init_state(2)
    before = [(tensor.data_ptr(), tensor.clone()) for tensor in state]

    chain.step(signal(), state)

    assert [tensor.data_ptr() for tensor in state] == [address for address, _ in before]
    assert not any(torch.equal(tensor, old) for tensor, (_, old) in zip(state, before, strict=True))


def test_a_restarted_stream_is_a_new_one_and_the_others_go_on() -> None:
    chain = filled(net())
    x = signal(8)
    state = chain.init_state(2)
    chain.step(signal(), state)
    going_on = snapshot_stream(state, 1)

    restart_stream(state, 0)

    torch.testing.assert_close(chain.step(x, state)[:, 0], chain(x)[:, 0], atol=1e-5, rtol=1e-5)
    assert all(bool(tensor.any()) for tensor in going_on)


def test_a_restored_stream_goes_on_in_another_row_where_it_was_saved() -> None:
    chain = filled(net())
    x = signal(12, streams=1)
    alone, crowd = chain.init_state(1), chain.init_state(3)
    chain.step(signal(streams=3), crowd)
    chain.step(x, alone)
    saved = snapshot_stream(alone, 0)
    expected = chain.step(x, alone)

    restore_stream(crowd, 2, saved)

    torch.testing.assert_close(chain.step(x.expand(-1, 3, -1), crowd)[:, 2:], expected, atol=1e-5, rtol=1e-5)


def test_a_snapshot_does_not_move_on_with_its_stream() -> None:
    chain = filled(net())
    state = chain.init_state(1)
    chain.step(signal(streams=1), state)
    saved = snapshot_stream(state, 0)
    kept = [tensor.clone() for tensor in saved]

    chain.step(signal(streams=1), state)

    assert all(torch.equal(old, now) for old, now in zip(kept, saved, strict=True))


def test_a_snapshot_of_another_network_is_refused() -> None:
    state = CausalConv1d(3, 5, 4).init_state(1)
    other = CausalConv1d(2, 5, 4).init_state(1)

    with pytest.raises(ValueError, match="does not fit"):
        restore_stream(state, 0, snapshot_stream(other, 0))


def test_state_bytes_counts_what_the_tensors_hold() -> None:
    state = (torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))

    assert state_bytes(state) == 2 * 3 * 4 + 2 * 8
