"""Where voices are made: what comes in is checked, what is kept can be handed on, and every refusal says what to do."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from tests.harness import FakeEngine
from tests.studio.own_voices import RATE, TRANSCRIPT, a_voice, clip, speech, wav
from wyoming_qwen3tts.engine.qwen3.checkpoints import Checkpoints
from wyoming_qwen3tts.errors import BadRequest, Busy, EngineError, UnknownVoice
from wyoming_qwen3tts.model.checkpoint.config import MODEL_TYPES, ModelType
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.voice import Voice
from wyoming_qwen3tts.studio import studio
from wyoming_qwen3tts.studio.studio import VARIANTS_KEPT, VARIANTS_MAX, VoiceStudio
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.file_format import FILE_BYTES_MAX, decode, encode
from wyoming_qwen3tts.voices.folder import VoiceFolder

Folders = dict[ModelType, Path]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("tiny-studio")
    return {kind: write_tiny_checkpoint(root / kind, kind) for kind in MODEL_TYPES}


class Desk:
    def __init__(self, studio: VoiceStudio, folder: VoiceFolder, catalog: VoiceCatalog) -> None:
        self.studio, self.folder, self.catalog = studio, folder, catalog


@asynccontextmanager
async def desk(data: Path, *models: str | Path, maker: Any = None) -> AsyncIterator[Desk]:
    folder = VoiceFolder(data / "voices")
    voices = FakeEngine().voices()

    def own() -> list[Voice]:
        return [
            Voice(card.name, card.name, tuple(LANGUAGES), "qwen3", f"clone:{card.name}", kind=card.kind)
            for card in folder.cards()
        ]

    def find(model: str) -> Path | None:
        return Path(model) if Path(model).is_dir() else None

    catalog = VoiceCatalog(voices, own)
    studio = VoiceStudio(folder, catalog, Checkpoints([str(model) for model in models], find), maker)
    try:
        yield Desk(studio, folder, catalog)
    finally:
        studio.close()


# -- clones


async def test_a_clone_keeps_vector_and_codes_and_the_note_and_not_the_clip(tiny: Folders, tmp_path: Path) -> None:
    async with desk(tmp_path, tiny["base"]) as here:
        made = await here.studio.clone("Anna", clip(), text=TRANSCRIPT, consent=" Anna,\n 2026 ")

        kept = here.folder.read("Anna")
    assert (made.name, made.kind) == ("Anna", "clone")
    assert kept.codes is not None
    assert (kept.text, kept.consent, kept.clip, kept.model) == (TRANSCRIPT, "Anna, 2026", None, "0b6 base")


async def test_the_clip_itself_is_kept_only_where_that_is_asked_for(tiny: Folders, tmp_path: Path) -> None:
    async with desk(tmp_path, tiny["base"]) as here:
        await here.studio.clone("Anna", clip(), keep_clip=True)

        kept = here.folder.read("Anna").clip
    assert kept is not None
    assert np.abs(kept / 32767 - speech()).max() < 1e-4


def truncated_flac() -> bytes:
    return b"fLaC" + bytes(500)


def bomb() -> bytes:
    """Claims an hour and holds nothing."""
    head = bytearray(wav(np.zeros(10)))
    head[40:44] = (RATE * 2 * 3600).to_bytes(4, "little")
    return bytes(head)


def an_hour() -> bytes:
    """At 8 kHz and 8 bits, as FLAC: a silent hour is small."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.zeros(8_000 * 3600, np.int16), 8_000, format="FLAC")
    return file.getvalue()


def music() -> bytes:
    at = np.arange(6 * RATE) / RATE
    return wav(sum(np.sin(2 * np.pi * hz * at) for hz in (220, 277, 330)) * 0.2)  # type: ignore[arg-type]


