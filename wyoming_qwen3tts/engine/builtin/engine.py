"""The voice that is always there: no GPU, no model, no network. hibari speaks English, espeak-ng everything else."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial

import numpy as np

from ...audio.loudness import TARGET_LUFS, integrated_lufs, level, limit
from ...audio.pcm import Samples, packets, to_pcm, trim
from ...errors import EngineDown, NoSound
from ...speech.audio_format import FORMAT
from ...speech.engine import AudioStream, Engine, EngineStatus, Origin, Phase, Substitute
from ...speech.languages import LANGUAGES
from ...speech.pauses import pause_between
from ...speech.request import Moment, SpeechRequest
from ...speech.segment import Segment
from ...speech.voice import Voice, VoiceName
from ...text.language.detect import script_language
from .espeak import CALL_S, Espeak, is_known
from .hibari import HibariVoice

log = logging.getLogger(__name__)

_CALIBRATION = "The washing machine is done, and tomorrow will be a sunny day with a light breeze from the west."
_GLIMPSE = FORMAT.rate * 3 // 10  # samples
NO_ESPEAK = "no-espeak"  # why the English voice reads another language
_TAIL_S = 0.15  # players cut the end of what they play (home-assistant/core#150397)


class BuiltinEngine(Engine):
    """Speaks the ten languages, and those of ``added`` that espeak-ng knows: a segment at a time, in worker threads and
    child processes; an abandoned reply costs at most the segment in work."""

    name = "builtin"

    def __init__(self, *, sentence_pause_s: float = 0.25, added: tuple[str, ...] = ()) -> None:
        self._languages = (*LANGUAGES, *(code for code in added if is_known(code)))
        workers = max(2, min(4, os.cpu_count() or 2))
        self._hibari = HibariVoice(workers)
        self._espeak = Espeak(workers)
        self._pause_s = sentence_pause_s
        self._usual_gain_db: dict[str, float] = {}  # what each speaker's last sentences needed
        self._english_gain_db = 9.0
        self._started = asyncio.Event()
        self._failed: str | None = None
        self._versions = ""

    @property
    def status(self) -> EngineStatus:
        if self._failed:
            return EngineStatus(Phase.FAILED, self._failed)
        return EngineStatus(Phase.READY if self._started.is_set() else Phase.LOADING)

    def voices(self) -> tuple[Voice, ...]:
        return tuple(self._voice(code) for code in self._languages)

    def _voice(self, code: str) -> Voice:
        return Voice(VoiceName(f"builtin-{code}"), f"Built-in ({code})", (code,), self.name, "builtin", "builtin")

    def mute_languages(self) -> dict[str, str]:
        if self._failed:
            return dict.fromkeys(self._languages, self._failed)
        if not self._started.is_set() or self._espeak.trouble is None:
            return {}
        unread = ("ja", "ko", "ru", "zh", *self._languages[len(LANGUAGES) :])
        # hibari reads Latin letters, with an accent
        return dict.fromkeys(unread if self._hibari.is_loaded else self._languages, self._espeak.trouble)

    def substitute(self, voice: Voice) -> Substitute | None:
        """hibari's English voice, for a language in Latin letters while espeak-ng is missing or in trouble."""
        is_espeaks = voice.language != "en" and self._started.is_set() and not self._failed
        if not is_espeaks or self._espeak.trouble is None or voice.language in self.mute_languages():
            return None
        return Substitute(self._voice("en"), NO_ESPEAK)

    @property
    def longest_silence_s(self) -> float:
        # A call that hangs, and its end; hibari's line has no limit, and those in it are overtaken by other languages.
        return CALL_S + 2.0 + self._hibari.line_s

    def origin(self, voice: Voice) -> Origin | None:
        if not self._started.is_set() or self._failed:
            return None
        return Origin(self.name, f"{self._versions} {self._pause_s:g}")

    async def start(self) -> None:
        try:
            await self._hibari.load()
            await self._hibari.speak(_CALIBRATION, None, self._calibrate)
        except Exception as error:  # noqa: BLE001  a foreign package on an unknown machine; espeak-ng takes over
            log.warning("The English voice hibari cannot be loaded (%s); espeak-ng speaks English instead", error)
        if self._espeak.is_installed:
            await self._espeak.try_out()
            if self._espeak.trouble is not None:
                log.warning("espeak-ng does not work here: %s", self._espeak.trouble)
        elif not self._hibari.is_loaded:
            self._failed = "neither hibari-tts nor espeak-ng works here; install espeak-ng"
            log.error("No voice: %s", self._failed)
        else:
            log.warning("espeak-ng is not installed: only English can be spoken. Install it: apt install espeak-ng")
        self._versions = f"hibari {self._hibari.version} espeak {self._espeak.version}"
        self._started.set()

    async def close(self) -> None:
        self._hibari.close()

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        def in_english() -> None:
            stream.voice, stream.why = self._voice("en"), NO_ESPEAK

        async with aclosing(self._speak(request, in_english)) as audio:
            stream = AudioStream(self.name, audio)
            yield stream

    async def _speak(self, request: SpeechRequest, in_english: Callable[[], None]) -> AsyncGenerator[bytes, None]:
        """``in_english`` is told when the English voice reads another language."""
        before: Segment | None = None
        number, sent = 0, 0  # the segment's; bytes
        async for segment in request.whole_segments():
            pause = b""
            if before is not None:
                pause = FORMAT.silence(pause_between(before, segment, request, self._pause_s))
            before = segment
            async with aclosing(self._render(segment, request, in_english)) as parts:
                sent += len(pause)
                request.moments.append(Moment(number, sent // FORMAT.width))
                async for pcm in parts:
                    sent += len(pcm)
                    for packet in packets(pause + pcm if pause else pcm, FORMAT.frame_bytes):
                        yield packet
                    pause = b""
            number += 1
            yield b""
        yield FORMAT.silence(_TAIL_S)

    async def _render(
        self, segment: Segment, request: SpeechRequest, in_english: Callable[[], None]
    ) -> AsyncGenerator[bytes, None]:
        """One segment, levelled, as soon as there is some of it. Never empty: what nobody can read is an error."""
        language = segment.language
        if language == "en":
            # An English voice may have been named for a text that is not Latin: hibari answers that with nothing.
            language = script_language(segment.text) or "en"
        if language != "en" and self._espeak.is_in_doubt:
            await self._espeak.try_out()
        if language == "en" or self._espeak.is_left_alone:
            await self._started.wait()
        if self._failed:
            raise EngineDown(f"There is no voice: {self._failed}")
        if self._hibari.is_loaded and (language == "en" or self._must_do(segment)):
            speech = await self._english(segment.text, request.seed, request.host)
            if len(speech):
                if language != "en":
                    in_english()
                # The limiter looks 10 ms around a peak: the first frame is the same whether it sees 0.3 s or all of it.
                yield to_pcm(limit(speech[:_GLIMPSE], FORMAT.rate))[: FORMAT.frame_bytes]
                if rest := await asyncio.to_thread(lambda: to_pcm(limit(speech, FORMAT.rate))[FORMAT.frame_bytes :]):
                    yield rest
                return
        pcm = await self._other(segment.text, language, request.host)
        if not pcm:
            what = f"a text of {len(segment.text)} characters"  # never the text: errors reach the log and /v1/live
            raise NoSound(f"The built-in voice has no sound for {what} in {segment.language!r}.")
        yield pcm

    def _must_do(self, segment: Segment) -> bool:
        """Whether hibari speaks another language, with an accent, but heard."""
        return self._espeak.is_left_alone and script_language(segment.text) is None

    async def _english(self, text: str, seed: int | None, host: str) -> Samples:
        try:
            return await self._hibari.speak(text, seed, self._loud, host)
        except Exception as error:  # a foreign package and a stranger's text; espeak-ng speaks it instead
            if not self._espeak.is_installed:
                raise
            kind = type(error).__name__
            log.warning("hibari cannot speak a text of %d characters (%s); espeak-ng takes over", len(text), kind)
            log.debug("hibari's error", exc_info=True)
            return np.zeros(0, np.float32)

    def _loud(self, samples: Samples) -> Samples:
        """hibari's speech at the loudness of all voices, peaks not limited yet; its level is measured at the start."""
        return trim(samples, FORMAT.rate) * np.float32(10 ** (self._english_gain_db / 20))

    def _calibrate(self, samples: Samples) -> None:
        speech = trim(samples, FORMAT.rate)
        loud, _ = level(speech, FORMAT.rate)
        self._english_gain_db = TARGET_LUFS - integrated_lufs(speech, FORMAT.rate)
        self._english_gain_db += max(0.0, TARGET_LUFS - integrated_lufs(loud, FORMAT.rate))  # what the limiter takes

    async def _other(self, text: str, language: str, host: str) -> bytes:
        """Empty for what espeak-ng has no sound for."""
        pcm = await self._espeak.speak(text, language, FORMAT.rate, partial(self._levelled, language), host)
        if not pcm and language != "en":  # such as signs that only its English rules name
            pcm = await self._espeak.speak(text, "en", FORMAT.rate, partial(self._levelled, language), host)
        return pcm

    def _levelled(self, language: str, samples: Samples) -> bytes:
        samples = trim(samples, FORMAT.rate)
        if not len(samples):
            return b""
        usual = self._usual_gain_db.get(language)
        loud, gain_db = level(samples, FORMAT.rate, usual_gain_db=usual)
        if len(samples) > FORMAT.rate:  # a word or two say little about a voice
            self._usual_gain_db[language] = gain_db if usual is None else 0.8 * usual + 0.2 * gain_db
        return to_pcm(loud)
