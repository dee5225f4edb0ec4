"""Korean. Sources: CLDR 46 for units; 한글 맞춤법 (국립국어원) 43-44 for numerals and their counters."""

from typing import ClassVar

from .east_asian import EastAsian
from .grammar import Number


class Korean(EastAsian):
    """Korean. Hours stay digits: the model reads them with native numerals by itself."""

    code = "ko"
    pair_link = "와 "
    point = "점 "
    own_digits = "영일이삼사오육칠팔구"
    over_pattern = "{1}분의 {0}"
    below_zero = "영하 "
    cents_gap = " "
    many_gap = " "
    lone_units: ClassVar = {
        "temperature-celsius": "섭씨",
        "temperature-fahrenheit": "화씨",
        "speed-kilometer-per-hour": "킬로미터 매시",
        "speed-meter-per-second": "미터 매초",
        "speed-mile-per-hour": "마일 매시",
    }
    signs: ClassVar = {
        "-": "마이너스 ",
        "+": "플러스 ",
        "±": "플러스마이너스 ",
        "=": "는",
        "<": "작다",
        ">": "크다",
        "≥": "이상",
        "≤": "이하",
        "×": "곱하기",
        "÷": "나누기",
        "~": "약",
        "&": "앤드",
        "and": "과 ",
        "@": "골뱅이",
        ".": "점",
        "/": "슬래시",
        "dash": "하이픈",
        "_": "언더바",
        ":": "콜론",
        "§": "제",
        "‰": "퍼밀",
        "version": "버전",
        "ratio": "대",
        "≠": "같지 않음",
        "squared": "제곱",
        "cubed": "세제곱",
        "over": "분의",
        "#": "번",
    }
    per: ClassVar = {
        "gallon": "갤런당 ",
        "hour": "시간당 ",
        "second": "초당 ",
        "minute": "분당 ",
        "day": "하루 ",
        "week": "주당 ",
        "month": "월 ",
        "year": "연 ",
        "kilowatt-hour": "킬로와트시당 ",
        "square-meter": "제곱미터당 ",
        "cubic-meter": "세제곱미터당 ",
        "kilogram": "킬로그램당 ",
        "liter": "리터당 ",
        "kilometer": "킬로미터당 ",
        "person": "1인당 ",
    }
    units: ClassVar = {
        "energy-joule": ("줄",),
        "pressure-millimeter-ofhg": ("수은주밀리미터",),
        "temperature-celsius": ("섭씨 {}도",),
        "temperature-fahrenheit": ("화씨 {}도",),
        "concentr-percent": ("퍼센트",),
        "speed-kilometer-per-hour": ("시속 {}킬로미터",),
        "speed-meter-per-second": ("초속 {}미터",),
        "speed-mile-per-hour": ("시속 {}마일",),
        "duration-hour": ("시간",),
        "duration-minute": ("분",),
        "duration-second": ("초",),
        "duration-day": ("일",),
        "energy-watt-hour": ("와트시",),
        "energy-megawatt-hour": ("메가와트시",),
        "concentr-ppm": ("피피엠",),
        "concentr-ppb": ("피피비",),
        "mass-microgram": ("마이크로그램",),
        "speed-beaufort": ("보퍼트",),
        "sound-decibel": ("데시벨",),
        "sound-dbm": ("데시벨밀리와트",),
        "electric-ampere-hour": ("암페어시",),
        "electric-milliampere-hour": ("밀리암페어시",),
        "power-voltampere": ("볼트암페어",),
        "light-lumen": ("루멘",),
        "digital-bit": ("비트",),
        "temperature-kelvin": ("켈빈",),
        "rotation-rpm": ("알피엠",),
        "electric-millivolt": ("밀리볼트",),
        "pressure-kilopascal": ("킬로파스칼",),
        "digital-mebibyte": ("메비바이트",),
        "digital-gibibyte": ("기비바이트",),
        "mass-tonne": ("톤",),
        "concentr-permille": ("퍼밀",),
    }
    currencies: ClassVar = {
        "EUR": (("유로",), ("센트",)),
        "USD": (("달러",), ("센트",)),
        "GBP": (("파운드",), ("펜스",)),
        "JPY": (("엔",), ()),
        "CNY": (("위안",), ()),
        "RUB": (("루블",), ("코페이카",)),
        "KRW": (("원",), ()),
        "INR": (("루피",), ("파이사",)),
        "CHF": (("스위스 프랑",), ("라펜",)),
        "BRL": (("헤알",), ("센타보",)),
        "cent": (("센트",), ()),
        "penny": (("펜스",), ()),
    }
    denominators: ClassVar = {}
    halves: ClassVar = {"1/2": "2분의 1", "n 1/2": "{}과 2분의 1"}
    numero = "{}번"
    magnitudes: ClassVar = {"만": "만 ", "억": "억 ", "천": "천 ", "조": "조 ", "백만": "백만 ", "천만": "천만 "}

    def quantity_pair(self, first: Number, second: Number, unit: str) -> str:
        said = self.say(first)
        link = "과 " if said[-1] in "013678영일삼육칠팔" else "와 "
        return self._unit(unit, 0).format(f"{said}{link}{self.say(second)}")

    def range(self, first: str, last: str) -> str:
        return f"{first}에서 {last}"

    def _below_zero(self, spoken: str, unit: str) -> str:
        return spoken.replace("씨 ", "씨 영하 ", 1) if "씨 " in spoken else self.below_zero + spoken

    def months(self) -> dict[str, int]:
        return {}

    def date(self, day: int, month: int, year: str, before: str) -> str:
        return (f"{year}년 " if year else "") + f"{month}월 {day}일"

    def month_year(self, month: int, year: str) -> str:
        return f"{year}년 {month}월"

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        part = {"am": "오전 ", "pm": "오후 "}.get(period, "")
        spoken = f"{part}{hour}시" + (f" {minute}분" if minute or second is not None else "")
        return spoken if second is None else f"{spoken} {second}초"
