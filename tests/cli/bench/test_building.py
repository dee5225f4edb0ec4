"""``bench --building``, ``--rooms`` and ``--processes``: what they count, with a few replies at a speed that no card
has. Their figures are a matter of minutes and of the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.harness import free_port
from wyoming_qwen3tts.cli.bench import building, children, processes, rooms
from wyoming_qwen3tts.cli.bench.model_servers import RTX_4090, Asked, Timing, ideal_first_s, model_servers
from wyoming_qwen3tts.cli.bench.wyoming import TEXTS
from wyoming_qwen3tts.engine.remote.engine import RemoteEngine
from wyoming_qwen3tts.engine.remote.router import expected_s
from wyoming_qwen3tts.errors import BadRequest
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address
from wyoming_qwen3tts.settings.sources import load
from wyoming_qwen3tts.util.processes import Child
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

QUICK = Timing("test", "none", 0.01, 200.0)


def test_the_whole_path_speaks_and_the_table_and_plot_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "RTX_4090", QUICK)
    monkeypatch.setattr(building, "SERVERS_AT_ONCE", 4)
    result = building.bench_building([2], tmp_path / "plot.svg", lasts_s=0.2)

    assert [run["arrivals"] for run in result["runs"]] == ["poisson", "rush"]
    for run in result["runs"]:
        assert run["replies"] > 3
        assert run["refused"] == 0
        assert min(run["p95_ms"], run["ideal_p95_ms"]) > 0
        assert run["ratio_p95"] == pytest.approx(run["p95_ms"] / run["ideal_p95_ms"], abs=0.01)
    assert "2 poisson" in building.table(result)
    assert (tmp_path / "plot.svg").read_text().count("<rect") == 3 + 4


def test_the_ideal_router_gives_each_sentence_to_the_one_with_the_least_work_left() -> None:
    asked = [Asked(0.0, "a", 5.0), Asked(0.0, "b", 1.0), Asked(0.5, "c", 2.0), Asked(2.0, "d", 1.0)]
    timing = Timing("test", "none", 0.1, 1.0)

    assert ideal_first_s(asked, 2, timing) == pytest.approx([0.1, 0.1, 0.6, 1.1])
    assert ideal_first_s(asked[::-1], 2, timing)[2:] == pytest.approx([0.6, 1.1])  # in the order of their times


async def test_a_reply_that_is_refused_is_counted_as_none_that_was_heard() -> None:
    heard = building.Listeners()
    async with model_servers(1, QUICK) as servers:
        servers[0].url = "http://127.0.0.1:1"
        async with building.site(servers) as address:
            await heard.listen(address, "Hello there.")

    assert (heard.refused, heard.first_s) == (1, [])


async def test_a_hole_in_a_reply_is_heard() -> None:
    """A card that makes half a second of audio a second."""
    heard = building.Listeners()
    async with model_servers(1, Timing("slow", "none", 0.0, 0.5)) as servers, building.site(servers) as address:
        await heard.listen(address, "Hello.")

    assert (heard.underruns, len(heard.first_s)) == (1, 1)


def test_the_load_is_what_the_servers_can_bear_by_its_share() -> None:
    texts = [text for _, text in building.requests(4 * building.LOAD, "poisson", 4000.0, RTX_4090, 25)]
    parts = [part for text in texts for part in building.sentences(text)]
    work_s = sum(RTX_4090.work_s(expected_s(part, "en")) for part in parts)
    assert work_s / (4 * 4000.0) == pytest.approx(building.LOAD, rel=0.1)


async def test_the_servers_are_asked_for_the_sentences_that_the_load_is_made_of() -> None:
    heard = building.Listeners()
    async with model_servers(1, QUICK) as servers, building.site(servers) as address:
        for text in TEXTS:
            await heard.listen(address, text)

    assert [one.text for one in servers[0].asked] == [part for t in TEXTS for part in building.sentences(t)]


@pytest.mark.parametrize("text", ["", "0", "65", "four", "1,-2"])
def test_what_is_no_number_of_servers_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="--building takes numbers of servers from 1 to 64"):
        building.counts_of(text, "--building", "servers", 64)


# -- a server in a process of its own


@asynccontextmanager
async def in_this_process(flags: Mapping[str, str]) -> AsyncIterator[Child]:
    """What `children.serving` starts, without the seconds that a process takes."""
    settings = load({name.replace("-", "_"): value for name, value in flags.items()}, {})
    engine = RemoteEngine(settings.engine.urls)
    service = SpeechService(engine, VoiceCatalog(engine.voices(), engine.clones), settings.limits, slots=8)
    service.load()
    await service.loaded()
    shares_port = settings.wyoming.share_port
    async with WyomingServer(service, settings.wyoming.address, settings.limits, shares_port=shares_port):
        child: Any = SimpleNamespace(pid=os.getpid())
        yield child
    await service.close()


async def test_rooms_are_connected_and_ask_and_what_they_cost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "serving", in_this_process)
    monkeypatch.setattr(rooms, "EVERY_S", 2.0)
    monkeypatch.setattr(rooms, "_DESCRIBE_EVERY_S", 0.01)
    monkeypatch.setattr(rooms, "_IDLE_S", 0.05)
    run = await rooms._run(20, 0.5, QUICK)

    assert (run["rooms"], run["cards"], run["refused"]) == (20, 1, 0)
    assert run["replies"] >= 2
    assert min(run["describe_p99_ms"], run["idle_describe_p99_ms"]) > 0
    assert run["core_share"] > 0
    assert "of a core" in rooms.table({"machine": "m", "timing": "t", "every_s": 2.0, "runs": [run]})


def test_rooms_get_the_cards_that_docs_scale_reckons_with() -> None:
    """57 rooms a card there, of replies of 8 s in one sentence; the texts here are 7.6 s in two."""
    assert [rooms.cards_for(count, RTX_4090) for count in (40, 200, 2000)] == [1, 4, 36]


async def test_processes_share_a_port_and_what_each_reply_costs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "serving", in_this_process)
    monkeypatch.setattr(processes, "LISTENERS", 4)
    run = await processes._run(2, "port", 0.2)

    assert (run["processes"], run["refused"]) == (2, 0)
    assert run["replies"] >= 4
    assert run["core_ms_a_reply"] > 0
    assert "HAProxy is not installed" in processes.table(
        {"machine": "m", "listeners": 4, "proxy": False, "runs": [run]}
    )


async def test_a_server_of_its_own_gets_ready_and_its_work_is_counted(tmp_path: Path) -> None:
    async with model_servers(1, QUICK) as models:
        address = Address("127.0.0.1", free_port())
        async with children.serving(rooms.remote_flags(models, address, str(tmp_path))) as child:
            async with connect(address) as client:
                assert (await client.speak("Hello there.", voice=building.VOICE)).audio_s > 0.5
            assert children.processor_s(child) > 0.1

    assert [one.text for one in models[0].asked] == ["Hello there."]


# -- behind a proxy


def test_the_configuration_of_the_proxy_in_the_docs_is_the_one_that_is_measured() -> None:
    found = re.search(r"^```\n(defaults\n.*?)^```", (ROOT / "docs/scale.md").read_text(), re.DOTALL | re.MULTILINE)
    backs = [Address("127.0.0.1", 10201), Address("127.0.0.1", 10202)]

    assert found
    assert found[1] == processes.proxy_config(Address("*", 10200), backs)


@pytest.mark.skipif(not processes.has_proxy(), reason="no HAProxy here")
def test_the_proxy_takes_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(processes.proxy_config(Address("*", 10200), [Address("127.0.0.1", 10201)]))
    path = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    done = subprocess.run([str(path), "-c", "-f", file], capture_output=True, text=True, timeout=20)

    assert done.returncode == 0, done.stderr
