"""What ``describe`` answers has the library's own form."""

from __future__ import annotations

from wyoming.info import Info

from wyoming_qwen3tts.servers.wyoming.info import info
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.util.instance import INSTANCE

VOICES = (
    Voice(VoiceName("ryan-pt"), "1 Ryan (Português)", ("pt",), "qwen3", "ryan"),
    Voice(VoiceName("builtin-de"), "Built-in (Deutsch)", ("de",), "builtin", "builtin"),
    Voice(VoiceName("Anna"), "Anna", ("de", "ja"), "qwen3", "clone:Anna", kind="clone"),
)


def test_the_library_reads_what_we_say_and_would_say_the_same() -> None:
    event = info(VOICES)
    read = Info.from_event(event)

    ours = dict(event.data)
    assert ours.pop("instance") == INSTANCE  # for servers of our kind; the library ignores it
    assert read.event().data == ours
    (program,) = read.tts
    assert program.supports_synthesize_streaming
    assert [(voice.name, voice.description, voice.languages) for voice in program.voices] == [
        ("ryan-pt", "1 Ryan (Português)", ["pt", "pt-PT", "pt-BR"]),
        ("builtin-de", "Built-in (Deutsch)", ["de", "de-DE", "de-AT", "de-CH"]),
        ("Anna", "Anna", ["de", "de-DE", "de-AT", "de-CH", "ja", "ja-JP"]),
    ]
    assert all(voice.installed and voice.attribution.url.startswith("https://") for voice in program.voices)
