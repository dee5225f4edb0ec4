"""Where voices are made, kept, handed on and removed: what the command line, the web door and the page share.

Event loop only. Slow work (decoding a clip, the encoders) is done in one worker thread, so one at a time, and on the
CPU; a described voice is rendered by the engine itself, whose turn it waits for.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..audio.pcm import Samples, from_pcm, to_pcm
from ..audio.reference.check import SHORTEST_S, ClipReport, examine, unreadable
from ..audio.reference.reader import BadClip, decode_clip
from ..audio.resample import resample
from ..audio.wav import wav_file
from ..engine.qwen3.blends import Blends
from ..engine.qwen3.checkpoints import Checkpoints
from ..engine.qwen3.voice_lookup import DESCRIBED
from ..errors import BadRequest, Busy, EngineError, UnknownVoice
from ..model.checkpoint.files import ModelFileError
from ..speech.audio_format import FORMAT
from ..speech.engine import Engine
from ..speech.languages import LANGUAGES, model_language
from ..speech.request import SpeechRequest
from ..speech.segment import Segment
from ..speech.voice import Voice, VoiceName
from ..text.front_end import FrontEnd
from ..util.lru import LruCache
from ..voices import file_format
from ..voices.blend import blended
from ..voices.blend import parse as parse_blend
from ..voices.file_format import FILE_BYTES_MAX, NOTE_CHARS_MAX, ClonedVoice
from ..voices.folder import VoiceFolder, new_name
from .sample_texts import DESIGN_TEXTS

if TYPE_CHECKING:
    from ..voices.catalog import VoiceCatalog

DESIGN_CHARS_MAX = 300  # a reference of 5 to 15 s
VARIANTS_MAX, VARIANTS_KEPT = 8, 16
WAITING_MAX = 4
_SEEDS = 1 << 31

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Variant:
    """One rendering of a description, to be listened to and perhaps kept."""

    id: str
    seed: int
    seconds: float
    wav: bytes


@dataclass(frozen=True, slots=True)
class _Rendering:
    """What is kept of a variant until somebody wants it."""

    samples: Samples
    text: str
    description: str


class VoiceStudio:
    """Makes voices with the configured checkpoints. ``maker`` is the engine that speaks them, where there is one."""

    def __init__(
        self,
        folder: VoiceFolder,
        catalog: VoiceCatalog,
        checkpoints: Checkpoints,
        maker: Engine | None = None,
    ) -> None:
        self._folder, self._catalog, self._checkpoints, self._maker = folder, catalog, checkpoints, maker
        self._pool = ThreadPoolExecutor(1, "voice-studio")
        self._waiting = 0
        self._rendering = asyncio.Lock()
        self._variants = LruCache[_Rendering](VARIANTS_KEPT)

    # -- what it can

    @property
    def can_clone(self) -> bool:
        return self._checkpoints.of("base") is not None

    @property
    def can_design(self) -> bool:
        return self._why_no_design() == ""

    @property
    def why_not(self) -> str:
        """What is missing, and what to do; nothing if both cloning and designing work."""
        return self._why_no_clone() or self._why_no_design()

    @property
    def why_no_design(self) -> str:
        """What is missing for designing a voice, and what to do; nothing if it works."""
        return self._why_no_design()

    def check_name(self, name: str) -> None:
        """Raises BadRequest if a new voice may not be called so."""
        self._new_name(name)

    # -- what it does

    async def check(self, clip: bytes) -> ClipReport:
        """Whether ``clip`` can become a voice."""

        def look() -> ClipReport:
            try:
                return examine(decode_clip(clip), FORMAT.rate)
            except BadClip as error:
                return unreadable(f"{error}.")

        return await self._in_thread(look)

    async def clone(
        self,
        name: str,
        clip: bytes,
        *,
        text: str | None = None,
        consent: str | None = None,
        keep_clip: bool = False,
        raw: bool = False,
    ) -> Voice:
        """A voice from a clip of somebody; with ``text``, what is said in it, an in-context clone.

        ``consent`` is noted in the voice's file. The clip itself is kept there only if ``keep_clip``. ``raw`` takes it
        as it is, unchecked.

        Raises:
            BadRequest: for a name, clip, text or model that cannot be used; ``field`` says which.
            Busy: if several wait already.
        """
        fresh, base = self._new_name(name), self._base()
        note = _line(consent, "consent", NOTE_CHARS_MAX)

        def make() -> None:
            from ..engine.qwen3 import clone as cloning  # torch

            try:
                samples = decode_clip(clip)
            except BadClip as error:
                raise BadRequest(f"{error}.", field="clip", why="clip-unreadable") from None
            voice = cloning.clone(base, fresh, samples, text, raw=raw)
            kept = _as_int16(samples) if keep_clip else None
            self._folder.add(replace(voice, consent=note, clip=kept))

        await self._in_thread(make)
        return self._voice(fresh)

    async def design(
        self,
        description: str,
        *,
        language: str = "en",
        text: str | None = None,
        variants: int = 3,
        seed: int | None = None,
    ) -> AsyncIterator[Variant]:
        """Render ``description`` several times, each with another seed; each variant as soon as it is there.

        Raises:
            BadRequest: for a description, language, text or number that cannot be used, or if a model is missing.
            Busy: if another description is being rendered.
            EngineError: if it cannot be rendered.
        """
        code, words = _language(language), _line(description, "description", NOTE_CHARS_MAX)
        if words is None:
            raise BadRequest(
                "Describe the voice: 'a calm old man with a deep voice'.", field="description", why="no-description"
            )
        if not 1 <= variants <= VARIANTS_MAX:
            raise BadRequest(f"1 to {VARIANTS_MAX} variants can be had at once.", field="variants")
        spoken = _spoken(text, code)
        if why := self._why_no_design():
            raise BadRequest(why)
        if self._rendering.locked():
            raise Busy("Another voice is being designed. Try again when it is done.", why="another-voice")
        async with self._rendering:
            for number in range(variants):
                chosen = secrets.randbelow(_SEEDS) if seed is None else (seed + number) % _SEEDS
                samples = await self._rendered(words, spoken, code, chosen)
                key = secrets.token_hex(8)
                self._variants.put(key, _Rendering(samples, spoken, words))
                yield Variant(key, chosen, round(len(samples) / FORMAT.rate, 2), wav_file(to_pcm(samples)))

    async def keep(self, variant_id: str, name: str) -> Voice:
        """Make a voice of a variant: from now on it is spoken as a clone of that reference.

        Raises:
            BadRequest: for a name that cannot be had, or a variant that is there no more.
        """
        fresh, base = self._new_name(name), self._base()
        rendering = self._variants.get(variant_id)
        if rendering is None:
            raise BadRequest(
                "This variant is not kept any more; design the voice again.", field="variant", why="variant-gone"
            )

        def make() -> None:
            from ..engine.qwen3 import clone as cloning  # torch

            voice = cloning.encoded(base, fresh, cloning.prepared(rendering.samples), rendering.text)
            self._folder.add(replace(voice, kind="design", description=rendering.description))

        await self._in_thread(make)
        self._variants.pop(variant_id)
        return self._voice(fresh)

    async def blend(self, name: str, recipe: str) -> Voice:
        """A voice mixed from several, as ``ryan(2)+aiden(1)`` says: speakers of one CustomVoice checkpoint, or cloned
        and designed voices of one Base checkpoint.

        Raises:
            BadRequest: for a name that cannot be had, or voices or weights that do not go together.
            UnknownVoice: for a voice that is not here.
            Busy: if several wait already.
        """
        fresh, parts = self._new_name(name), parse_blend(recipe)

        def make() -> None:
            sources = Blends(self._folder, self._checkpoints).sources(parts)
            self._folder.add(blended(fresh, sources, parts))

        await self._in_thread(make)
        return self._voice(fresh)

    async def remove(self, name: str) -> None:
        """Forget a voice of the home's own. Whoever speaks with it just now goes on.

        Raises:
            UnknownVoice: if there is none.
            BadRequest: if it came with a model.
        """
        own = self._own(name)
        await self._in_thread(lambda: self._folder.remove(own))

    async def export(self, name: str) -> bytes:
        """The voice as one file. Raises as `remove`, and if its file is damaged."""

        own = self._own(name)

        def read() -> bytes:
            data = self._folder.data(own)
            file_format.decode(data, own, f"The file of {own}")
            return data

        return await self._in_thread(read)

    async def restore(self, data: bytes, name: str | None = None) -> Voice:
        """Take in a voice that was exported, as ``name`` or what it was called there.

        Raises:
            BadRequest: if it is no voice, damaged, too large, of another model, or the name cannot be had.
        """
        if len(data) > FILE_BYTES_MAX:
            raise BadRequest(
                f"A voice's file has at most {FILE_BYTES_MAX >> 20} MiB.", field="file", why="no-voice-file"
            )
        wanted = name or await self._in_thread(lambda: file_format.own_name(data, "The file"))
        if not wanted:
            raise BadRequest(
                "The file does not say what the voice is called; choose a name.", field="name", why="bad-name"
            )
        fresh = self._new_name(wanted)

        def take() -> None:
            voice = file_format.decode(data, fresh, "The file")
            self._check_fits(voice)
            self._folder.add(voice)

        await self._in_thread(take)
        return self._voice(fresh)

    def close(self) -> None:
        """Let the thread go once it is done. Is idempotent."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # -- models

    def _why_no_clone(self) -> str:
        return self._checkpoints.missing("base", "Cloning needs")

    def _why_no_design(self) -> str:
        why = self._checkpoints.missing("voice_design", "Designing a voice needs")
        why = why or self._checkpoints.missing("base", "A designed voice is spoken by")
        if not why and self._maker is None:
            return "Designing a voice needs the Qwen3-TTS engine: --engine.kind qwen3"
        return why

    def _base(self) -> Path:
        found = self._checkpoints.of("base")
        if found is None:
            raise BadRequest(self._why_no_clone())
        return found[0]

    def _check_fits(self, voice: ClonedVoice) -> None:
        """Raises BadRequest if no configured model can speak it."""
        kind = "custom_voice" if voice.is_of_speakers else "base"
        bases = [config for _, config in self._checkpoints.all() if config.type == kind]
        fitting = [config for config in bases if config.talker.stack.hidden_size == len(voice.vector)]
        if not fitting:
            need = file_format.card_of(voice).published
            raise BadRequest(
                f"This voice was made with another model, and only that one speaks it: add {need} to engine.model.",
                field="file",
                why="other-model",
            )
        if voice.codes is not None and voice.codes.max() >= fitting[0].predictor.vocab_size:
            raise BadRequest(
                "The file is no voice of this model: its codes lie outside the codebooks.",
                field="file",
                why="other-model",
            )

    # -- names

    def _new_name(self, raw: str) -> VoiceName:
        taken = self._catalog.taken() | {voice.casefold() for voice in self._folder.names()}
        for _, config in self._checkpoints.all():
            taken |= set(config.talker.speakers)
        return new_name(raw, taken)

    def _own(self, name: str) -> VoiceName:
        found = self._folder.find(name)
        if found is not None:
            return found
        if name.strip().casefold() in self._catalog.taken():
            raise BadRequest(f"{name} comes with a model; only voices of your own can be handled here.", field="name")
        raise UnknownVoice(f"There is no cloned or designed voice called {name[:64]!r}.", field="name")

    def _voice(self, name: VoiceName) -> Voice:
        voice = self._catalog.find(name)
        if voice is None:
            raise AssertionError("a clone speaks every language, so its name alone is enough")
        return voice

    # -- work

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """One at a time. Raises Busy if several wait already."""
        if self._waiting >= WAITING_MAX:
            raise Busy("Several voices are being worked on. Try again in a moment.", why="another-voice")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except ModelFileError as error:
            raise EngineError(f"{error}.") from error
        except OSError as error:
            raise EngineError(f"{self._folder.folder} cannot be written: {error.strerror or error}.") from error
        finally:
            self._waiting -= 1

    async def _rendered(self, description: str, text: str, language: str, seed: int) -> Samples:
        """The description, spoken once."""
        if self._maker is None:
            raise BadRequest(self._why_no_design())

        async def segments() -> AsyncIterator[Segment]:
            yield Segment(text, language)

        voice = Voice(VoiceName("a description"), "", (language,), self._maker.name, DESCRIBED, kind="design")
        request = SpeechRequest(segments(), voice, seed, description, feed="sentence")
        async with self._maker.speak(request) as audio:
            pcm = b"".join([pcm async for pcm in audio])
        samples = await asyncio.to_thread(resample, from_pcm(pcm), audio.format.rate, FORMAT.rate)
        if len(samples) < SHORTEST_S * FORMAT.rate:
            raise EngineError(
                f"The model spoke only {len(samples) / FORMAT.rate:.1f} s; design the voice again with a longer text."
            )
        return samples


