"""Chinese (Mandarin). Sources: GB/T 15835-2011 for numerals, CLDR 46, and the everyday short names of units."""

from typing import ClassVar

from .east_asian import EastAsian


class Chinese(EastAsian):
    """Mandarin in simplified characters; traditional texts keep their own."""

    code = "zh"
    pair_link = "和"
    point = "点"
    own_digits = "零一二三四五六七八九"
    below_zero = "零下"
    lone_units: ClassVar = {
        "speed-kilometer-per-hour": "公里每小时",
        "speed-meter-per-second": "米每秒",
        "speed-mile-per-hour": "英里每小时",
        "concentr-percent": "百分比",
        "concentr-permille": "千分比",
        "index-uv": "紫外线指数",
    }
    over_pattern = "{1}分之{0}"
    signs: ClassVar = {
        "-": "负",
        "+": "加",
        "±": "正负",
        "=": "等于",
        "<": "小于",
        ">": "大于",
        "≥": "大于等于",
        "≤": "小于等于",
        "×": "乘",
        "÷": "除以",
        "~": "大约",
        "&": "和",
        "and": "又",
        "@": "艾特",
        ".": "点",
        "/": "斜杠",
        "dash": "杠",
        "_": "下划线",
        ":": "冒号",
        "§": "第",
        "‰": "千分之",
        "version": "版本",
        "ratio": "比",
        "≠": "不等于",
        "squared": "平方",
        "cubed": "立方",
        "over": "分之",
        "#": "号",
    }
    per: ClassVar = {
        "gallon": "每加仑",
        "hour": "每小时",
        "second": "每秒",
        "minute": "每分钟",
        "day": "每天",
        "week": "每周",
        "month": "每月",
        "year": "每年",
        "kilowatt-hour": "每千瓦时",
        "square-meter": "每平方米",
        "cubic-meter": "每立方米",
        "kilogram": "每千克",
        "liter": "每升",
        "kilometer": "每公里",
        "person": "每人",
    }
    units: ClassVar = {
        "area-square-centimeter": ("平方厘米",),
        "length-decimeter": ("分米",),
        "length-nanometer": ("纳米",),
        "length-yard": ("码",),
        "power-gigawatt": ("吉瓦",),
        "volume-gallon": ("加仑",),
        "pressure-millimeter-ofhg": ("毫米汞柱",),
        "concentr-percent": ("百分之{}",),
        "temperature-generic": ("度",),
        "length-kilometer": ("公里",),
        "length-meter": ("米",),
        "length-centimeter": ("厘米",),
        "length-millimeter": ("毫米",),
        "length-micrometer": ("微米",),
        "length-mile": ("英里",),
        "length-foot": ("英尺",),
        "length-inch": ("英寸",),
        "speed-kilometer-per-hour": ("每小时{}公里",),
        "speed-meter-per-second": ("每秒{}米",),
        "speed-mile-per-hour": ("每小时{}英里",),
        "energy-kilowatt-hour": ("千瓦时",),
        "energy-watt-hour": ("瓦时",),
        "energy-megawatt-hour": ("兆瓦时",),
        "energy-kilojoule": ("千焦",),
        "energy-joule": ("焦耳",),
        "energy-kilocalorie": ("千卡",),
        "energy-calorie": ("卡",),
        "power-watt": ("瓦",),
        "power-kilowatt": ("千瓦",),
        "power-megawatt": ("兆瓦",),
        "power-milliwatt": ("毫瓦",),
        "electric-volt": ("伏",),
        "electric-ampere": ("安",),
        "electric-milliampere": ("毫安",),
        "electric-millivolt": ("毫伏",),
        "electric-ohm": ("欧姆",),
        "electric-ampere-hour": ("安时",),
        "electric-milliampere-hour": ("毫安时",),
        "power-voltampere": ("伏安",),
        "pressure-hectopascal": ("百帕",),
        "pressure-pascal": ("帕",),
        "pressure-kilopascal": ("千帕",),
        "pressure-millibar": ("毫巴",),
        "pressure-bar": ("巴",),
        "light-lux": ("勒克斯",),
        "light-lumen": ("流明",),
        "concentr-ppm": ("ppm",),
        "concentr-ppb": ("ppb",),
        "mass-microgram": ("微克",),
        "mass-tonne": ("吨",),
        "volume-liter": ("升",),
        "volume-milliliter": ("毫升",),
        "volume-deciliter": ("分升",),
        "volume-centiliter": ("厘升",),
        "volume-cubic-meter": ("立方米",),
        "area-square-meter": ("平方米",),
        "area-square-kilometer": ("平方公里",),
        "area-hectare": ("公顷",),
        "digital-bit": ("比特",),
        "digital-kilobit": ("千比特",),
        "digital-megabit": ("兆比特",),
        "digital-gigabit": ("吉比特",),
        "frequency-kilohertz": ("千赫兹",),
        "frequency-megahertz": ("兆赫兹",),
        "frequency-gigahertz": ("吉赫兹",),
        "duration-hour": ("小时",),
        "duration-minute": ("分钟",),
        "duration-second": ("秒",),
        "duration-millisecond": ("毫秒",),
        "duration-day": ("天",),
        "speed-beaufort": ("级",),
        "sound-decibel": ("分贝",),
        "sound-dbm": ("分贝毫瓦",),
        "temperature-kelvin": ("开尔文",),
        "rotation-rpm": ("转每分钟",),
        "concentr-permille": ("千分之{}",),
    }
    currencies: ClassVar = {
        "EUR": (("欧元",), ("欧分",)),
        "USD": (("美元",), ("美分",)),
        "GBP": (("英镑",), ("便士",)),
        "JPY": (("日元",), ()),
        "CNY": (("元",), ()),
        "RUB": (("卢布",), ("戈比",)),
        "KRW": (("韩元",), ()),
        "INR": (("卢比",), ("派士",)),
        "CHF": (("瑞士法郎",), ("生丁",)),
        "BRL": (("雷亚尔",), ("分",)),
        "cent": (("分",), ()),
        "penny": (("便士",), ()),
    }
    denominators: ClassVar = {}
    halves: ClassVar = {"1/2": "二分之一", "n 1/2": "{}又二分之一"}
    numero = "{}号"
    magnitudes: ClassVar = {
        "万": "万",
        "亿": "亿",
        "千": "千",
        "百万": "百万",
        "千万": "千万",
        "万亿": "万亿",
        "十亿": "十亿",
    }

    def range(self, first: str, last: str) -> str:
        return f"{first}到{last}"

    def months(self) -> dict[str, int]:
        return {}

    def date(self, day: int, month: int, year: str, before: str) -> str:
        return (f"{year}年" if year else "") + f"{month}月{day}日"

    def month_year(self, month: int, year: str) -> str:
        return f"{year}年{month}月"

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        part = {"am": "上午", "pm": "晚上" if 6 <= hour < 12 else "下午"}.get(period, "")
        spoken = f"{part}{'两' if hour == 2 else hour}点"
        if minute or second is not None:
            spoken += f"{minute}分" if minute > 9 or not minute else f"零{minute}分"
        return spoken if second is None else f"{spoken}{second}秒"
