"""Who speaks, and where models come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from .values import Section, checked_url, listed, lower


class EngineSettings(Section):
    """Who speaks."""

    kind: Annotated[Literal["auto", "builtin", "qwen3", "remote"], BeforeValidator(lower)] = "auto"
    """`builtin`: hibari for English, espeak-ng for the other languages. `qwen3`: Qwen3-TTS on this machine. `remote`:
    Qwen3-TTS on the machines of `urls`. `auto`: `qwen3` where a CUDA card works, else `builtin`."""
    model: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Qwen3-TTS checkpoints, hub ids or folders, separated by commas. Each decides which voices it speaks. None: chosen
    by the memory of the graphics card. Only what is listed here is ever downloaded."""
    device: Annotated[Literal["auto", "cpu", "cuda"], BeforeValidator(lower)] = "auto"
    """Where the model runs. `auto`: `cuda` where a card works, else `cpu`."""
    dtype: Annotated[Literal["auto", "float32", "bfloat16"], BeforeValidator(lower)] = "auto"
    """The precision of its weights. `auto`: `bfloat16` where the machine computes with it, else `float32`."""
    quantize: Annotated[Literal["auto", "none", "int8", "int4"], BeforeValidator(lower)] = "auto"
    """Round the model's matrices on a CPU: `int8`, or `int4` for the part of the model that takes most of the time,
    which is faster and coarser. `auto`: `int8` on a CPU, `none` on a graphics card. `say --raw` never rounds."""
    graphs: bool = True
    """Record each frame once as a CUDA graph and replay it, on a graphics card. Off: slower; for when a driver or card
    misbehaves with them."""
    feed: Annotated[Literal["hybrid", "live", "sentence"], BeforeValidator(lower)] = "hybrid"
    """How text reaches Qwen3-TTS: `sentence` by sentence, `live` word by word, or `hybrid`: the first sentence of a
    streamed reply live, the later ones as sentences. `remote` can be live in English and Chinese."""
    slots: Annotated[int, Field(ge=1, le=64)] = 4
    """How many replies are spoken at the same time."""
    patience_s: Annotated[float, Field(gt=0, le=60)] = 1.5
    """How long the model may take to its first sound, from the first sentence on, before the built-in voice speaks. A
    speaker with ESPHome gives a reply up after 2 s."""
    earcon: bool = False
    """Play two soft tones before the built-in voice speaks in the place of the model."""
    vram_limit_mb: Annotated[int, Field(ge=0)] = 0
    """How much memory of the graphics card the model may take, in MiB; others may need the rest. 0: what is free."""
    unload_after: Annotated[float, Field(ge=0, le=604_800)] = 0.0
    """After how many idle seconds the model leaves the memory. The next request loads it again, and is spoken by the
    built-in voice meanwhile. 0: never."""
    urls: Annotated[tuple[Annotated[str, AfterValidator(checked_url)], ...], BeforeValidator(listed)] = ()
    """Servers of OpenAI's speech API that `remote` speaks through, such as vLLM-Omni or another server like this one:
    `http://192.168.1.30:8091`, several separated by commas. The one with the least audio still to come is asked; one
    that fails is left alone for 30 s."""
    hedge_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Ask a second one of those servers for a sentence when the first has sent nothing for so many seconds; who sends
    first speaks. It costs work twice. 0: never."""
    api_key: SecretStr = SecretStr("")
    """The key that those servers ask for, if they do."""


class ModelSettings(Section):
    """Where model files come from. They are kept in `models` inside the data folder."""

    offline: bool = False
    """Never download anything. `HF_HUB_OFFLINE=1` in the environment does the same."""
    endpoint: Annotated[str, AfterValidator(checked_url)] = ""
    """A mirror of the Hugging Face hub, such as `https://mirror.example`. None: `HF_ENDPOINT`, else the hub itself."""