BAD_CLIPS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "silent": (lambda: wav(np.zeros(4 * RATE)), "silent", "closer to the microphone"),
    "clipped": (lambda: wav(speech() * 40), "clipped", "less gain"),
    "too short": (lambda: wav(speech()[: round(1.2 * RATE)]), "too-short", "at least 1.5 s"),
    "music": (music, "music", "speech alone"),
    "noise": (lambda: wav(np.random.RandomState(0).standard_normal(4 * RATE) * 0.1), "noise", "quiet room"),
    "an hour": (an_hour, "unreadable", "longer than 60 s"),
    "a bomb": (bomb, "unreadable", "clip"),
    "large": (lambda: b"RIFF" + bytes(11 << 20), "unreadable", "larger than 10 MiB"),
    "cut": (truncated_flac, "unreadable", "damaged"),
    "a text": (lambda: b"This is no sound.", "unreadable", "no sound file that is read here"),
    "nothing": (lambda: b"", "unreadable", "no sound file that is read here"),
}


@pytest.mark.parametrize("case", BAD_CLIPS)
async def test_a_clip_that_cannot_become_a_voice_is_refused_with_its_reason_and_nothing_is_kept(
    case: str, tiny: Folders, tmp_path: Path
) -> None:
    make, code, why = BAD_CLIPS[case]
    made = make()
    async with desk(tmp_path, tiny["base"]) as here:
        report = await here.studio.check(made)
        with pytest.raises(BadRequest, match=why) as refused:
            await here.studio.clone("Anna", made)

        assert code in [problem.code for problem in report.errors]
        assert refused.value.field == "clip"
        assert here.folder.names() == []


@pytest.mark.parametrize(
    "name",
    ["", "..", "../anna", "/etc/passwd", "a/b", "a\0b", "Anna-de", "builtin", "Builtin-FR", "ryan", "x" * 10_000,
     "anna\u202egnp", "a.b", "COM1:", "taken", "TAKEN", "t\uff41ken"],
)  # fmt: skip
async def test_a_name_that_is_none_or_taken_is_refused_before_anything_is_done(
    name: str, tiny: Folders, tmp_path: Path
) -> None:
    async with desk(tmp_path, tiny["base"]) as here:
        here.folder.add(a_voice("taken"))
        with pytest.raises(BadRequest) as refused:
            await here.studio.clone(name, b"not even looked at")

        assert refused.value.field == "name"
        assert here.folder.names() == ["taken"]


@pytest.mark.parametrize(
    ("words", "field"),
    [({"text": " "}, "text"), ({"text": "x" * 2_001}, "text"), ({"consent": "x" * 501}, "consent")],
)
async def test_words_that_are_empty_or_too_long_are_refused(
    words: dict[str, str], field: str, tiny: Folders, tmp_path: Path
) -> None:
    async with desk(tmp_path, tiny["base"]) as here:
        with pytest.raises(BadRequest) as refused:
            await here.studio.clone("Anna", clip(), **words)  # type: ignore[arg-type]

        assert refused.value.field == field


async def test_without_a_base_checkpoint_it_says_which_to_add(tiny: Folders, tmp_path: Path) -> None:
    async with desk(tmp_path, tiny["custom_voice"]) as here:
        assert not here.studio.can_clone
        with pytest.raises(BadRequest, match=r"Cloning needs a Base checkpoint: --engine\.model"):
            await here.studio.clone("Anna", clip())


async def test_of_a_base_checkpoint_that_is_not_here_it_says_how_to_fetch_it(tmp_path: Path) -> None:
    async with desk(tmp_path, "Qwen/Qwen3-TTS-12Hz-0.6B-Base") as here:
        assert here.studio.why_not == (
            "Cloning needs a Base checkpoint, and Qwen/Qwen3-TTS-12Hz-0.6B-Base is not here yet: "
            "wyoming-qwen3tts download Qwen/Qwen3-TTS-12Hz-0.6B-Base"
        )