def _language(tag: str) -> str:
    code = model_language(tag)
    if code is None:
        raise BadRequest(f"No voice speaks {tag[:20]!r}. Languages: {', '.join(LANGUAGES)}.", field="language")
    return code


def _spoken(text: str | None, language: str) -> str:
    """What the voice says, as it is spoken: the transcript of the reference must be what was heard."""
    if text is None:
        return DESIGN_TEXTS[language]
    if len(text) > DESIGN_CHARS_MAX:
        raise BadRequest(
            f"The text may have {DESIGN_CHARS_MAX} characters: 5 to 15 s of speech.", field="text", why="too-long"
        )
    front_end = FrontEnd(language=language)
    spoken = " ".join(segment.text for segment in front_end.add(text) + front_end.close())
    if not spoken:
        raise BadRequest("There is nothing to speak in the text.", field="text", why="text-empty")
    return spoken


def _line(text: str | None, field: str, most: int) -> str | None:
    """``text`` as one line, None if it is empty."""
    line = " ".join((text or "").split())
    if len(line) > most:
        raise BadRequest(f"The {field} has more than {most} characters.", field=field, why="too-long")
    return line or None


def _as_int16(samples: Samples) -> file_format.Clip:
    import numpy as np

    return np.frombuffer(to_pcm(samples), "<i2").astype(np.int16)
