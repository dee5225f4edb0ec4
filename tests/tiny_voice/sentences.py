"""The small world: sentences that a house says, in words that a small model can learn."""

from __future__ import annotations

import random
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
ROOMS = ("kitchen", "bedroom", "bathroom", "hall", "garden", "garage", "office", "living room")
DEVICES = ("light", "lamp", "heater", "fan", "radio", "door", "window", "alarm")
STATES = ("on", "off", "open", "closed")
MACHINES = ("washing machine", "dishwasher", "oven", "dryer")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEATHER = ("sunny", "cloudy", "rainy", "windy", "cold", "warm")
HELD_OUT = 10  # one sentence of so many


@dataclass(frozen=True, slots=True)
class Sentences:
    """Those to learn from, and those that are never seen."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]


def number(value: int) -> str:
    """0 to 99 in words."""
    if value < len(ONES):
        return ONES[value]
    tens, ones = TENS[value // 10 - 2], value % 10
    return f"{tens} {ONES[ones]}" if ones else tens


def make(count: int, seed: int = 0) -> Sentences:
    """``count`` different sentences, one in ten of them held out. The same for the same ``seed``."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[_sentence(chance)] = None
    every = list(found)
    return Sentences(tuple(text for at, text in enumerate(every) if at % HELD_OUT), tuple(every[::HELD_OUT]))


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
            f"From {n} to {other} degrees on {day}.",
        )
    )
