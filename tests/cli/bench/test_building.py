"""`bench --building`: what it counts, with a few replies; its figures are a matter of minutes and of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from wyoming_qwen3tts.cli.bench import building
from wyoming_qwen3tts.cli.bench.model_servers import RTX_4090, Timing, model_servers
from wyoming_qwen3tts.engine.remote.router import expected_s
from wyoming_qwen3tts.errors import BadRequest

QUICK = Timing("test", "none", 0.01, 200.0)


def test_the_whole_path_speaks_and_the_table_and_plot_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "RTX_4090", QUICK)
    monkeypatch.setattr(building, "SATELLITES", 20)
    result = building.bench_building([2], tmp_path / "plot.svg", lasts_s=0.3)

    assert [(run["arrivals"], run["router"]) for run in result["runs"]] == [
        ("poisson", "ours"), ("poisson", "ideal"), ("rush", "ours"), ("rush", "ideal"),
    ]  # fmt: skip
    assert all(run["replies"] > 3 and run["refused"] == 0 and run["p95_ms"] > 0 for run in result["runs"])
    assert result["idle"]["satellites"] == 20
    assert "2 poisson  ours" in building.table(result)
    assert (tmp_path / "plot.svg").read_text().count("<rect") == 4


async def test_a_reply_that_is_refused_is_counted_as_none_that_was_heard() -> None:
    heard = building._Listeners()
    async with model_servers(1, QUICK) as servers:
        servers[0].url = "http://127.0.0.1:1"
        async with building._site(servers, "ours") as address:
            await building._listen(address, "Hello there.", heard)

    assert (heard.refused, heard.first_s) == (1, [])


def test_the_load_is_what_the_servers_can_bear_by_its_share() -> None:
    texts = [text for _, text in building._requests(4, "poisson", 4000.0)]
    work_s = sum(RTX_4090.first_s + expected_s(text, "en") / RTX_4090.speed for text in texts)
    assert work_s / (4 * 4000.0) == pytest.approx(building.LOAD, rel=0.1)


@pytest.mark.parametrize("text", ["", "0", "65", "four", "1,-2"])
def test_what_is_no_number_of_servers_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="from 1 to 64"):
        building.counts_of(text)
