"""Fields that clients of other speech servers send. None changes which voice speaks, so none is a reason to refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_SOURCES: Final = {
    # vllm_omni/entrypoints/openai/protocol/audio.py, OpenAICreateSpeechRequest (0.30 to 0.32)
    "vLLM-Omni": "task_type x_vector_only_mode max_new_tokens initial_codec_chunk_frames non_streaming_mode "
    "extra_params word_timestamps sample_rate ref_audio_codes split_granularity text_input_mode",
    # remsky/Kokoro-FastAPI, api/src/structures/schemas.py
    "Kokoro-FastAPI": "lang_code return_download_link download_format volume_multiplier return_timestamps "
    "normalization_options",
    "groxaxo/Qwen3-TTS-Openai-Fastapi": "normalization_options lang_code stream_chunk_size",
    "speaches": "sample_rate",  # speaches-ai/speaches, routers/speech.py
    "openedai-speech": "streaming",
    "LocalAI": "backend sample_rate params prompt_cache",  # core/schema, TTSRequest
    "OpenAI's and litellm's clients": "user extra_body extra_headers extra_query timeout metadata store service_tier "
    "prompt_cache_key safety_identifier api_base drop_params num_retries",
    "LibreChat": "backend voice_settings model_id pronunciation_dictionary_locators",
    "language models": "temperature top_p top_k min_p max_tokens n stop presence_penalty frequency_penalty "
    "repetition_penalty logprobs logit_bias do_sample num_beams subtalker_temperature subtalker_top_k subtalker_top_p "
    "subtalker_dosample",
}
IGNORED: Final = frozenset(field for fields in _SOURCES.values() for field in fields.split())
ALIASES: Final = {"speaker": "voice", "instruct": "instructions"}
#: These choose another voice than the one that would speak.
REFUSED: Final = ("ref_audio", "ref_text", "speaker_embedding")
WHY_REFUSED: Final = (
    "Requests do not clone a voice here: another one than you want would speak. Make yours with POST /v1/audio/voices, "
    "and send its name as 'voice'."
)


def understood(body: Mapping[str, Any], ours: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """``body`` without what is null and without other servers' fields, under our names; and which were ignored."""
    kept: dict[str, Any] = {}
    ignored = []
    for field, value in body.items():
        if value is None or (field in REFUSED and value is False):
            continue
        name = ALIASES.get(field, field)
        if field in ours:
            kept[field] = value
        elif field in IGNORED or (name != field and body.get(name) is not None):
            ignored.append(field)
        else:
            kept[name] = value
    return kept, ignored