async def test_a_folder_that_cannot_be_written_is_an_error_and_the_studio_goes_on(
    tiny: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    async with desk(tmp_path, tiny["base"]) as here:
        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", full)
            with pytest.raises(EngineError, match="No space left on device"):
                await here.studio.clone("Anna", clip())
        assert list((tmp_path / "voices").iterdir()) == []

        assert (await here.studio.clone("Anna", clip())).name == "Anna"


async def test_a_damaged_checkpoint_is_an_error_in_its_own_words(tiny: Folders, tmp_path: Path) -> None:
    from shutil import copytree

    folder = copytree(tiny["base"], tmp_path / "model")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-500])
    async with desk(tmp_path, folder) as here:
        with pytest.raises(EngineError, match="truncated"):
            await here.studio.clone("Anna", clip())


async def test_only_so_many_may_wait(tiny: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio, "WAITING_MAX", 2)
    async with desk(tmp_path, tiny["base"]) as here:
        answers = await asyncio.gather(*(here.studio.check(clip()) for _ in range(3)), return_exceptions=True)

    assert [isinstance(answer, Busy) for answer in answers] == [False, False, True]


# -- handing on


async def test_a_voice_that_is_exported_removed_and_imported_is_the_same_voice(tiny: Folders, tmp_path: Path) -> None:
    async with desk(tmp_path, tiny["base"]) as here:
        await here.studio.clone("Anna", clip(), text=TRANSCRIPT, consent="yes")
        before = here.folder.read("Anna")
        data = await here.studio.export("anna")
        await here.studio.remove("ANNA")
        gone = here.folder.names()
        voice = await here.studio.restore(data)
        again = here.folder.read("Anna")
        twin = await here.studio.restore(data, "Berta")

        assert (gone, voice.name, twin.name) == ([], "Anna", "Berta")
        np.testing.assert_array_equal(again.vector, before.vector)
        np.testing.assert_array_equal(again.codes, before.codes)
        assert (again.text, again.consent) == (TRANSCRIPT, "yes")
        with pytest.raises(BadRequest, match="already") as refused:
            await here.studio.restore(data)
        assert refused.value.field == "name"


def with_codes(value: int) -> bytes:
    voice = a_voice(frames=20)
    assert voice.codes is not None
    voice.codes[3, 3] = value
    return encode(voice)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is damaged"),
        (b"PK\x03\x04" + bytes(100), "is damaged"),
        (encode(a_voice())[:-1], "is damaged"),
        (bytes(FILE_BYTES_MAX + 1), "at most 4 MiB"),
        (save({"vector": np.ones(64, np.float32)}), "does not say what the voice is called"),
        (save({"vector": np.ones(64, np.float32)}, {"format": "another", "name": "Anna"}), "no voice of ours"),
        (with_codes(-1), "no voice of ours"),
        (with_codes(256), "outside the codebooks"),
        (encode(a_voice(size=2048, model="1b7 base")), r"add Qwen/Qwen3-TTS-12Hz-1\.7B-Base to engine\.model"),
        (encode(a_voice(size=48, model="odd")), "add the Base model 'odd'"),
        (encode(a_voice("builtin")), "already"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,  # files hold the time, and ids are to be the same
)
async def test_what_is_no_voice_of_this_home_is_not_imported(
    data: bytes, why: str, tiny: Folders, tmp_path: Path
) -> None:
    async with desk(tmp_path, tiny["base"]) as here:
        with pytest.raises(BadRequest, match=why) as refused:
            await here.studio.restore(data)

        assert refused.value.field in ("file", "name")
        assert here.folder.names() == []


async def test_only_voices_of_ones_own_can_be_removed_or_exported(tiny: Folders, tmp_path: Path) -> None:
    async with desk(tmp_path, tiny["base"]) as here:
        for act in (here.studio.remove, here.studio.export):
            with pytest.raises(BadRequest, match="comes with a model"):
                await act("builtin-en")
            for name in ("nobody", "../../etc/passwd", ""):
                with pytest.raises(UnknownVoice):
                    await act(name)


