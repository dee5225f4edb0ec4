"""The small world: sentences that a house says, in words that a small model can learn."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

ONES = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ROOMS = ("kitchen", "bedroom", "bathroom", "hallway", "garden", "garage", "office", "living room")
DEVICES = ("light", "lamp", "heater", "fan", "radio", "door", "window", "alarm")
STATES = ("on", "off", "open", "closed")
MACHINES = ("washing machine", "dishwasher", "oven", "dryer")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEATHER = ("sunny", "cloudy", "rainy", "stormy", "cold", "warm")
HELD_OUT = 10  # one sentence of so many


@dataclass(frozen=True, slots=True)
class Sentences:
    """Those to learn from, drills among them, and those that are never seen."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]


def number(value: int) -> str:
    """0 to 99 in words."""
    if value < len(ONES):
        return ONES[value]
    tens, ones = TENS[value // 10 - 2], value % 10
    return f"{tens} {ONES[ones]}" if ones else tens


def make(count: int, drills: int = 0, seed: int = 0) -> Sentences:
    """``count`` different sentences, one in ten of them held out, and ``drills`` more to learn from: words of the same
    vocabulary in any order, so that what comes next can be told from the text alone. The same for the same ``seed``."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[_sentence(chance)] = None
    every = list(found)
    learnt = [text for at, text in enumerate(every) if at % HELD_OUT]
    vocabulary = words(every)
    more = [_drill(chance, vocabulary) for _ in range(drills)]
    return Sentences((*learnt, *more), tuple(every[::HELD_OUT]))


def words(texts: Iterable[str]) -> list[str]:
    """All words of ``texts``, each once, in order."""
    return sorted({word for text in texts for word in re.findall(r"[A-Za-z]+", text)})


def _drill(chance: random.Random, vocabulary: list[str]) -> str:
    return " ".join(chance.choices(vocabulary, k=chance.randint(2, 8))) + "."


def _sentence(chance: random.Random) -> str:
    n, room, device, state = number(chance.randrange(100)), *map(chance.choice, (ROOMS, DEVICES, STATES))
    machine, day, weather = map(chance.choice, (MACHINES, DAYS, WEATHER))
    other, minutes = number(chance.randrange(100)), number(chance.randrange(1, 60))
    return chance.choice(
        (
            f"The {device} in the {room} is {state}.",
            f"It is {n} degrees in the {room}.",
            f"The temperature in the {room} is {n} degrees.",
            f"Your timer for {minutes} minutes is done.",
            f"The {machine} is done.",
            f"The {machine} will be done in {minutes} minutes.",
            f"Turning the {device} in the {room} {state}.",
            f"It is {minutes} minutes past {number(chance.randrange(1, 13))}.",
            f"The {room} {device} is {state}, and it is {n} degrees.",
            f"On {day} it will be {weather} and {n} degrees.",
            f"It will be {weather} on {day}.",
            f"Good morning, it is {n} degrees and {weather}.",
            f"The {device} is at {n} percent.",
            f"The battery in the {room} is at {n} percent.",
            f"From {n} degrees to {other} degrees on {day}.",
        )
    )
