"""Phrases spoken ahead of time, in nobody's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.harness import until
from tests.service.phrases import Caching, Traced, caching
from wyoming_qwen3tts.service.phrase_cache import TEXT_CHARS
from wyoming_qwen3tts.service.prerender import Line, Prerender, parse, prerendering
from wyoming_qwen3tts.settings import Cache
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase

LIST = "Dinner is ready.\n[de] Das Essen ist fertig.\nbuiltin-fr|Bonjour à tous.\n"


@asynccontextmanager
async def running(it: Caching, path: Path) -> AsyncIterator[Prerender]:
    prerender = Prerender(it.service, path, idle_s=0.01, look_s=0.01)
    task = asyncio.create_task(prerender.run())
    yield prerender
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_line_may_name_a_voice_and_a_language() -> None:
    lines, wrong = parse("# a comment\n\n Hello. \n[pt-BR] Olá.\nryan-en | Hi.\n anna|[de] Guten Tag | alle.\n")

    assert not wrong
    assert lines == [
        Line("Hello."),
        Line("Olá.", language="pt-BR"),
        Line("Hi.", "ryan-en"),
        Line("Guten Tag | alle.", "anna", "de"),
    ]


def test_what_is_wrong_with_a_line_is_said_with_its_number_and_the_others_count() -> None:
    lines, wrong = parse(f"|no voice\n[de]\n{'x' * (TEXT_CHARS + 1)}\nGood.\n")

    assert lines == [Line("Good.")]
    assert [reason.split(":")[0] for reason in wrong] == ["line 1", "line 2", "line 3"]


def test_the_example_in_config_is_a_good_one() -> None:
    lines, wrong = parse((ROOT / "config" / "phrases.txt").read_text(encoding="utf-8"))

    assert len(lines) == 4
    assert not wrong


async def test_every_phrase_of_the_list_is_there_before_anybody_asks(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(LIST)
    async with caching(tmp_path) as it, running(it, tmp_path / "list.txt") as prerender:
        await until(lambda: prerender.recorded == 3)
        await it.cache.close()
        await it.say("Dinner is ready.", voice=None)
        await it.say("Das Essen ist fertig.", voice="builtin-de")
        await it.say("Bonjour à tous.", voice="builtin-fr")

        assert it.was_cached == [True, True, True]
        assert [voice for voice, _ in it.engine.requests] == ["builtin-en", "builtin-de", "builtin-fr"]


async def test_a_changed_list_model_or_lexicon_is_spoken_anew_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("Dinner is ready.\nGood night to all.\n")
    async with caching(tmp_path) as it, running(it, path):
        await until(lambda: len(it.cache) == 2)
        (tmp_path / "en.txt").write_text("Dinner = Dinnah\n")
        await until(lambda: len(it.cache) == 3)
        path.write_text("Dinner is ready.\nGood night to all.\nGood morning to all.\n")
        await until(lambda: len(it.cache) == 4)
        assert it.engine.spoken == [
            "Dinner is ready.", "Good night to all.", "Dinnah is ready.", "Good morning to all.",
        ]  # fmt: skip
        it.engine.identity = "model 2"
        await until(lambda: len(it.cache) == 7)


async def test_it_makes_way_as_soon_as_somebody_wants_to_be_spoken_to_and_goes_on_afterwards(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("Dinner is ready.\n")
    engine = Traced()
    engine.release.clear()
    async with caching(tmp_path, engine) as it, running(it, tmp_path / "list.txt"):
        await until(lambda: engine.speaking == 1)
        request = asyncio.create_task(it.say("Somebody is here."))
        await until(lambda: engine.requests[-1][1] == ["Somebody is here."])
        await until(lambda: engine.speaking == 1)  # the other one was given up, though it had no sound yet
        assert it.service.active == 1
        engine.release.set()
        assert await request
        await until(lambda: len(it.cache) == 2)

        assert it.stats[0].outcome == "done"
        assert len(it.stats) == 1


async def test_nothing_is_spoken_while_the_engine_is_not_ready(tmp_path: Path) -> None:
    class Loading(Traced):
        status = EngineStatus(Phase.LOADING)

    (tmp_path / "list.txt").write_text("Dinner is ready.\n")
    engine = Loading()
    async with caching(tmp_path, engine) as it, running(it, tmp_path / "list.txt"):
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert not engine.requests
        engine.status = EngineStatus(Phase.READY)
        await until(lambda: len(it.cache) == 1)


async def test_a_phrase_that_cannot_be_spoken_stops_none_of_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "list.txt").write_text("nobody|Hello to you.\n|\nDinner is ready.\n")
    async with caching(tmp_path) as it, running(it, tmp_path / "list.txt"):
        await until(lambda: len(it.cache) == 1)
        for _ in range(5):
            await asyncio.sleep(0.01)

    assert len([record for record in caplog.records if "No voice is called 'nobody'" in record.message]) == 1
    assert len([record for record in caplog.records if "line 2" in record.message]) == 1


async def test_a_list_that_is_not_there_is_said_once_and_looked_for_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "list.txt"
    async with caching(tmp_path) as it, running(it, path):
        await until(lambda: "cannot be read" in caplog.text)
        path.write_text("Dinner is ready.\n")
        await until(lambda: len(it.cache) == 1)

    assert caplog.text.count("cannot be read") == 1


async def test_the_settings_start_it_and_warn_where_it_can_do_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path = tmp_path / "list.txt"
    path.write_text("Dinner is ready.\n")
    async with caching(tmp_path) as it:
        async with prerendering(it.service, Cache()):
            assert not it.engine.requests
        async with prerendering(it.service, Cache(prerender=str(path))):
            await until(lambda: len(it.cache) == 1)
        async with prerendering(it.service, Cache(prerender=str(path), size_mb=0)):
            assert "has no effect" in caplog.text
