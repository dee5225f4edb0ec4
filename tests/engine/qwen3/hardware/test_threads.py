"""The number of threads is measured for each stage, never kept from a busy moment, and looked at again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wyoming_qwen3tts.engine.qwen3.hardware import threads
from wyoming_qwen3tts.engine.qwen3.hardware.threads import STAGES, ThreadTuner, candidates, fastest, in_words

LANGUAGE, CODEC = STAGES
Speed = Callable[[str, int], float]


def more_is_faster(_: str, count: int) -> float:
    return 1.0 / count


def one_is_fastest(_: str, count: int) -> float:
    return float(count)


class Machine:
    """A number of cores, how fast products are on it, and how busy it is. Its ``starts`` share one file."""

    def __init__(self, folder: Path, most: int = 2, speed: Speed = more_is_faster) -> None:
        self.file, self.most, self.speed = folder / "threads.json", most, speed
        self.noise, self.load, self.clock = 1.0, 0.5, 1000.0
        self.measured: list[int] = []

    def start(self) -> ThreadTuner:
        tuner = ThreadTuner(
            self.most, self._measure, file=self.file, machine="this", load=lambda: self.load, now=lambda: self.clock
        )
        tuner.start()
        return tuner

    def started(self, times: int) -> list[int]:
        """Threads of the language model after each of so many starts."""
        return [self.start().threads[LANGUAGE] for _ in range(times)]

    def _measure(self, count: int) -> Mapping[str, list[float]]:
        self.measured.append(count)
        return {
            name: [self.speed(name, count), *[self.noise * self.speed(name, count)] * 4] for name in (LANGUAGE, CODEC)
        }

    def keep(self, count: Any, most: int = 2, **changes: Any) -> None:
        """A file as after three starts in which ``count`` won."""
        one = {"threads": count, "seconds": 1.0, "rival": None, "wins": 0, **changes}
        self.file.write_text(json.dumps({"machine": "this", "stages": {LANGUAGE: one, CODEC: one}}))

    def kept(self) -> dict[str, Any]:
        return dict(json.loads(self.file.read_text())["stages"][LANGUAGE])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "best"),
    [({1: 1.0, 2: 0.6, 4: 0.3}, 4), ({1: 1.0, 2: 0.96, 4: 0.97}, 1), ({1: 1.0, 2: 0.5, 4: 0.9}, 2)],
    ids=["all", "no gain", "too many"],
)
def test_more_threads_have_to_gain(seconds: dict[int, float], best: int) -> None:
    assert fastest([1, 2, 4], seconds.__getitem__) == best


@pytest.mark.parametrize(
    ("known", "most", "compared"),
    [({2}, 2, [1, 2]), ({1}, 2, [1, 2]), ({1}, 16, [1, 2, 16]), ({4}, 16, [2, 4, 8, 16]), ({6}, 6, [4, 6]),
     ({3}, 6, [2, 3, 4, 6]), ({1}, 1, [1]), ({1, 8}, 8, [1, 2, 4, 8])],
)  # fmt: skip
def test_a_number_is_compared_with_its_neighbours_and_all_cores(
    known: set[int], most: int, compared: list[int]
) -> None:
    assert candidates(known, most) == compared


@pytest.mark.parametrize("busy_first", [False, True])
def test_one_thread_that_a_busy_minute_left_is_corrected_within_three_starts(
    machine: Machine, busy_first: bool
) -> None:
    machine.keep(1)
    machine.noise = 1.3 if busy_first else 1.0
    first = machine.start().threads[LANGUAGE]
    machine.noise = 1.0

    assert first == (1 if busy_first else 2)
    assert machine.started(2) == [2, 2]
    assert machine.kept() == {"threads": 2, "seconds": 0.5, "rival": None, "wins": 0}


@pytest.mark.parametrize("trouble", ["noise", "load"])
def test_a_first_start_in_a_busy_moment_takes_all_cores_and_decides_nothing(machine: Machine, trouble: str) -> None:
    machine.speed = one_is_fastest
    setattr(machine, trouble, 2.5)

    assert machine.started(4) == [2] * 4
    assert not machine.file.exists() or machine.kept()["wins"] == 0


def test_fewer_threads_than_cores_have_to_win_three_starts_in_a_row(tmp_path: Path) -> None:
    machine = Machine(tmp_path, most=4, speed=lambda _, count: 1.0 if count == 2 else 2.0)
    two = machine.started(2)
    machine.speed = more_is_faster
    interrupted = machine.started(1)
    machine.speed = lambda _, count: 1.0 if count == 2 else 2.0

    assert (two, interrupted) == ([4, 4], [4])
    assert machine.started(4) == [4, 4, 2, 2]


def test_each_stage_has_its_own_number(tmp_path: Path) -> None:
    machine = Machine(tmp_path, speed=lambda name, count: float(count) if name == LANGUAGE else 1 / count)
    machine.started(3)
    tuner = machine.start()

    assert tuner.threads == {LANGUAGE: 1, CODEC: 2}
    assert in_words(tuner.threads, 2) == "threads of 2: language model 1, codec 2"
    assert in_words({LANGUAGE: 2, CODEC: 2}, 2) == "2 threads (of 2)"


@pytest.mark.parametrize(
    "text",
    ["no json", "", "[]", '"2"', "{}", "[" * 100_000, '{"machine": "this", "threads": 1}',
     '{"machine": "this", "stages": []}', '{"machine": "this", "stages": {"language model": {"threads": 1}}}'],
)  # fmt: skip
def test_a_broken_file_is_ignored(machine: Machine, text: str) -> None:
    machine.file.write_text(text)
    machine.noise = 2.0  # nothing is decided, so that what was read stays

    assert machine.started(1) == [2]


@pytest.mark.parametrize("count", [0, -1, 4096, 3, "1", 1.0, True, None, [1]])
def test_a_file_with_nonsense_is_ignored(machine: Machine, count: Any) -> None:
    machine.keep(count)
    machine.noise = 2.0

    assert machine.started(1) == [2]


@pytest.mark.parametrize(
    "changes", [{"rival": 7}, {"wins": "3"}, {"wins": 99}, {"seconds": -1.0}, {"seconds": "1"}, {"else": 1}], ids=str
)
def test_a_file_with_one_wrong_field_is_ignored(machine: Machine, changes: dict[str, Any]) -> None:
    machine.keep(1, **changes)
    machine.noise = 2.0

    assert machine.started(1) == [2]


def test_what_another_machine_left_is_ignored(machine: Machine) -> None:
    machine.keep(1)
    machine.file.write_text(machine.file.read_text().replace('"this"', '"other"'))
    machine.noise = 2.0

    assert machine.started(1) == [2]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")

    assert Machine(tmp_path / "cache").started(2) == [2, 2]


def quiet(tuner: ThreadTuner) -> int:
    """A moment in which nobody is spoken to; how many pieces of work it held."""
    pieces = 0
    while tuner.step():
        pieces += 1
    return pieces


def speak(tuner: ThreadTuner, seconds: float, frames: int = 100) -> None:
    for _ in range(frames):
        tuner.made_frame(seconds)


@pytest.mark.parametrize("trouble", ["noise", "load"])
def test_a_busy_start_is_made_up_for_in_the_first_quiet_moment_after_a_minute(machine: Machine, trouble: str) -> None:
    machine.keep(1)
    setattr(machine, trouble, 2.5)
    tuner = machine.start()
    machine.noise, machine.load = 1.0, 0.5
    at_once = quiet(tuner)
    machine.clock += 130

    assert (at_once, tuner.threads[LANGUAGE]) == (0, 1)
    assert quiet(tuner) > 0
    assert (tuner.threads[LANGUAGE], quiet(tuner)) == (2, 0)


def test_a_start_that_was_made_up_for_counts_among_the_three(machine: Machine) -> None:
    machine.speed = one_is_fastest
    for _ in range(3):
        machine.load = 2.5
        tuner = machine.start()
        machine.load, machine.clock = 0.5, machine.clock + 130
        quiet(tuner)

    assert tuner.threads == {LANGUAGE: 1, CODEC: 1}


def test_where_it_is_always_busy_it_is_looked_less_and_less_often(machine: Machine) -> None:
    machine.load = 9.0
    tuner = machine.start()
    looks = 0
    for _ in range(60):
        machine.clock += 61
        looks += quiet(tuner) > 0

    assert 5 <= looks <= 9


def test_the_load_of_a_host_counts_by_its_own_cores_whatever_our_share_is(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    tuner = ThreadTuner(2, machine._measure, cores=64, file=machine.file, machine="this", load=lambda: 30.0)
    tuner.start()

    assert machine.kept()["seconds"] == 0.5


def test_the_number_of_fast_cores_is_tried_in_any_case(tmp_path: Path) -> None:
    machine = Machine(tmp_path, most=20, speed=lambda _, count: 1.0 if count == 12 else 2.0)
    for _ in range(3):
        tuner = ThreadTuner(20, machine._measure, kinds=(12,), file=machine.file, machine="this", load=lambda: 0.0)
        tuner.start()

    assert tuner.threads[LANGUAGE] == 12


@pytest.mark.parametrize(("slower", "looks"), [(1.2, False), (1.3, True)])
def test_frames_that_take_a_quarter_longer_ask_for_a_new_look(machine: Machine, slower: float, looks: bool) -> None:
    machine.keep(1)
    machine.speed = one_is_fastest  # while it starts
    tuner, used = machine.start(), list[Mapping[str, int]]()
    tuner.use = used.append
    machine.speed, machine.clock = more_is_faster, machine.clock + 3600
    speak(tuner, 0.1)
    none_yet = quiet(tuner)
    speak(tuner, 0.1 * slower)

    assert none_yet == 0
    assert (quiet(tuner) > 0) == looks
    assert used == ([{LANGUAGE: 2, CODEC: 2}] if looks else [])
    assert tuner.threads[LANGUAGE] == (2 if looks else 1)


def test_a_look_ends_when_somebody_is_spoken_to_and_comes_only_every_ten_minutes(machine: Machine) -> None:
    tuner = machine.start()
    machine.clock += 3600
    speak(tuner, 0.1)
    speak(tuner, 0.2, 25)
    measured = len(machine.measured)
    assert tuner.step()
    speak(tuner, 0.2, 25)

    assert quiet(tuner) == 3  # from the beginning
    assert machine.measured[measured:] == [1, 1, 2]
    speak(tuner, 0.1)
    speak(tuner, 0.2)
    assert quiet(tuner) == 0  # ten minutes are not over
    machine.clock += 601
    speak(tuner, 0.2)
    assert quiet(tuner) > 0


def test_a_look_while_the_server_runs_never_takes_cores_away(machine: Machine) -> None:
    tuner = machine.start()
    machine.speed = one_is_fastest
    for _ in range(5):
        machine.clock += 3600
        speak(tuner, 0.1, 50)
        speak(tuner, 0.2, 50)
        quiet(tuner)

    assert tuner.threads[LANGUAGE] == 2
    assert machine.kept()["wins"] == 0


@pytest.mark.usefixtures("needs_library")
def test_this_machine_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_LOOK_S", 0.01)
    found = threads._product_times(1, None)

    assert set(found) == set(STAGES)
    assert all(len(times) >= 5 and min(times) > 0 for times in found.values())
    assert threads.this_machine()[1] >= 1
