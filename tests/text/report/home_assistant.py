"""Home Assistant's own answers: the response templates of the package ``home-assistant-intents``, filled in."""

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

FILES: Final = {
    "en": "en",
    "de": "de",
    "fr": "fr",
    "es": "es",
    "it": "it",
    "pt": "pt-BR",
    "ru": "ru",
    "zh": "zh-CN",
} | {
    "ja": "ja",
    "ko": "ko",
}
# Name, area, floor, an item of the shopping list, a song, a colour, a state: as a home in that language has them.
_THINGS: Final = {
    "en": ("Ceiling Light", "Kitchen", "First Floor", "milk", "Yellow Submarine", "red", "on"),
    "de": ("Deckenlampe", "Küche", "Erdgeschoss", "Milch", "Atemlos", "rot", "an"),
    "fr": ("Plafonnier", "Cuisine", "Premier étage", "lait", "La mer", "rouge", "allumé"),
    "es": ("Lámpara de techo", "Cocina", "Primera planta", "leche", "La Bamba", "rojo", "encendido"),
    "it": ("Plafoniera", "Cucina", "Primo piano", "latte", "Volare", "rosso", "acceso"),
    "pt": ("Luz do teto", "Cozinha", "Primeiro andar", "leite", "Garota de Ipanema", "vermelho", "ligado"),
    "ru": ("Люстра", "Кухня", "Первый этаж", "молоко", "Катюша", "красный", "включено"),
    "zh": ("吸顶灯", "厨房", "一楼", "牛奶", "月亮代表我的心", "红色", "开"),
    "ja": ("シーリングライト", "キッチン", "一階", "牛乳", "さくら", "赤", "オン"),
    "ko": ("천장 조명", "주방", "일층", "우유", "아리랑", "빨간색", "켜짐"),
}
_NUMBERS: Final = {"hours": 1, "minutes": 5, "seconds": 30, "start_hours": 0, "start_minutes": 5, "start_seconds": 0}


class _Bag(dict[str, Any]):
    """A mapping whose keys are attributes too, as template variables are."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)


def answers(package: Path, language: str) -> list[str]:
    """What Home Assistant answers in this language, each once: every template, filled in for several situations."""
    templates = json.loads((package / "data" / f"{FILES[language]}.json").read_text(encoding="utf-8"))["responses"]
    sources = [*templates["errors"].values()]
    for intent in templates["intents"].values():
        sources += intent.values()
    found = dict.fromkeys(
        " ".join(text.split()) for source in sources for text in _rendered(source, language) if "{" not in text
    )
    return [text for text in found if any(map(str.isalpha, text))]


def _rendered(source: str, language: str) -> Iterator[str]:
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment()
    attributes: dict[str, Any] = {}
    environment.globals["state_attr"] = lambda _entity, name: attributes.get(name)
    environment.globals["now"] = lambda: datetime(2026, 11, 24, 9, 0)
    for variables in _situations(language):
        attributes.clear()
        attributes.update(variables["state"].attributes)
        try:
            yield environment.from_string(source).render(**variables)
        except Exception:  # noqa: BLE001  (a template that needs what this situation has not)
            continue


def _situations(language: str) -> Iterator[dict[str, Any]]:
    name, area, floor, item, song, color, state = _THINGS[language]
    first = _Bag(name=name, state="on", state_with_unit=state, domain="light", entity_id="light.a")
    second = _Bag(name=area, state="off", state_with_unit="21.5 °C", domain="sensor", entity_id="sensor.b")
    timer = _Bag(
        is_active=True, name="", area="", rounded_hours_left=0, rounded_minutes_left=4, rounded_seconds_left=30
    ) | dict(_NUMBERS)
    for turn, matched in enumerate(([], [first], [first, second], [first] * 6)):
        attributes = _Bag(
            temperature=21.5 - 20 * turn, temperature_unit="°C", current_temperature=20 + turn, humidity=45,
            pressure=1013,
            pressure_unit="hPa", wind_speed=12, wind_speed_unit="km/h", wind_bearing=200, uv_index=3,
            wind_gust_speed=22,
        )  # fmt: skip
        for domain in ("light", "cover", "lock", "climate", "media_player", "sensor", "weather", "person"):
            yield {
                "area": area, "floor": floor, "entity": name, "domain": domain, "state_name": state,
                "device_class": ("window", "door", "garage", "motion")[turn],
                "slots": _Bag(
                    {key: number + turn for key, number in _NUMBERS.items()},
                    name=name, area=area, floor=floor, item=item, media=song, search_query=song, color=color,
                    state=state, temperature=21 + turn, brightness=50, position=30, percentage=40, volume_level=20,
                    date=date(2026, 11, 24 + turn), time=time(9 + 4 * turn, 5 * turn), device_class="window",
                    fan_mode="auto",
                    timers=[_Bag(timer)] * turn, canceled=turn, message=item, response=item, domain=domain,
                ),
                "state": _Bag(
                    state=("on", "off", "21.5", "sunny")[turn],
                    state_with_unit=(state, "21.5 °C", "45 %", "12 km/h")[turn],
                    name=name, domain=domain, attributes=attributes, entity_id=f"{domain}.a",
                ),
                "query": _Bag(matched=matched, unmatched=[second] * (turn % 2)),
                "timer": _Bag(timer),
            }  # fmt: skip
