"""Blends by their recipes: ``ryan(2)+aiden(1)`` typed as a voice's name, and the voices that a blend is made of."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import BadRequest, UnknownVoice
from ...model.checkpoint.config import ModelConfig
from ...speech.languages import LANGUAGES
from ...speech.voice import Voice, VoiceName
from ...voices.blend import Part, blended, canonical, check_mix, parse
from ...voices.file_format import ClonedVoice, VoiceCard
from ...voices.folder import VoiceFolder
from .checkpoints import Checkpoints

BLEND = "blend:"  # before the recipe, in `Voice.speaker`


class Blends:
    """What blends are made of: voices of ``folder``, and the speakers of ``checkpoints``. Keeps nothing."""

    def __init__(self, folder: VoiceFolder, checkpoints: Checkpoints) -> None:
        self._folder, self._checkpoints = folder, checkpoints

    def voice(self, recipe: str, engine: str) -> Voice:
        """Who speaks as ``recipe`` says, of ``engine``. Reads no file but those of the list of voices.

        Raises:
            BadRequest: if it is no recipe, or its voices do not go together; says why.
            UnknownVoice: for a part that is not here.
        """
        try:
            parts = parse(recipe)
            names = [part.name for part in parts]
            found = [self._card(name, names) for name in names]
            check_mix(found)
        except UnknownVoice as error:
            raise UnknownVoice(str(error), field="voice") from None
        except BadRequest as error:
            raise BadRequest(str(error), field="voice") from None
        name = canonical([card.name for card in found], parts)
        config = self._config(found[0])
        if config is None:
            raise UnknownVoice(
                f"The voices of {name[:80]} need {found[0].published}: add it to engine.model.", field="voice"
            )
        known = tuple(code for code, language in LANGUAGES.items() if language.model_name in config.talker.languages)
        return Voice(
            VoiceName(name),
            name,
            known,
            engine,
            f"{BLEND}{name}",
            kind="blend",
            takes_instruct=config.takes_instruct,
        )

    def made(self, recipe: str) -> ClonedVoice:
        """The blend itself. Reads files. Raises as `voice`, and ModelFileError for a damaged checkpoint."""
        parts = parse(recipe)
        return blended(VoiceName(recipe), self.sources(parts), parts)

    def stamps(self, recipe: str) -> str:
        """Changes whenever one of its own voices' files does."""
        own = [self._folder.find(part.name) for part in parse(recipe)]
        return " ".join(str(self._folder.stamp(name)) for name in own if name is not None)

    def sources(self, parts: Sequence[Part]) -> list[ClonedVoice]:
        """The voices of a blend as vectors: the home's own, or speakers of the checkpoint that has most of them.

        Raises:
            UnknownVoice: for one that is not here.
            ModelFileError: for a damaged checkpoint.
        """
        names = [part.name for part in parts]
        return [self._source(name, names) for name in names]

    def _source(self, name: str, beside: Sequence[str]) -> ClonedVoice:
        if (own := self._folder.find(name)) is not None:
            return self._folder.read(own)
        from ...model.speaker import speaker_vector  # torch

        wanted = name.strip().casefold()
        at = self._of_speaker(wanted, beside)
        folder, config = self._checkpoints.all()[at]
        vector = speaker_vector(folder, config, wanted).numpy()
        return ClonedVoice(VoiceName(wanted), vector, None, None, f"{config.size} {config.type}")

    def _card(self, name: str, beside: Sequence[str]) -> VoiceCard:
        if (own := self._folder.find(name)) is not None:
            card = next((card for card in self._folder.cards() if card.name == own), None)
            if card is None:
                raise UnknownVoice(f"The file of the voice {own!r} is damaged, or no voice; clone it again.")
            return card
        wanted = name.strip().casefold()
        config = self._checkpoints.all()[self._of_speaker(wanted, beside)][1]
        size = config.talker.stack.hidden_size
        return VoiceCard(VoiceName(wanted), "blend", size, f"{config.size} {config.type}", None)

    def _of_speaker(self, wanted: str, beside: Sequence[str]) -> int:
        """Which checkpoint has the speaker, and most of those ``beside`` it.

        Raises:
            UnknownVoice: if none has.
        """
        known = self._checkpoints.all()
        named = [at for at, (_, config) in enumerate(known) if wanted in config.talker.speakers]
        if not named:
            why = self._checkpoints.missing("custom_voice", "A blend of speakers needs")
            speakers = ", ".join(sorted({who for _, config in known for who in config.talker.speakers}))
            hint = f"Speakers: {speakers}." if speakers else why
            raise UnknownVoice(
                f"There is no speaker and no voice of your own called {wanted[:64]!r}. {hint}", field="of"
            )
        names = {other.strip().casefold() for other in beside}
        return max(named, key=lambda at: len(names & set(known[at][1].talker.speakers)))

    def _config(self, card: VoiceCard) -> ModelConfig | None:
        """Of the checkpoint that speaks such a voice."""
        kind = "custom_voice" if card.is_of_speakers else "base"
        fitting = (c for _, c in self._checkpoints.all() if (c.type, c.talker.stack.hidden_size) == (kind, card.size))
        return next(fitting, None)
