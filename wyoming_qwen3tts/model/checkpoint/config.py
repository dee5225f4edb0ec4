"""What a checkpoint says about itself: ``config.json``, ``generation_config.json``, ``speech_tokenizer/config.json``.

Nothing is assumed: the defaults of the official classes are wrong for the published checkpoints (20 layers, 32 groups).
Unknown keys are fine; a missing or impossible one is a `ModelFileError` that names file and key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from .files import LAYERS_MAX, JsonSection, ModelFileError, UnfitCodec

ModelType = Literal["custom_voice", "voice_design", "base"]
MODEL_TYPES: tuple[ModelType, ...] = ("custom_voice", "voice_design", "base")
RATES = (24_000, 48_000)  # Hz, of sound that can be spoken
CONTROL_IDS = 1024  # the last ids of the talker's vocabulary; of these only EOS may ever be generated


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """The shape of a Qwen3-style decoder stack; talker and code predictor share it."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    rope_theta: float
    rms_norm_eps: float


@dataclass(frozen=True, slots=True)
class CodecIds:
    """Control ids inside the talker's codec vocabulary."""

    pad: int
    bos: int
    eos: int
    think: int
    nothink: int
    think_bos: int
    think_eos: int


@dataclass(frozen=True, slots=True)
class TalkerConfig:
    """The talker: its stack, its text side, and who and what it can speak.

    ``languages`` includes dialects; ``dialects`` maps a speaker to the dialect it speaks, where it has one.
    """

    stack: TransformerConfig
    code_groups: int
    text_vocab_size: int
    text_hidden_size: int
    positions_max: int
    ids: CodecIds
    languages: Mapping[str, int]
    speakers: Mapping[str, int]
    dialects: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SpeakerEncoderConfig:
    """The ECAPA-TDNN of a Base checkpoint. ``dim`` equals the talker's hidden size."""

    mel_dim: int
    dim: int
    channels: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    dilations: tuple[int, ...]
    attention_channels: int
    res2net_scale: int
    se_channels: int
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class SamplingDefaults:
    """``generation_config.json``: how the publishers sample. ``max_new_tokens`` counts as the official loop does."""

    do_sample: bool
    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float
    predictor_do_sample: bool
    predictor_temperature: float
    predictor_top_k: int
    predictor_top_p: float
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """The decoder half of ``speech_tokenizer/config.json``; ``encoder`` is the untouched Mimi half, for cloning."""

    codebook_size: int
    codebook_dim: int
    latent_dim: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    sliding_window: int
    rope_theta: float
    rms_norm_eps: float
    decoder_dim: int
    upsample_rates: tuple[int, ...]
    upsampling_ratios: tuple[int, ...]
    num_quantizers: int
    input_sample_rate_hz: int
    output_sample_rate_hz: int
    encoder_quantizers: int
    encoder: Mapping[str, Any]

    @property
    def frame_samples(self) -> int:
        """Samples that one frame decodes to (1,920 in the published codec)."""
        return prod(self.upsample_rates) * prod(self.upsampling_ratios)

    @property
    def clip_frame_samples(self) -> int:
        """Samples of a clip that become one frame: 80 ms."""
        return self.input_sample_rate_hz * 2 // 25


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A whole checkpoint, as described by its JSON files."""

    type: ModelType
    size: str
    talker: TalkerConfig
    predictor: TransformerConfig
    speaker_encoder: SpeakerEncoderConfig | None
    sampling: SamplingDefaults
    codec: CodecConfig
    im_start_id: int
    im_end_id: int
    tts_pad_id: int
    tts_bos_id: int
    tts_eos_id: int

    @property
    def has_projection(self) -> bool:
        """Whether talker states are narrowed before the code predictor (1.7B), or fit as they are (0.6B)."""
        return self.talker.stack.hidden_size != self.predictor.hidden_size

    @property
    def takes_instruct(self) -> bool:
        """Whether an instruction reaches the model; the official code drops it for 0.6B CustomVoice, by substring."""
        return self.type == "voice_design" or (self.type == "custom_voice" and self.size not in "0b6")


def load_config(folder: Path) -> ModelConfig:
    """Read the three JSON files that describe the checkpoint in ``folder``.

    Raises:
        ModelFileError: naming the file and the key that is missing, mistyped, out of range or contradictory.
        UnfitCodec: if the codec's sound has a rate that cannot be spoken.
    """
    top = JsonSection.open(folder / "config.json")
    kind = next((known for known in MODEL_TYPES if top.text("tts_model_type") == known), None)
    if kind is None:
        raise top.fail("tts_model_type", f"must be one of {', '.join(MODEL_TYPES)}")
    talker_section = top.section("talker_config")
    talker = _talker(talker_section, needs_speakers=kind == "custom_voice")
    predictor_section = talker_section.section("code_predictor_config")
    predictor = _transformer(predictor_section)
    if predictor_section.integer("num_code_groups") != talker.code_groups:
        raise predictor_section.fail("num_code_groups", "differs from talker_config.num_code_groups")
    codec = load_codec_config(folder / "speech_tokenizer")
    _check_rates(folder / "speech_tokenizer" / "config.json", codec)
    _check_codec_fits(predictor_section, predictor, talker, codec)
    text_ids = {key: top.integer(key, low=0, high=talker.text_vocab_size - 1) for key in TEXT_IDS}
    return ModelConfig(
        type=kind,
        size=top.text("tts_model_size"),
        talker=talker,
        predictor=predictor,
        speaker_encoder=_speaker_encoder(top, talker) if kind == "base" else None,
        sampling=_sampling(JsonSection.open(folder / "generation_config.json")),
        codec=codec,
        im_start_id=text_ids["im_start_token_id"],
        im_end_id=text_ids["im_end_token_id"],
        tts_pad_id=text_ids["tts_pad_token_id"],
        tts_bos_id=text_ids["tts_bos_token_id"],
        tts_eos_id=text_ids["tts_eos_token_id"],
    )


TEXT_IDS = ("im_start_token_id", "im_end_token_id", "tts_pad_token_id", "tts_bos_token_id", "tts_eos_token_id")


def load_codec_config(folder: Path) -> CodecConfig:
    """Read ``config.json`` of a codec (a checkpoint's ``speech_tokenizer`` folder, or the codec published alone).

    Raises:
        ModelFileError: see `load_config`.
    """
    top = JsonSection.open(folder / "config.json")
    decoder = top.section("decoder_config")
    decoder.refuse_unless("attention_bias", False)
    decoder.refuse_unless("hidden_act", "silu")
    codec = CodecConfig(
        codebook_size=decoder.integer("codebook_size"),
        codebook_dim=decoder.integer("codebook_dim", low=2),
        latent_dim=decoder.integer("latent_dim"),
        hidden_size=decoder.integer("hidden_size"),
        intermediate_size=decoder.integer("intermediate_size"),
        layers=decoder.integer("num_hidden_layers", high=LAYERS_MAX),
        heads=decoder.integer("num_attention_heads"),
        kv_heads=decoder.integer("num_key_value_heads"),
        head_dim=decoder.integer("head_dim", low=2),
        sliding_window=decoder.integer("sliding_window", low=2),
        rope_theta=decoder.number("rope_theta"),
        rms_norm_eps=decoder.number("rms_norm_eps", 1e-5),
        decoder_dim=decoder.integer("decoder_dim"),
        upsample_rates=decoder.integers("upsample_rates"),
        upsampling_ratios=decoder.integers("upsampling_ratios"),
        num_quantizers=decoder.integer("num_quantizers", low=2, high=LAYERS_MAX),
        input_sample_rate_hz=top.integer("input_sample_rate"),
        output_sample_rate_hz=top.integer("output_sample_rate"),
        encoder_quantizers=top.integer("encoder_valid_num_quantizers", high=LAYERS_MAX),
        encoder=top.section("encoder_config").values,
    )
    _check_heads(decoder, codec.heads, codec.kv_heads, codec.head_dim)
    if codec.codebook_dim % 2:
        raise decoder.fail("codebook_dim", "must be even")
    if top.integer("decode_upsample_rate") != codec.frame_samples:
        raise top.fail("decode_upsample_rate", f"differs from the decoder's own rates, {codec.frame_samples}")
    if codec.decoder_dim % 2 ** len(codec.upsample_rates):
        raise decoder.fail("decoder_dim", "cannot be halved once per upsample rate")
    return codec


def _check_rates(file: Path, codec: CodecConfig) -> None:
    """Of a codec that is to be spoken with, and cloned with."""
    rate, made = codec.output_sample_rate_hz, codec.frame_samples * 25 // 2
    if rate != made:
        raise UnfitCodec(
            f"{file}: output_sample_rate is {rate:,} Hz, but the decoder makes {codec.frame_samples:,} samples a "
            f"frame of 80 ms, which is {made:,} Hz; take the codec that belongs to the model"
        )
    if rate not in RATES:
        raise UnfitCodec(
            f"{file}: output_sample_rate is {rate:,} Hz; only {' and '.join(f'{r:,}' for r in RATES)} Hz can be "
            "spoken; take the codec that belongs to the model"
        )
    if codec.input_sample_rate_hz != RATES[0]:
        raise UnfitCodec(
            f"{file}: input_sample_rate is {codec.input_sample_rate_hz:,} Hz; clips are cloned at {RATES[0]:,} Hz; "
            "take the codec that belongs to the model"
        )


def _talker(section: JsonSection, *, needs_speakers: bool) -> TalkerConfig:
    stack = _transformer(section)
    section.refuse_unless("use_sliding_window", False)
    if stack.vocab_size <= CONTROL_IDS:
        raise section.fail("vocab_size", f"must be above {CONTROL_IDS}, the number of control ids at its end")
    languages = section.ids("codec_language_id", stack.vocab_size)
    speakers = section.ids("spk_id", stack.vocab_size, optional=not needs_speakers)
    return TalkerConfig(
        stack=stack,
        code_groups=section.integer("num_code_groups", low=2, high=LAYERS_MAX),
        text_vocab_size=section.integer("text_vocab_size"),
        text_hidden_size=section.integer("text_hidden_size"),
        positions_max=section.integer("max_position_embeddings", low=16),
        ids=_codec_ids(section, stack.vocab_size),
        languages=languages,
        speakers=speakers,
        dialects=_dialects(section, speakers, languages),
    )


def _codec_ids(section: JsonSection, vocab_size: int) -> CodecIds:
    def id_of(key: str) -> int:
        return section.integer(key, low=0, high=vocab_size - 1)

    return CodecIds(
        pad=id_of("codec_pad_id"),
        bos=id_of("codec_bos_id"),
        eos=section.integer("codec_eos_token_id", low=vocab_size - CONTROL_IDS, high=vocab_size - 1),
        think=id_of("codec_think_id"),
        nothink=id_of("codec_nothink_id"),
        think_bos=id_of("codec_think_bos_id"),
        think_eos=id_of("codec_think_eos_id"),
    )


def _dialects(section: JsonSection, speakers: Mapping[str, int], languages: Mapping[str, int]) -> dict[str, str]:
    if not speakers:
        return {}
    table = section.section("spk_is_dialect")
    dialects = {}
    for speaker, dialect in table.values.items():
        if dialect is False:
            continue
        if not isinstance(dialect, str) or dialect.lower() not in languages:
            raise table.fail(speaker, "must be false or a name in codec_language_id")
        dialects[speaker.lower()] = dialect.lower()
    return dialects


def _transformer(section: JsonSection) -> TransformerConfig:
    section.refuse_unless("attention_bias", False)
    section.refuse_unless("hidden_act", "silu")
    section.refuse_unless("tie_word_embeddings", False)
    rope = section.values.get("rope_scaling")
    if isinstance(rope, dict):  # only the multimodal "default", whose three position streams are always equal here
        rope_section = section.section("rope_scaling")
        rope_section.refuse_unless("rope_type", "default")
        rope_section.refuse_unless("type", "default")
    stack = TransformerConfig(
        vocab_size=section.integer("vocab_size"),
        hidden_size=section.integer("hidden_size"),
        intermediate_size=section.integer("intermediate_size"),
        layers=section.integer("num_hidden_layers", high=LAYERS_MAX),
        heads=section.integer("num_attention_heads"),
        kv_heads=section.integer("num_key_value_heads"),
        head_dim=section.integer("head_dim", low=2),
        rope_theta=section.number("rope_theta"),
        rms_norm_eps=section.number("rms_norm_eps", 1e-6),
    )
    _check_heads(section, stack.heads, stack.kv_heads, stack.head_dim)
    return stack


def _check_heads(section: JsonSection, heads: int, kv_heads: int, head_dim: int) -> None:
    if heads % kv_heads:
        raise section.fail("num_attention_heads", f"({heads}) is no multiple of num_key_value_heads ({kv_heads})")
    if head_dim % 2:
        raise section.fail("head_dim", "must be even")


def _check_codec_fits(
    section: JsonSection, predictor: TransformerConfig, talker: TalkerConfig, codec: CodecConfig
) -> None:
    if codec.num_quantizers != talker.code_groups:
        raise section.fail("num_code_groups", f"differs from the codec's num_quantizers, {codec.num_quantizers}")
    if predictor.vocab_size != codec.codebook_size:
        raise section.fail("vocab_size", f"differs from the codec's codebook_size, {codec.codebook_size}")
    if talker.stack.vocab_size - CONTROL_IDS != codec.codebook_size:
        raise section.fail("vocab_size", f"of the talker leaves no {codec.codebook_size} codes before its control ids")


def _speaker_encoder(top: JsonSection, talker: TalkerConfig) -> SpeakerEncoderConfig:
    section = top.section("speaker_encoder_config")
    # Published files name only enc_dim and sample_rate; the other values are the official class's own.
    config = SpeakerEncoderConfig(
        mel_dim=section.integer("mel_dim", 128),
        dim=section.integer("enc_dim"),
        channels=section.integers("enc_channels", (512, 512, 512, 512, 1536)),
        kernel_sizes=section.integers("enc_kernel_sizes", (5, 3, 3, 3, 1)),
        dilations=section.integers("enc_dilations", (1, 2, 3, 4, 1)),
        attention_channels=section.integer("enc_attention_channels", 128),
        res2net_scale=section.integer("enc_res2net_scale", 8, low=2),
        se_channels=section.integer("enc_se_channels", 128),
        sample_rate_hz=section.integer("sample_rate"),
    )
    if config.dim != talker.stack.hidden_size:
        raise section.fail("enc_dim", f"differs from the talker's hidden_size, {talker.stack.hidden_size}")
    if not len(config.channels) == len(config.kernel_sizes) == len(config.dilations) >= 3:
        raise section.fail("enc_channels", "needs as many entries as enc_kernel_sizes and enc_dilations, at least 3")
    return config


def _sampling(section: JsonSection) -> SamplingDefaults:
    return SamplingDefaults(
        do_sample=section.flag("do_sample"),
        temperature=section.number("temperature"),
        top_k=section.integer("top_k", low=0),
        top_p=section.number("top_p", high=1.0),
        repetition_penalty=section.number("repetition_penalty"),
        predictor_do_sample=section.flag("subtalker_dosample"),
        predictor_temperature=section.number("subtalker_temperature"),
        predictor_top_k=section.integer("subtalker_top_k", low=0),
        predictor_top_p=section.number("subtalker_top_p", high=1.0),
        max_new_tokens=section.integer("max_new_tokens", low=2),
    )


__all__ = [
    "CONTROL_IDS",
    "CodecConfig",
    "CodecIds",
    "ModelConfig",
    "ModelFileError",
    "ModelType",
    "SamplingDefaults",
    "SpeakerEncoderConfig",
    "TalkerConfig",
    "TransformerConfig",
    "load_codec_config",
    "load_config",
]
