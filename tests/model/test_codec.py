"""The codec's decoder: published layout, and streaming equal to all at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.parity import build
from wyoming_qwen3tts.model.checkpoint.codec_weights import load_decoder, random_decoder
from wyoming_qwen3tts.model.checkpoint.published import published_config
from wyoming_qwen3tts.model.checkpoint.shapes import codec_decoder_shapes
from wyoming_qwen3tts.model.codec import CodecDecoder
from wyoming_qwen3tts.model.streaming import restart_stream, restore_stream, snapshot_stream, state_bytes

PUBLISHED = published_config("0.6B").codec


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def close(ours: Tensor, expected: Tensor) -> None:
    """Far louder than the tolerance, or else the comparison proves nothing."""
    assert expected.std() > 1e-2
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("frames_a_step", [1, 2, 3, 7, 64, 400])
def test_any_cut_of_400_frames_equals_the_whole_decode(frames_a_step: int) -> None:
    decoder, codes = build.decoder(), build.codes(400)
    state = decoder.init_state(1)

    samples = torch.cat([decoder.step(piece, state) for piece in codes.split(frames_a_step, dim=1)], dim=1)

    assert samples.shape == (1, 400 * 1920)
    close(samples, decoder(codes))


def test_uneven_packets_of_another_shape_of_codec_equal_its_whole_decode() -> None:
    decoder, codes = build.decoder("other"), build.codes(40, streams=3, name="other")
    state = decoder.init_state(3)

    samples = torch.cat([decoder.step(piece, state) for piece in codes.split([1, 9, 3, 26, 1], dim=1)], dim=1)

    assert samples.shape == (3, 40 * decoder.samples_per_frame)
    close(samples, decoder(codes))


def test_a_batch_of_four_equals_four_batches_of_one() -> None:
    decoder, codes = build.decoder(), build.codes(90, streams=4)
    together, alone = decoder.init_state(4), [decoder.init_state(1) for _ in range(4)]

    batch = torch.cat([decoder.step(frame, together) for frame in codes.split(3, dim=1)], dim=1)

    for row in range(4):
        own = [decoder.step(frame, alone[row]) for frame in codes[row : row + 1].split(3, dim=1)]
        close(batch[row], torch.cat(own, dim=1)[0])


def test_streams_that_start_at_different_times_do_not_hear_each_other() -> None:
    decoder, codes = build.decoder(), build.codes(100, streams=2)
    state = decoder.init_state(2)
    first = decoder.step(codes[:, :80], state)
    restart_stream(state, 1)

    late = decoder.step(torch.stack((codes[0, 80:], codes[1, :20])), state)

    whole = decoder(codes)
    close(torch.cat((first[0], late[0])), whole[0])
    close(late[1], whole[1, : 20 * 1920])


def test_only_the_named_slots_move() -> None:
    decoder, codes = build.decoder(), build.codes(12, streams=3)
    state = decoder.init_state(3)
    decoder.step(codes[:, :4], state)
    idle = snapshot_stream(state, 1)

    spoken = decoder.step(codes[[2, 0], 4:], state, slots=torch.tensor([2, 0]))

    close(spoken, decoder(codes)[[2, 0], 4 * 1920 :])
    assert all(torch.equal(old, now) for old, now in zip(idle, snapshot_stream(state, 1), strict=True))


def test_idle_places_of_a_batch_may_share_a_spare_row() -> None:
    decoder, codes = build.decoder(), build.codes(10, streams=4)
    state = decoder.init_state(3)
    slots = torch.tensor([2, 2, 0, 2])  # row 2 is nobody's

    spoken = torch.cat([decoder.step(frame, state, slots) for frame in codes.split(1, dim=1)], dim=1)

    close(spoken[2], decoder(codes)[2])
    assert not any(bool(tensor[1].any()) for tensor in state)


def test_a_slice_of_a_state_moves_on_in_place() -> None:
    decoder, codes = build.decoder(), build.codes(10)
    state = decoder.init_state(3)

    first = decoder.step(codes[:, :6], tuple(tensor[1:2] for tensor in state))
    rest = decoder.step(codes[:, 6:], state, slots=torch.tensor([1]))

    close(torch.cat((first, rest), dim=1), decoder(codes))


def test_a_reused_slot_equals_a_fresh_one() -> None:
    decoder, codes = build.decoder(), build.codes(80)
    state = decoder.init_state(2)
    decoder.step(build.codes(100, streams=2, seed=1), state)

    restart_stream(state, 1)
    again = decoder.step(codes, state, slots=torch.tensor([1]))

    close(again, decoder.step(codes, decoder.init_state(1)))


def test_a_restored_snapshot_goes_on_exactly_where_it_was_taken() -> None:
    decoder, codes = build.decoder(), build.codes(100)
    state = decoder.init_state(2)
    decoder.step(codes[:, :75], state, slots=torch.tensor([0]))
    primed = snapshot_stream(state, 0)
    decoder.step(build.codes(30, streams=2, seed=1), state)

    restore_stream(state, 1, primed)
    rest = decoder.step(codes[:, 75:], state, slots=torch.tensor([1]))

    close(rest, decoder(codes)[:, 75 * 1920 :])


def test_a_later_frame_never_changes_earlier_samples() -> None:
    decoder, codes = build.decoder(), build.codes(20)
    changed = codes.clone()
    changed[0, 12] = (changed[0, 12] + 1) % 256

    before, after = decoder(codes), decoder(changed)

    torch.testing.assert_close(after[:, : 12 * 1920], before[:, : 12 * 1920], atol=1e-6, rtol=0)
    assert not torch.allclose(after[:, 12 * 1920 : 13 * 1920], before[:, 12 * 1920 : 13 * 1920], atol=1e-3)


def test_control_ids_of_the_talker_cannot_fault_the_decoder() -> None:
    decoder = build.decoder()
    last, beyond = torch.full((1, 2, 16), 255), torch.full((1, 2, 16), 2150)

    assert torch.equal(decoder(beyond), decoder(last))
    assert torch.equal(decoder(torch.full((1, 2, 16), -1)), decoder(torch.zeros(1, 2, 16, dtype=torch.int64)))


def test_samples_stay_within_full_scale() -> None:
    config = build.codec_config()
    weights = build.weights(codec_decoder_shapes(config))
    weights["decoder.decoder.6.conv.weight"] *= 1000

    samples = load_decoder(weights, config)(build.codes(5))

    assert samples.abs().max() == 1


def test_bfloat16_steps_stay_near_the_float32_decode() -> None:
    exact, codes = build.decoder(), build.codes(30)
    config = build.codec_config()
    rough = load_decoder(build.weights(codec_decoder_shapes(config)), config).to(torch.bfloat16)
    state = rough.init_state(1)

    samples = torch.cat([rough.step(frame, state) for frame in codes.split(1, dim=1)], dim=1)

    expected = exact(codes)
    assert samples.dtype == torch.bfloat16
    assert (samples.float() - expected).square().mean().sqrt() < 0.1 * expected.std()


def test_a_step_at_full_size_never_looks_at_the_value_of_a_tensor() -> None:
    with torch.device("meta"):  # has shapes and no values: a step that asks for one fails
        decoder = CodecDecoder(PUBLISHED)
        state = decoder.init_state(8)
        codes, slots = torch.zeros(2, 1, 16, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)

    samples = decoder.step(codes, state, slots)

    assert samples.shape == (2, 1920)


def test_a_stream_at_full_size_remembers_five_megabytes() -> None:
    with torch.device("meta"):
        state = CodecDecoder(PUBLISHED).init_state(1)

    attention, others = 8 * 2 * 16 * 71 * 64, 1024 + 12288 + 6144 + 9120 + 112320 + 576
    assert state_bytes(state) == (attention + others) * 4 + 8


def test_loading_copies_every_tensor_out_of_the_file() -> None:
    config = build.codec_config()
    weights = build.weights(codec_decoder_shapes(config))
    decoder, codes = load_decoder(weights, config), build.codes(3)
    before = decoder(codes)

    for tensor in weights.values():
        tensor.fill_(torch.nan)

    assert torch.equal(decoder(codes), before)


def test_random_weights_of_the_same_seed_speak_the_same_noise() -> None:
    config, codes = build.codec_config(), build.codes(3)

    first, again, other = (random_decoder(config, seed=seed)(codes) for seed in (1, 1, 2))

    assert torch.equal(first, again)
    assert first.isfinite().all()
    assert not torch.equal(first, other)