async def test_a_damaged_voice_is_not_exported_but_can_be_removed(tiny: Folders, tmp_path: Path) -> None:
    async with desk(tmp_path, tiny["base"]) as here:
        path = here.folder.add(a_voice())
        path.write_bytes(path.read_bytes()[:-4])

        with pytest.raises(BadRequest, match="damaged"):
            await here.studio.export("Anna")
        await here.studio.remove("Anna")
        assert not path.exists()


# -- descriptions; the real rendering is in tests/engine/qwen3/test_own_voices.py


async def rendered(here: Desk, **words: Any) -> list[studio.Variant]:
    return [variant async for variant in here.studio.design("A calm old man.", **words)]


async def test_variants_are_kept_for_a_while_and_the_oldest_leave(tiny: Folders, tmp_path: Path) -> None:
    async with desk(tmp_path, tiny["base"], tiny["voice_design"], maker=FakeEngine()) as here:
        first = await rendered(here, variants=1)
        for _ in range(VARIANTS_KEPT // VARIANTS_MAX):
            last = await rendered(here, variants=VARIANTS_MAX)

        with pytest.raises(BadRequest, match="design the voice again") as refused:
            await here.studio.keep(first[0].id, "Walter")
        assert refused.value.field == "variant"
        assert len({variant.seed for variant in last}) == VARIANTS_MAX
        assert (await here.studio.keep(last[0].id, "Walter")).kind == "design"
        assert decode(await here.studio.export("Walter"), "Walter", "it").description == "A calm old man."


@pytest.mark.parametrize(
    ("description", "words", "field"),
    [
        (" ", {}, "description"),
        ("x" * 501, {}, "description"),
        ("A man.", {"language": "tlh"}, "language"),
        ("A man.", {"text": "x" * 301}, "text"),
        ("A man.", {"text": "\U0001f600"}, "text"),
        ("A man.", {"variants": 0}, "variants"),
        ("A man.", {"variants": 9}, "variants"),
    ],
)
async def test_a_design_that_cannot_be_says_which_input_is_to_blame(
    description: str, words: dict[str, Any], field: str, tiny: Folders, tmp_path: Path
) -> None:
    async with desk(tmp_path, tiny["base"], tiny["voice_design"], maker=FakeEngine()) as here:
        with pytest.raises(BadRequest) as refused:
            await anext(here.studio.design(description, **words))

        assert refused.value.field == field


@pytest.mark.parametrize(
    ("kinds", "maker", "why"),
    [
        (["base"], True, "needs a VoiceDesign checkpoint: --engine.model .*1.7B-VoiceDesign"),
        (["voice_design"], True, "is spoken by a Base checkpoint: --engine.model .*Base"),
        (["base", "voice_design"], False, "--engine.kind qwen3"),
    ],
)
async def test_a_missing_model_is_named(
    kinds: list[ModelType], maker: bool, why: str, tiny: Folders, tmp_path: Path
) -> None:
    models = [tiny[kind] for kind in kinds]
    async with desk(tmp_path, *models, maker=FakeEngine() if maker else None) as here:
        assert not here.studio.can_design
        with pytest.raises(BadRequest, match=why):
            await anext(here.studio.design("A man."))


async def test_one_description_is_rendered_at_a_time_and_a_short_one_is_no_reference(
    tiny: Folders, tmp_path: Path
) -> None:
    engine = FakeEngine()
    async with desk(tmp_path, tiny["base"], tiny["voice_design"], maker=engine) as here:
        engine.release.clear()
        first = asyncio.create_task(rendered(here, variants=1))
        await asyncio.sleep(0.01)
        with pytest.raises(Busy):
            await rendered(here, variants=1)
        engine.release.set()
        assert len(await first) == 1

        with pytest.raises(EngineError, match="longer text"):
            await rendered(here, text="Hello.", variants=1)
