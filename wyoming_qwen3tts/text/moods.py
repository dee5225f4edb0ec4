"""The moods that a text may name in brackets, by their names in the ten languages: the one list of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mood:
    """How something is said. ``instruct`` is for models that follow an instruction; ``is_once``: it holds for one
    sentence, as a laugh does."""

    instruct: str
    names: str  # separated by commas: en, de, es, fr, it, ja, ko, pt, ru, zh
    is_once: bool = False


MOODS: Final = {
    "happy": Mood(
        "Speak happily and brightly.",
        "happy, cheerful, fröhlich, alegre, feliz, contento, joyeux, felice, allegro, 嬉しい, 楽しい, 기쁨, 행복, "
        "весело, радостно, 开心, 高兴",
    ),
    "sad": Mood(
        "Speak sadly and quietly.",
        "sad, traurig, triste, 悲しい, 슬픔, грустно, печально, 悲伤, 难过",
    ),
    "angry": Mood(
        "Speak angrily.",
        "angry, wütend, zornig, enfadado, enojado, en colère, fâché, arrabbiato, 怒り, 분노, 화남, com raiva, zangado, "
        "сердито, гневно, 生气, 愤怒",
    ),
    "excited": Mood(
        "Speak with great excitement.",
        "excited, aufgeregt, begeistert, emocionado, entusiasmado, excité, enthousiaste, emozionato, 興奮, 흥분, "
        "animado, взволнованно, восторженно, 兴奋, 激动",
    ),
    "calm": Mood(
        "Speak calmly and evenly.",
        "calm, ruhig, tranquilo, calme, calmo, 落ち着いて, 穏やか, 차분, спокойно, 平静",
    ),
    "serious": Mood(
        "Speak seriously.",
        "serious, ernst, serio, sérieux, 真剣, 진지, sério, серьёзно, серьезно, 严肃",
    ),
    "whisper": Mood(
        "Whisper softly, as if somebody slept in the next room.",
        "whisper, whispers, whispering, flüstern, flüsternd, susurro, susurrando, chuchoter, chuchotement, sussurro, "
        "ささやき, 속삭임, sussurrando, шёпот, шепот, шёпотом, шепотом, 低语, 耳语",
    ),
    "laugh": Mood(
        "Say this with a laugh.",
        "laugh, laughs, laughing, lachen, lacht, risa, risas, rire, rires, risata, ride, 笑い, 笑う, 웃음, risos, "
        "смех, смеётся, 笑, 笑声",
        is_once=True,
    ),
    "sigh": Mood(
        "Say this with a sigh.",
        "sigh, sighs, sighing, seufzen, seufzt, suspiro, soupir, sospiro, ため息, 한숨, вздох, вздыхает, 叹气",
        is_once=True,
    ),
}  # fmt: skip

EMPHASIS: Final = "emphasis"  # SSML's, which has no bracket
REDUCED: Final = "reduced"
INSTRUCT: Final = {name: mood.instruct for name, mood in MOODS.items()} | {
    EMPHASIS: "Speak with strong emphasis.",
    REDUCED: "Say this lightly, without stress.",
}
PLAIN_NAMES: Final = frozenset(
    name.strip() for name in "normal, neutral, normale, нормально, обычно, 普通, 보통, 正常, neutro, neutre".split(",")
)
MOOD_OF: Final = {name.strip().casefold(): mood for mood, about in MOODS.items() for name in about.names.split(",")}
