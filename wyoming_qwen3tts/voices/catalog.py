"""Who can be asked for: names to voices, who speaks what when nobody was named, and the order in which Home Assistant
lists them."""

from __future__ import annotations

import difflib
import logging
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..errors import BadRequest, UnknownVoice
from ..speech.languages import ADDED, LANGUAGES, normalize_tag
from ..speech.voice import Style, Voice, VoiceName
from .blend import is_recipe
from .blend import parse as parse_blend
from .labels import labelled, rank
from .mapping import DEFAULT, MappedVoice, Preset, VoiceMapping
from .speakers import BUILTIN, MAPPED, QWEN_SPEAKERS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """Everybody, as of one look at the engine, the folder of voices, and the mapping."""

    seen: tuple[VoiceMapping, tuple[Voice, ...], tuple[Voice, ...]]
    fixed: dict[str, Voice]  # one a speaker, style and language; by name, as advertised
    own: dict[str, Voice]  # cloned and designed; by name
    mapped: dict[str, Voice]  # by language
    all: tuple[Voice, ...]


class VoiceCatalog:
    """Every voice, and the one answer to "who is meant?".

    ``voices`` are the engine's, or tell them; ``cloned`` tells those of the home's own, ``mapping`` who speaks what.
    They are asked each time, so what is new shows up without a restart. ``why_mute`` tells why somebody who is known
    cannot speak here. ``fallback_language`` is that of a text which names no voice and is too short to tell. ``added``
    are the languages that the home wants besides the ten; voices that speak none of these are nobody's. ``blend`` gives
    the voice that is mixed as a name says which is a recipe; such voices are not among `all`.
    """

    def __init__(
        self,
        voices: Iterable[Voice] | Callable[[], Iterable[Voice]],
        cloned: Callable[[], Iterable[Voice]] = tuple,
        *,
        mapping: Callable[[], VoiceMapping] = lambda: DEFAULT,
        why_mute: Callable[[str], str | None] = lambda _: None,
        fallback_language: str = "en",
        added: tuple[str, ...] = (),
        marks: bool = True,
        blend: Callable[[str], Voice] | None = None,
    ) -> None:
        if callable(voices):
            self._voices = voices
        else:
            known = tuple(voices)
            self._voices = lambda: known
        self._cloned, self._mapping, self._why_mute = cloned, mapping, why_mute
        self.fallback_language = fallback_language
        self._wanted = (*LANGUAGES, *(code for code in added if code not in LANGUAGES))
        self._blend = blend
        self.named_in_marks = self.knows if marks else None  # by whom a text may have itself spoken; None: no marks
        self._last: _View | None = None
        self._good: dict[str, MappedVoice] = {}  # by language or region: what named a voice that there is
        self._warned: set[str] = set()

    def all(self) -> tuple[Voice, ...]:
        """Everybody who is advertised: the same object until something changes."""
        return self._view().all

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that can be asked for: the ten, and what was added to them and somebody speaks."""
        return (*LANGUAGES, *self.added)

    @property
    def added(self) -> tuple[str, ...]:
        """What was added to the ten, and somebody speaks."""
        extra = self._wanted[len(LANGUAGES) :]
        if not extra:
            return ()
        mapped = self._view().mapped
        return tuple(code for code in extra if code in mapped)

    @property
    def missing(self) -> tuple[str, ...]:
        """What the home wants, and nobody speaks."""
        mapped = self._view().mapped
        return tuple(code for code in dict.fromkeys((*self._wanted, self.fallback_language)) if code not in mapped)

    def mapping(self) -> VoiceMapping:
        """Who speaks what, as the home says now; the log tells at once of voices in it that nobody has."""
        view = self._view()
        mapping = view.seen[0]
        for tag in mapping.languages:
            if (code := normalize_tag(tag)) and code != tag and self._speaks(view, code):
                self._mapped(view, tag, code)
        for style, preset in mapping.styles.items():
            for name in preset.voices if isinstance(preset.voices, tuple) else ():
                known = name in view.own or any(_stem(voice) == name for voice in view.fixed.values())
                if not known and name not in QWEN_SPEAKERS:
                    where = mapping.where("styles", style, "voices")
                    self._warn_once(f"{style}: {name}", f"{where}: {self._no_voice(view, name)}")
        return mapping

    def taken(self) -> set[str]:
        """The names that no new voice may have, casefolded."""
        view = self._view()
        stems = {name.rpartition("-")[0] for name in view.fixed}
        return set(view.fixed) | set(view.own) | stems | set(QWEN_SPEAKERS) | {v.speaker.casefold() for v in view.all}

    def for_language(self, language: str) -> Voice:
        """Who speaks ``language``, a code or a regional tag, when nobody was named."""
        view = self._view()
        code = normalize_tag(language) or language
        return view.mapped[code] if code == language else self._mapped(view, language, code)

    def lexicons(self, language: str | None = None) -> dict[str, str]:
        """Language -> the further lexicon that the mapping names for it."""
        return self._mapping().lexicons(language)

    def find(self, name: str | None, language: str | None = None) -> Voice | None:
        """The voice called ``name``: exact, in any case, or a speaker alone with ``language`` to choose by.

        None if only the text's own language can tell, as neither was given.

        Raises:
            UnknownVoice: naming the nearest ones, or what is missing.
        """
        code = self._language(language)
        if not name:
            return self.for_language(language.strip()) if code and language else None
        if self._blend is not None and is_recipe(name):
            return self._mixed(self._blend, unicodedata.normalize("NFKC", name), code)
        try:
            wanted, view = VoiceName.parse(name).casefold(), self._view()
        except UnknownVoice as error:
            raise UnknownVoice(f"{error} {self._nearest(name, code)}", field="voice") from None
        if found := view.fixed.get(wanted):
            return found
        stem, _, suffix = wanted.rpartition("-")
        said = suffix if stem and suffix in self._wanted else None
        for known, spoken in ((wanted, code), (stem, said)):
            if known and (found := self._with_style(view, known, spoken)):
                return found
        if self.speaker_of(name):
            return self.for_language(code) if code in self.added else None  # the model's speakers know the ten only
        if code in self.added and wanted in view.own:
            raise UnknownVoice(f"The voice {name[:64]} does not speak {code}.", field="language")
        return self._absent(wanted, code, name)

    def _mixed(self, blend: Callable[[str], Voice], recipe: str, code: str | None) -> Voice | None:
        """Who speaks as ``recipe`` says; for a blend of Qwen's speakers, whose model is not here, who speaks for one of
        them."""
        try:
            voice = blend(recipe)
        except UnknownVoice:
            try:
                names = [part.name.strip().casefold() for part in parse_blend(recipe)]
            except BadRequest as error:
                raise BadRequest(str(error), field="voice") from None
            if not all(name in QWEN_SPEAKERS for name in names):
                raise
            return self._absent(names[0], code, recipe)
        if code is None:
            return voice
        if code not in voice.languages:
            raise UnknownVoice(f"The voice {voice.name[:80]} does not speak {code}.", field="language")
        return replace(voice, languages=(code,))

    def speaker_of(self, name: str | None) -> str | None:
        """The speaker that ``name`` means by itself, whatever the language; None if it names no speaker."""
        wanted, view = (name or "").strip().casefold(), self._view()
        can = any(self._with_style(view, wanted, code) for code in self._wanted) and wanted not in view.own
        return wanted if can else None

    def absent(self, name: str | None, voice: Voice) -> str:
        """The speaker of Qwen's that ``name`` asks for, where the built-in ``voice`` speaks as their model is not here;
        "" if ``name`` got whom it asks for."""
        wanted = (name or "").strip().casefold()
        return wanted if voice.speaker == BUILTIN and wanted.partition("-")[0] in QWEN_SPEAKERS else ""

    def speaking(self, speaker: str, language: str) -> Voice:
        """``speaker`` in ``language``; where it does not know that, whoever is mapped."""
        return self._with_style(self._view(), speaker, language) or self.for_language(language)

    def style(self, name: str) -> Style | None:
        """The style that the mapping calls so; None if it has none."""
        preset = self._mapping().styles.get(name)
        return preset.style if preset else None

    def knows(self, name: str) -> bool:
        """Whether ``name``, casefolded, is somebody who can be asked for in some language: here, or one of Qwen's
        speakers whose model is away. As of the last look at everybody, so that any thread may ask."""
        view = self._last or self._view()
        if self._blend is not None and is_recipe(name):
            try:
                return all(self._is_somebody(view, part.name) for part in parse_blend(name))
            except BadRequest:
                return False
        return self._is_somebody(view, name)

    def _is_somebody(self, view: _View, name: str) -> bool:
        if name in view.fixed or name in view.own or name.partition("-")[0] in QWEN_SPEAKERS:
            return True
        stem, _, suffix = name.rpartition("-")
        known = stem if stem and suffix in LANGUAGES else name
        return any(self._with_style(view, known, code) for code in LANGUAGES)

    # -- looking

    def _view(self) -> _View:
        voices = tuple(self._voices())
        seen = (self._mapping(), voices, tuple(self._cloned()))
        last = self._last
        if last is None or last.seen != seen:
            if last is not None and last.seen[0] is not seen[0]:
                self._warned.clear()
            self._last = last = self._made(*seen)
        return last

    def _made(self, mapping: VoiceMapping, voices: tuple[Voice, ...], cloned: tuple[Voice, ...]) -> _View:
        seen = (mapping, voices, cloned)
        voices = tuple(voice for voice in voices if voice.language in self._wanted)
        plain = {voice.name.casefold(): voice for voice in voices}
        own = {voice.name.casefold(): voice for voice in cloned}
        view = _View(seen, plain, own, {}, ())
        view.mapped.update({code: self._mapped(view, code, code) for code in self._wanted if self._speaks(view, code)})
        advertised = {voice.name.casefold(): voice for voice in voices}
        advertised |= {voice.name.casefold(): voice for voice in view.mapped.values()}
        for preset in mapping.styles:
            advertised |= {v.name.casefold(): v for v in self._styled(view, preset) if v.name.casefold() not in plain}
        fixed = {
            voice.name.casefold(): voice for voice in labelled(list(advertised.values()), view.mapped, self._wanted)
        }
        mapped = {code: fixed[voice.name.casefold()] for code, voice in view.mapped.items()}
        return _View(view.seen, fixed, own, mapped, (*fixed.values(), *cloned))

    def _speaks(self, view: _View, code: str) -> bool:
        return any(code in voice.languages for voice in (*view.fixed.values(), *view.own.values()))

    def _styled(self, view: _View, name: str) -> list[Voice]:
        """The speakers that a preset is advertised with, in that style."""
        preset, found = view.seen[0].styles[name], []
        for voice in view.fixed.values():
            if voice.speaker == BUILTIN:
                continue
            mapped = view.mapped.get(voice.language)
            chosen = preset.voices == "all" or (preset.voices == "mapped" and _is_same(voice, mapped))
            chosen = chosen or (isinstance(preset.voices, tuple) and _stem(voice) in preset.voices)
            if chosen and _is_audible(preset, voice):
                styled = self._with_style(view, f"{_stem(voice)}-{name}", voice.language)
                found += [styled] if styled else []
        return found

    # -- who is meant

    def _mapped(self, view: _View, tag: str, code: str) -> Voice:
        """Who speaks ``tag`` of the language ``code``: as the mapping says, or said before, or by default."""
        entry = view.seen[0].entry(tag)
        if entry is not None:
            if voice := self._as_mapped(view, entry, code):
                self._good[tag] = entry
                return voice
            why = self._why_mute(entry.voice or "") or self._no_voice(view, entry.voice or "")
            self._warn_once(
                f"{tag}={entry.voice}",
                f"{view.seen[0].where('languages', tag, 'voice')}: {why.rstrip('.')}. The language is spoken as before",
            )
            if (before := self._good.get(tag)) and (voice := self._as_mapped(view, before, code)):
                return voice
        if code in MAPPED and (default := self._with_style(view, MAPPED[code], code)):
            return default
        others = [voice for voice in (*view.fixed.values(), *view.own.values()) if code in voice.languages]
        # Of a checkpoint of one's own, or of another server.
        speakers = [v for v in others if v.speaker != BUILTIN and v.kind in ("speaker", "wyoming")]
        return min(speakers, key=rank) if speakers else self._with_style(view, BUILTIN, code) or others[0]

    def _no_voice(self, view: _View, name: str) -> str:
        near = difflib.get_close_matches(name[:64].casefold(), {*map(_stem, view.fixed.values()), *view.own}, n=3)
        hint = f"nearest: {', '.join(near)}" if near else "see the command voices"
        return f"there is no voice {name[:64]!r} ({hint})"

    def _as_mapped(self, view: _View, entry: MappedVoice, code: str) -> Voice | None:
        """The voice that an entry names, speaking as it says; None if there is nobody of that name."""
        name = (entry.voice or MAPPED.get(code, BUILTIN)).strip().casefold().removesuffix(f"-{code}")
        voice = self._with_style(view, f"{name}-{entry.style}", code) if entry.style is not None else None
        voice = voice or self._with_style(view, name, code)
        if voice is None and name.partition("-")[0] in QWEN_SPEAKERS:
            voice = self._with_style(view, BUILTIN, code)  # a home's mapping stays right while its model is away
        if voice is None:
            return None
        if name in view.own:
            voice = replace(voice, name=VoiceName(f"{voice.name}-{code}"))
        style = voice.style
        speed = style.speed if entry.speed is None else entry.speed
        return replace(voice, style=replace(style, instruct=entry.instruct or style.instruct, speed=speed))

    def _with_style(self, view: _View, name: str, code: str | None) -> Voice | None:
        """``name``, a speaker or a voice of the home's own, perhaps with a style behind it, in the language ``code``.

        A speaker needs a language; a voice of the home's own speaks all of the ten.
        """
        if own := view.own.get(name):
            if code is None:
                return own
            return replace(own, languages=(code,)) if code in own.languages else None
        if code is not None and (voice := view.fixed.get(f"{name}-{code}")):
            return voice
        stem, _, style = name.rpartition("-")
        preset = view.seen[0].styles.get(style)
        if preset is None or not stem:
            return None
        if code is not None and stem in view.own and code not in view.own[stem].languages:
            return None
        base = view.own.get(stem) or (view.fixed.get(f"{stem}-{code}") if code else None)
        if base is None:
            return None
        own_name = f"{base.name}-{style}" if stem in view.own else f"{base.name.rpartition('-')[0]}-{style}-{code}"
        languages = (code,) if code else base.languages
        return replace(base, name=VoiceName(own_name), languages=languages, style=_joined(base.style, preset.style))

    def _absent(self, wanted: str, code: str | None, name: str) -> Voice | None:
        """Somebody who is not here: the built-in voice for a speaker of Qwen's, whose model is not.

        Raises:
            UnknownVoice: for anybody else.
        """
        parts = wanted.split("-")
        said = parts[-1] if len(parts) > 1 and parts[-1] in self._wanted else None
        inner = parts[1:-1] if said else parts[1:]
        if parts[0] in QWEN_SPEAKERS and (not inner or inner[0] in self._mapping().styles):
            self._warn_once(
                wanted,
                f"The voice {wanted} needs the Qwen3-TTS engine, which is not running here; the built-in voice speaks "
                "instead",
            )
            code = code or said
            return self.speaking(BUILTIN, code) if code else None
        if why := self._why_mute(wanted):
            raise UnknownVoice(why, field="voice")
        raise UnknownVoice(f"No voice is called {name[:64]!r}. {self._nearest(wanted, code)}", field="voice")

    def _nearest(self, name: str, code: str | None) -> str:
        """The three voices whose names are most like ``name``, however little."""
        names = [voice.name for voice in self.all() if code is None or code in voice.languages]
        near = difflib.get_close_matches(name[:64].casefold(), [known.casefold() for known in names], n=3, cutoff=0.0)
        by_small = {known.casefold(): known for known in names}
        return f"Nearest: {', '.join(by_small[small] for small in near)}."

    def code_of(self, tag: str | None) -> str | None:
        """The code of a language that can be asked for, however it is named; None for `auto`, nothing and others."""
        code = normalize_tag(tag)
        return code if code in LANGUAGES or code in self.added else None

    def _language(self, tag: str | None) -> str | None:
        if not tag or tag.strip().lower() == "auto":
            return None
        code = self.code_of(tag)
        if code is None:
            raise UnknownVoice(f"No voice speaks {tag[:20]!r}. {self._languages_in_words(tag)}", field="language")
        return code

    def _languages_in_words(self, tag: str) -> str:
        known = normalize_tag(tag)
        hint = f" The setting voices.languages can add {known}." if known in ADDED else ""
        return f"Languages: {', '.join(self.languages)}.{hint}"

    def _warn_once(self, key: str, warning: str) -> None:
        if key not in self._warned and len(self._warned) < 1_000:
            self._warned.add(key)
            log.warning("%s", warning)


def _stem(voice: Voice) -> str:
    return voice.name.casefold().removesuffix(f"-{voice.language}")


def _is_same(voice: Voice, mapped: Voice | None) -> bool:
    """Whether the same person speaks, in whatever style."""
    return mapped is not None and voice.speaker == mapped.speaker and voice.language == mapped.language


def _is_audible(preset: Preset, voice: Voice) -> bool:
    """Whether anybody would hear the style in this voice: not every model follows an instruction."""
    style = preset.style
    sounds = style.chime or style.speed != 1 or style.volume != 1 or style.sentence_pause_s is not None
    return bool(sounds or (style.instruct and voice.takes_instruct))


def _joined(mine: Style, preset: Style) -> Style:
    """A preset on top of what a voice does anyway."""
    pause_s = mine.sentence_pause_s if preset.sentence_pause_s is None else preset.sentence_pause_s
    speed, volume = preset.speed * mine.speed, preset.volume * mine.volume
    return Style(preset.instruct or mine.instruct, speed, volume, preset.chime, pause_s)
