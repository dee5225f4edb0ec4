"""How many threads the compiled library gets for each stage: as many as are fastest here.

A number is a guess, not a truth: it is measured at each start and after frames that were slow, and what was measured in
a busy moment counts for nothing.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, median

import torch

from ....model.cpu.language import held
from ....model.cpu.native.library import open_native
from ....model.cpu.quantize import pack_int8, to_int8
from ....util.files import write_atomic
from .cores import core_kinds, host_cores, usable_cores

log = logging.getLogger(__name__)

OUTPUTS, INPUTS = 16_384, 2_048  # 32 MB: as a model's matrices, not to be had from a cache
STAGES = {"language model": 1, "codec": 16}  # rows of a product: reading memory, and computing
FILE = "threads.json"

_LOOK_S = 0.1  # of products for each number and stage
_LEAST_ROUNDS = 5
_GAIN = 0.95  # more threads have to be faster by 5 %: others use this machine too
_NOISE = 1.2  # the median over the best, from which on a measurement counts for nothing
_STARTS = 3  # that fewer threads than cores have to win
_SLOW = 1.25  # a frame's time over what it was when threads were chosen, from which on it is looked again
_FRAMES = 25  # whose mean is one frame's time: not each has sound to decode
_AGAIN_S = 600.0  # between two looks
_RETRY_S = 60.0  # after a look in a busy moment, which told nothing; twice as long after each further one

Times = Mapping[str, list[float]]  # of single products, by stage


@dataclass(frozen=True, slots=True)
class Stage:
    """What is known of one stage. ``rival`` is a number under the cores that has won the last ``wins`` starts."""

    threads: int
    seconds: float | None = None  # of one product with them
    rival: int | None = None
    wins: int = 0


class ThreadTuner:
    """Chooses, and looks again. Engine thread only.

    ``measure`` times products with a number of threads; ``use`` is told what to compute with, by stage. ``kinds`` are
    numbers to try in any case, such as that of a hybrid processor's fast cores; ``cores`` the whole machine's, for its
    ``load`` to be compared with.
    """

    def __init__(
        self,
        most: int,
        measure: Callable[[int], Times],
        *,
        kinds: Sequence[int] = (),
        cores: int | None = None,
        file: Path | None = None,
        machine: str = "",
        load: Callable[[], float] = lambda: os.getloadavg()[0],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most, self._measure, self._file, self._machine = most, measure, file, machine
        self._kinds, self._cores = tuple(count for count in kinds if count < most), cores or most
        self._load, self._now = load, now
        self.stages = read_threads(file, machine, most) or dict.fromkeys(STAGES, Stage(most))
        self.use: Callable[[Mapping[str, int]], None] = lambda _: None
        self._costs: list[float] = []  # of the last frames
        self._usual_s: float | None = None  # a frame's time after the last look
        self._wants_look = False
        self._look: Iterator[None] | None = None  # in work
        self._looked_at = float("-inf")
        self._was_busy = False  # the last look told nothing of some stage: another one in a quiet moment
        self._retry_s = _RETRY_S
        self._owes_start = False  # the start's own look was such: the next one that tells something stands for it

    @property
    def threads(self) -> dict[str, int]:
        return {name: stage.threads for name, stage in self.stages.items()}

    def start(self) -> None:
        """Measure, and keep what was found. Takes a second at most."""
        for _ in self._looking(is_start=True):
            pass

    def made_frame(self, seconds: float) -> None:
        """One frame for one listener, with its sound, took so long."""
        self._look = None  # not a quiet moment: it begins anew
        self._costs.append(seconds)
        if len(self._costs) < _FRAMES:
            return
        cost_s, self._costs = fmean(self._costs), []
        if self._usual_s is None:
            self._usual_s = cost_s
        elif cost_s > _SLOW * self._usual_s and self._now() - self._looked_at > _AGAIN_S:
            log.debug(
                "A frame takes %.1f ms instead of %.1f: threads are measured again", cost_s * 1e3, self._usual_s * 1e3
            )
            self._wants_look = True

    def step(self) -> bool:
        """A part of a look, while nobody is spoken to; False: none is wanted."""
        is_due = self._was_busy and self._now() - self._looked_at > self._retry_s
        if self._look is None and not (self._wants_look or is_due):
            return False
        self._look = self._look or self._looking(is_start=self._owes_start)
        if next(self._look, self) is self:
            self._look, self._wants_look = None, False
        return True

    def _looking(self, *, is_start: bool) -> Iterator[None]:
        self._looked_at = self._now()
        times: dict[int, Times] = {}
        for count in sorted({*candidates(set(self.threads.values()), self.most), *self._kinds}):
            times[count] = self._measure(count)
            yield
        self._was_busy = self._load() > self._cores
        if self._was_busy:
            self._put_off(is_start=is_start)
            return
        before = self.threads
        for name, stage in self.stages.items():
            of_stage = {count: found[name] for count, found in times.items()}
            if any(median(one) > _NOISE * min(one) for one in of_stage.values()):
                self._was_busy = True
                continue
            self.stages[name] = settled(
                stage, {count: min(one) for count, one in of_stage.items()}, self.most, is_start
            )
        if self._was_busy:
            self._put_off(is_start=False)
        else:
            self._retry_s, self._owes_start = _RETRY_S, False
        self._usual_s = None
        if self.threads != before:
            log.info("Threads: %s", in_words(self.threads, self.most))
            self.use(self.threads)
        self._keep()

    def _put_off(self, *, is_start: bool) -> None:
        """It told nothing: again later, and less often where it is always busy."""
        self._owes_start = self._owes_start or is_start
        self._retry_s = min(2 * self._retry_s, _AGAIN_S)

    def _keep(self) -> None:
        if self._file is None:
            return
        stages = {
            name: {"threads": one.threads, "seconds": one.seconds, "rival": one.rival, "wins": one.wins}
            for name, one in self.stages.items()
        }
        try:
            write_atomic(self._file, json.dumps({"machine": self._machine, "stages": stages}).encode())
        except OSError as error:  # then the next start begins with all cores
            log.debug("The number of threads cannot be kept: %s", error)


def settled(stage: Stage, seconds: Mapping[int, float], most: int, is_start: bool) -> Stage:
    """What ``stage`` becomes after a quiet measurement: all cores win at once, fewer only in three starts."""
    best = fastest(sorted(seconds), seconds.__getitem__)
    if best in (most, stage.threads):
        return Stage(best, seconds[best])
    if not is_start:
        return stage
    wins = stage.wins + 1 if stage.rival == best else 1
    if wins >= _STARTS:
        return Stage(best, seconds[best])
    return Stage(stage.threads, seconds[stage.threads], best, wins)


def fastest(counts: list[int], seconds: Callable[[int], float]) -> int:
    """The number of threads with the least time; more of them only for a gain."""
    best, least = counts[0], seconds(counts[0])
    for count in counts[1:]:
        taken = seconds(count)
        if taken < _GAIN * least:
            best, least = count, taken
    return best


def candidates(known: set[int], most: int) -> list[int]:
    """Each known number, the next power of two on either side, and all cores."""
    ladder = sorted({most, *known, *(1 << i for i in range(most.bit_length()) if 1 << i <= most)})
    at = [ladder.index(count) for count in known]
    return sorted({most} | {ladder[i] for one in at for i in range(max(0, one - 1), min(len(ladder), one + 2))})


def read_threads(file: Path | None, machine: str, most: int) -> dict[str, Stage] | None:
    """What an earlier start kept; None if that is of another machine, or nonsense."""
    if file is None:
        return None
    try:
        found = json.loads(file.read_text())
        if found["machine"] != machine:
            return None
        stages = {name: Stage(**found["stages"][name]) for name in STAGES}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return stages if all(_is_sane(stage, most) for stage in stages.values()) else None


def _is_sane(stage: Stage, most: int) -> bool:
    numbers = [stage.threads] + ([] if stage.rival is None else [stage.rival])
    return (
        all(type(number) is int and 1 <= number <= most for number in numbers)
        and type(stage.wins) is int
        and 0 <= stage.wins < _STARTS
        and (stage.seconds is None or (type(stage.seconds) is float and stage.seconds > 0))
    )


def in_words(threads: Mapping[str, int], most: int) -> str:
    """``2 threads (of 2)``; where stages differ, each with its name."""
    if len(set(threads.values())) == 1:
        count = next(iter(threads.values()))
        return f"{count} thread{'s' if count > 1 else ''} (of {most})"
    return f"threads of {most}: {', '.join(f'{name} {count}' for name, count in threads.items())}"


def this_machine() -> tuple[str, int]:
    """What a kept number holds for, and the most threads: the cores that we may use, and ``OMP_NUM_THREADS``."""
    most = _cores()
    return f"{platform.machine()} {processor()} {most}", most


@cache
def _cores() -> int:
    """Asked once: PyTorch is given one thread later on."""
    return min(torch.get_num_threads(), usable_cores(os.sched_getaffinity(0)))


@cache
def tuner(cache_dir: Path | None) -> ThreadTuner:
    """That of this machine, after its first look. One for each folder.

    Raises:
        NoLibrary: with the reason, if there is no library to measure with.
    """
    machine, most = this_machine()
    file = None if cache_dir is None else cache_dir / FILE
    made = ThreadTuner(
        most,
        lambda count: _product_times(count, cache_dir),
        kinds=core_kinds(os.sched_getaffinity(0)),
        cores=host_cores(),
        file=file,
        machine=machine,
    )
    made.start()
    return made


def _product_times(threads: int, cache_dir: Path | None) -> dict[str, list[float]]:
    """Times of what a frame is made of, by stage."""
    library = open_native(threads, cache_dir)
    matrix = held(pack_int8(to_int8(torch.full((OUTPUTS, INPUTS), 0.5))))
    try:
        return {name: _times(lambda x: library.multiply(matrix, x), rows) for name, rows in STAGES.items()}
    finally:
        library.close()


def _times(multiply: Callable[[torch.Tensor], object], rows: int) -> list[float]:
    x, times, began = torch.ones(rows, INPUTS), list[float](), time.perf_counter()
    multiply(x)  # the first one reads the matrix in
    while len(times) < _LEAST_ROUNDS or time.perf_counter() - began < _LOOK_S:
        start = time.perf_counter()
        multiply(x)
        times.append(time.perf_counter() - start)
    return times


def processor() -> str:
    """Its name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
