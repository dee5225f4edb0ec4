"""``design``: a description becomes a voice that stays the same person."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from ..app.build import build_qwen3, build_studio, catalog_of
from ..errors import BadRequest
from ..settings import Settings
from ..studio.studio import VoiceStudio
from .download import fetched


async def design(settings: Settings, wanted: Namespace) -> int:
    """Render ``wanted.description`` and keep it as ``wanted.name``; several variants are only written, to be
    listened to: the seed that each is called by makes it again.

    Raises:
        SpeechError: for a name, description or model that cannot be used; says what to do.
    """
    for _ in fetched(settings, settings.engine.model):
        pass
    engine = build_qwen3(settings)
    studio = build_studio(settings, engine, catalog_of(settings, engine))
    try:
        studio.check_name(wanted.name)
        if why := studio.why_no_design:
            raise BadRequest(why)
        await engine.start()
        return await _design(studio, wanted)
    finally:
        studio.close()
        await engine.close()


async def _design(studio: VoiceStudio, wanted: Namespace) -> int:
    made = studio.design(
        wanted.description,
        language=wanted.language or "en",
        text=wanted.text,
        variants=wanted.variants,
        seed=wanted.seed,
    )
    async for variant in made:
        if wanted.variants == 1:
            voice = await studio.keep(variant.id, wanted.name)
            sys.stdout.write(f"{voice.name} is one of the voices now (seed {variant.seed})\n")
        else:
            path = Path(f"{wanted.name}-{variant.seed}.wav")
            path.write_bytes(variant.wav)  # noqa: ASYNC240  a local file, and nobody waits
            sys.stdout.write(f"{path}: to keep it, say the same again with --variants 1 --seed {variant.seed}\n")
    return 0
