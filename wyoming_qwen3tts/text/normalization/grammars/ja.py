"""Japanese. Sources: CLDR 46 for units; 公用文作成の考え方 (文化審議会, 2022) for numerals, dates and times."""

from typing import ClassVar

from .east_asian import EastAsian


class Japanese(EastAsian):
    """Japanese."""

    code = "ja"
    pair_link = "と"
    point = "点"
    own_digits = "〇一二三四五六七八九"
    lone_units: ClassVar = {
        "speed-kilometer-per-hour": "キロメートル毎時",
        "speed-meter-per-second": "メートル毎秒",
        "speed-mile-per-hour": "マイル毎時",
    }
    over_pattern = "{1}分の{0}"
    signs: ClassVar = {
        "-": "マイナス",
        "+": "プラス",
        "±": "プラスマイナス",
        "=": "イコール",
        "<": "小なり",
        ">": "大なり",
        "≥": "以上",
        "≤": "以下",
        "×": "かける",
        "÷": "割る",
        "~": "約",
        "&": "と",
        "and": "と",
        "@": "アット",
        ".": "ドット",
        "/": "スラッシュ",
        "dash": "ハイフン",
        "_": "アンダーバー",
        ":": "コロン",
        "§": "第",
        "‰": "パーミル",
        "version": "バージョン",
        "ratio": "対",
        "≠": "ノットイコール",
        "squared": "の2乗",
        "cubed": "の3乗",
        "over": "分の",
        "#": "番",
    }
    per: ClassVar = {
        "gallon": "1ガロンあたり",
        "hour": "毎時",
        "second": "毎秒",
        "minute": "毎分",
        "day": "1日あたり",
        "week": "1週間あたり",
        "month": "1か月あたり",
        "year": "1年あたり",
        "kilowatt-hour": "1キロワット時あたり",
        "square-meter": "1平方メートルあたり",
        "cubic-meter": "1立方メートルあたり",
        "kilogram": "1キログラムあたり",
        "liter": "1リットルあたり",
        "kilometer": "1キロメートルあたり",
        "person": "1人あたり",
    }
    units: ClassVar = {
        "duration-hour": ("時間",),
        "duration-minute": ("分",),
        "duration-second": ("秒",),
        "duration-day": ("日",),
        "energy-watt-hour": ("ワット時",),
        "energy-megawatt-hour": ("メガワット時",),
        "concentr-ppm": ("ピーピーエム",),
        "concentr-ppb": ("ピーピービー",),
        "mass-microgram": ("マイクログラム",),
        "speed-beaufort": ("ビューフォート",),
        "sound-decibel": ("デシベル",),
        "sound-dbm": ("デシベルミリワット",),
        "electric-ampere-hour": ("アンペア時",),
        "electric-milliampere-hour": ("ミリアンペア時",),
        "power-voltampere": ("ボルトアンペア",),
        "light-lumen": ("ルーメン",),
        "digital-bit": ("ビット",),
        "temperature-kelvin": ("ケルビン",),
        "rotation-rpm": ("回転毎分",),
        "electric-millivolt": ("ミリボルト",),
        "pressure-kilopascal": ("キロパスカル",),
        "digital-mebibyte": ("メビバイト",),
        "digital-gibibyte": ("ギビバイト",),
        "mass-tonne": ("トン",),
        "concentr-permille": ("パーミル",),
    }
    currencies: ClassVar = {
        "EUR": (("ユーロ",), ("セント",)),
        "USD": (("ドル",), ("セント",)),
        "GBP": (("ポンド",), ("ペンス",)),
        "JPY": (("円",), ()),
        "CNY": (("元",), ()),
        "RUB": (("ルーブル",), ("コペイカ",)),
        "KRW": (("ウォン",), ()),
        "INR": (("ルピー",), ("パイサ",)),
        "CHF": (("スイスフラン",), ("ラッペン",)),
        "BRL": (("レアル",), ("センターボ",)),
        "cent": (("セント",), ()),
        "penny": (("ペンス",), ()),
    }
    denominators: ClassVar = {}
    halves: ClassVar = {"1/2": "2分の1", "n 1/2": "{}と2分の1"}
    numero = "{}番"
    magnitudes: ClassVar = {"万": "万", "億": "億", "千": "千", "兆": "兆", "百万": "百万", "千万": "千万"}

    def range(self, first: str, last: str) -> str:
        return f"{first}から{last}"

    def months(self) -> dict[str, int]:
        return {}

    def date(self, day: int, month: int, year: str, before: str) -> str:
        return (f"{year}年" if year else "") + f"{month}月{day}日"

    def month_year(self, month: int, year: str) -> str:
        return f"{year}年{month}月"

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        part = {"am": "午前", "pm": "午後"}.get(period, "")
        spoken = f"{part}{hour}時" + (f"{minute}分" if minute or second is not None else "")
        return spoken if second is None else f"{spoken}{second}秒"
