"""Who speaks, and where models come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from .values import Section, checked_stand_in, listed, lower, web_address

_OWN_SLOTS = 64  # a model on this machine keeps memory for each


class EngineSettings(Section):
    """Who speaks."""

    kind: Annotated[Literal["auto", "builtin", "qwen3", "remote", "wyoming"], BeforeValidator(lower)] = "auto"
    """`builtin`: hibari for English, espeak-ng for the other languages. `qwen3`: Qwen3-TTS on this machine. `remote`:
    Qwen3-TTS on the machines of `urls`. `wyoming`: the voices of the other Wyoming servers that `stand_in` names.
    `auto`: `qwen3` where a CUDA card works, else whoever stands in."""
    natural_voice: bool = False
    """With `auto`: Qwen3-TTS also where there is no card, on the processor. It takes 2.5 GB to download, 2.5 GB of
    memory and a processor with AVX2; the built-in voice speaks meanwhile, and where it would be too slow."""
    stand_in: Annotated[tuple[str, ...], BeforeValidator(listed), AfterValidator(checked_stand_in)] = ("auto",)
    """Who speaks while the model cannot: other Wyoming servers of the home, such as Piper, `tcp://HOST:PORT`, several
    separated by commas, each language by the first that knows it; or `builtin`, the built-in voice. It also speaks
    where none of those servers can. `auto`: Piper, where this runs as an app of Home Assistant and Piper is one too;
    else `builtin`."""
    stand_in_voices: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Voices of those servers that are taken before others, by their names there: `de_DE-thorsten-medium`. A server of
    Piper tells of many that it would have to download first."""
    model: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Qwen3-TTS checkpoints, hub ids or folders, separated by commas. Each decides which voices it speaks. None: chosen
    by the memory of the graphics card. Only what is listed here is ever downloaded."""
    device: Annotated[Literal["auto", "cpu", "cuda"], BeforeValidator(lower)] = "auto"
    """Where the model runs. `auto`: `cuda` where a card works, else `cpu`."""
    dtype: Annotated[Literal["auto", "float32", "bfloat16"], BeforeValidator(lower)] = "auto"
    """The precision of its weights. `auto`: `bfloat16` where the machine computes with it, else `float32`."""
    quantize: Annotated[Literal["auto", "none", "int8", "int4"], BeforeValidator(lower)] = "auto"
    """Round the model's matrices: `int8`, or `int4` for the part of the model that takes most of the time, which is
    faster and coarser. On a graphics card only with `frames` `fused`, which nobody has measured yet. `auto`: `int8` on
    a CPU, `none` on a graphics card. `say --raw` never rounds."""
    graphs: bool = True
    """Record each frame once as a CUDA graph and replay it, on a graphics card. Off: slower; for when a driver or card
    misbehaves with them."""
    frames: Annotated[Literal["auto", "steps", "graphs", "compiled", "fused"], BeforeValidator(lower)] = "auto"
    """How frames are made on a graphics card: in single `steps`; as recorded `graphs`; by graphs of fewer kernels,
    `compiled` by PyTorch or `fused` by hand, which nobody has measured yet (`doctor --gpu` does). What does not say the
    same as single steps is not taken. `auto`: the fastest of those that were seen to work on such a card, else
    `graphs`."""
    codec_tf32: bool = False
    """Turn codes into sound with TF32 instead of float32, on cards from the RTX 30 series on: less work, at an error of
    some thousandths. Not used where it is less than 45 dB from float32."""
    feed: Annotated[Literal["hybrid", "live", "sentence"], BeforeValidator(lower)] = "hybrid"
    """How text reaches Qwen3-TTS: `sentence` by sentence, `live` word by word, or `hybrid`: the first sentence of a
    streamed reply live, the later ones as sentences. `remote` can be live in English and Chinese."""
    slots: Annotated[int, Field(ge=1, le=1024)] = 4
    """How many replies are spoken at the same time; more than 64 only with `remote` and `wyoming`."""
    patience_s: Annotated[float, Field(gt=0, le=60)] = 1.5
    """How long the model may take to its first sound, from the first sentence on, before the built-in voice speaks. A
    speaker with ESPHome gives a reply up after 2 s."""
    head_start_s: Annotated[float, Field(ge=0, le=60)] = 6.0
    """Where this machine speaks slower than real time: how long a reply may be held back, so that it does not
    stutter. Silence goes out meanwhile. What would need longer is spoken by the built-in voice. 0: start at once."""
    earcon: bool = False
    """Play two soft tones before the built-in voice speaks in the place of the model."""
    vram_limit_mb: Annotated[int, Field(ge=0)] = 0
    """How much memory of the graphics card the model may take, in MiB; others may need the rest. 0: what is free."""
    unload_after: Annotated[float, Field(ge=0, le=604_800)] = 0.0
    """After how many idle seconds the model leaves the memory. The next request loads it again, and is spoken by the
    built-in voice meanwhile. 0: never."""
    urls: Annotated[tuple[Annotated[str, web_address("http://192.168.1.30:8091")], ...], BeforeValidator(listed)] = ()
    """Servers of OpenAI's speech API that `remote` speaks through, such as vLLM-Omni or another server like this one:
    `http://192.168.1.30:8091`, several separated by commas. The one with the least audio still to come is asked; one
    that fails is left alone for 30 s."""
    hedge_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Ask a second one of those servers for a sentence when the first has sent nothing for so many seconds; who sends
    first speaks. It costs work twice. 0: never."""
    api_key: SecretStr = SecretStr("")
    """The key that those servers ask for, if they do."""

    @field_validator("slots")
    @classmethod
    def _many_only_elsewhere(cls, slots: int, info: ValidationInfo) -> int:
        if slots > _OWN_SLOTS and info.data.get("kind") not in ("remote", "wyoming"):
            raise ValueError(f"at most {_OWN_SLOTS} where this machine speaks, more only with engine.kind remote")
        return slots

    @property
    def chosen_kind(self) -> str:
        """`kind`, or `qwen3` where `auto` is to use the processor too."""
        return "qwen3" if self.kind == "auto" and self.natural_voice else self.kind


class ModelSettings(Section):
    """Where model files come from. They are kept in `models` inside the data folder."""

    offline: bool = False
    """Never download anything. `HF_HUB_OFFLINE=1` in the environment does the same."""
    endpoint: Annotated[str, web_address("https://mirror.example")] = ""
    """A mirror of the Hugging Face hub, such as `https://mirror.example`. None: `HF_ENDPOINT`, else the hub itself."""
