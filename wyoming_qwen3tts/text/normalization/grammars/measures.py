"""Words for units that CLDR lacks: one table of prefixes and one of bases a language; "kilo" + "volt" is a kilovolt.

Sources: BIPM, The International System of Units (9th edition), in each language's official translation; CLDR 46 for the
words that a base is built from.
"""

from typing import Final

_KEYS: Final = (
    "micro milli centi deci hecto kilo mega giga tera peta exa zetta yotta kibi mebi gibi tebi pebi exbi zebi yobi"
).split()
_WORDS: Final = {
    "en": "micro milli centi deci hecto kilo mega giga tera peta exa zetta yotta"
    " kibi mebi gibi tebi pebi exbi zebi yobi",
    "de": "mikro milli zenti dezi hekto kilo mega giga tera peta exa zetta yotta"
    " kibi mebi gibi tebi pebi exbi zebi yobi",
    "fr": "micro milli centi déci hecto kilo méga giga téra péta exa zetta yotta"
    " kibi mébi gibi tébi pébi exbi zébi yobi",
    "es": "micro mili centi deci hecto kilo mega giga tera peta exa zetta yotta"
    " kibi mebi gibi tebi pebi exbi zebi yobi",
    "it": "micro milli centi deci etto chilo mega giga tera peta exa zetta yotta"
    " kibi mebi gibi tebi pebi exbi zebi yobi",
    "pt": "micro mili centi deci hecto quilo mega giga tera peta exa zetta yotta"
    " kibi mebi gibi tebi pebi exbi zebi yobi",
    "ru": "микро милли санти деци гекто кило мега гига тера пета экса зетта йотта"
    " киби меби гиби теби пеби эксби зеби йоби",
    "zh": "微 毫 厘 分 百 千 兆 吉 太 拍 艾 泽 尧 千 兆 吉 太 拍 艾 泽 尧",
    "ja": "マイクロ ミリ センチ デシ ヘクト キロ メガ ギガ テラ ペタ エクサ ゼタ ヨタ"
    " キビ メビ ギビ テビ ペビ エクスビ ゼビ ヨビ",
    "ko": "마이크로 밀리 센티 데시 헥토 킬로 메가 기가 테라 페타 엑사 제타 요타"
    " 키비 메비 기비 테비 페비 엑스비 제비 요비",
}
PREFIXES: Final = {code: dict(zip(_KEYS, words.split(), strict=True)) for code, words in _WORDS.items()}

# Name -> forms as in `Grammar.units`. What is spoken with the number inside has its place marked.
BASES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "en": {
        "power-watt-peak": ("watt peak", "watts peak"),
        "reactive-var": ("var", "vars"),
        "reactive-var-hour": ("var hour", "var hours"),
        "area-square-millimeter": ("square millimeter", "square millimeters"),
        "volume-hundred-cubic-feet": ("hundred cubic feet",),
        "volume-thousand-cubic-feet": ("thousand cubic feet",),
        "pressure-inch-water": ("inch of water", "inches of water"),
        "index-uv": ("UV index {}",),
    },
    "de": {
        "power-watt-peak": ("Watt Peak",),
        "reactive-var": ("Var",),
        "reactive-var-hour": ("Varstunde", "Varstunden"),
        "area-square-millimeter": ("Quadratmillimeter",),
        "volume-hundred-cubic-feet": ("hundert Kubikfuß",),
        "volume-thousand-cubic-feet": ("tausend Kubikfuß",),
        "pressure-inch-water": ("Zoll Wassersäule",),
        "index-uv": ("UV-Index {}",),
        "energy-british-thermal-unit": ("britische Wärmeeinheit", "britische Wärmeeinheiten"),
    },
    "fr": {
        "power-watt-peak": ("watt-crête", "watts-crête"),
        "reactive-var": ("var", "vars"),
        "reactive-var-hour": ("varheure", "varheures"),
        "area-square-millimeter": ("millimètre carré", "millimètres carrés"),
        "volume-hundred-cubic-feet": ("centaine de pieds cubes", "centaines de pieds cubes"),
        "volume-thousand-cubic-feet": ("millier de pieds cubes", "milliers de pieds cubes"),
        "pressure-inch-water": ("pouce d'eau", "pouces d'eau"),
        "index-uv": ("indice UV {}",),
        "energy-british-thermal-unit": ("unité thermique britannique", "unités thermiques britanniques"),
        "area-acre": ("acre", "acres"),
    },
    "es": {
        "power-watt-peak": ("vatio pico", "vatios pico"),
        "reactive-var": ("voltiamperio reactivo", "voltiamperios reactivos"),
        "reactive-var-hour": ("voltiamperio reactivo hora", "voltiamperios reactivos hora"),
        "area-square-millimeter": ("milímetro cuadrado", "milímetros cuadrados"),
        "volume-hundred-cubic-feet": ("centenar de pies cúbicos", "centenares de pies cúbicos"),
        "volume-thousand-cubic-feet": ("millar de pies cúbicos", "millares de pies cúbicos"),
        "pressure-inch-water": ("pulgada de agua", "pulgadas de agua"),
        "index-uv": ("índice UV {}",),
    },
    "it": {
        "power-watt-peak": ("watt di picco",),
        "reactive-var": ("voltampere reattivo", "voltampere reattivi"),
        "reactive-var-hour": ("voltamperora reattivo", "voltamperora reattivi"),
        "area-square-millimeter": ("millimetro quadrato", "millimetri quadrati"),
        "volume-hundred-cubic-feet": ("centinaio di piedi cubi", "centinaia di piedi cubi"),
        "volume-thousand-cubic-feet": ("migliaio di piedi cubi", "migliaia di piedi cubi"),
        "pressure-inch-water": ("pollice d'acqua", "pollici d'acqua"),
        "index-uv": ("indice UV {}",),
    },
    "pt": {
        "power-watt-peak": ("watt-pico", "watts-pico"),
        "reactive-var": ("volt-ampere reativo", "volt-amperes reativos"),
        "reactive-var-hour": ("volt-ampere-hora reativo", "volt-amperes-hora reativos"),
        "area-square-millimeter": ("milímetro quadrado", "milímetros quadrados"),
        "volume-hundred-cubic-feet": ("centena de pés cúbicos", "centenas de pés cúbicos"),
        "volume-thousand-cubic-feet": ("milhar de pés cúbicos", "milhares de pés cúbicos"),
        "pressure-inch-water": ("polegada de água", "polegadas de água"),
        "index-uv": ("índice UV {}",),
    },
    "ru": {
        "power-watt-peak": (
            "ватт пиковой мощности",
            "ватта пиковой мощности",
            "ватт пиковой мощности",
            "ватта пиковой мощности",
        ),
        "reactive-var": ("вар", "вара", "вар", "вара"),
        "reactive-var-hour": ("вар-час", "вар-часа", "вар-часов", "вар-часа"),
        "area-square-millimeter": (
            "квадратный миллиметр",
            "квадратных миллиметра",
            "квадратных миллиметров",
            "квадратного миллиметра",
        ),
        "volume-hundred-cubic-feet": (
            "сотня кубических футов",
            "сотни кубических футов",
            "сотен кубических футов",
            "сотни кубических футов",
        ),
        "volume-thousand-cubic-feet": (
            "тысяча кубических футов",
            "тысячи кубических футов",
            "тысяч кубических футов",
            "тысячи кубических футов",
        ),
        "pressure-inch-water": (
            "дюйм водяного столба",
            "дюйма водяного столба",
            "дюймов водяного столба",
            "дюйма водяного столба",
        ),
        "index-uv": ("ультрафиолетовый индекс {}",),
        "concentr-part": ("частица", "частицы", "частиц", "частицы"),
        "electric-siemens": ("сименс", "сименса", "сименсов", "сименса"),
        "pressure-pascal": ("паскаль", "паскаля", "паскалей", "паскаля"),
        "duration-microsecond": ("микросекунда", "микросекунды", "микросекунд", "микросекунды"),
        "duration-year": ("год", "года", "лет", "года"),
        "mass-stone": ("стоун", "стоуна", "стоунов", "стоуна"),
    },
    "zh": {
        "power-watt-peak": ("瓦峰值",),
        "reactive-var": ("乏",),
        "reactive-var-hour": ("乏时",),
        "area-square-millimeter": ("平方毫米",),
        "volume-hundred-cubic-feet": ("百立方英尺",),
        "volume-thousand-cubic-feet": ("千立方英尺",),
        "pressure-inch-water": ("英寸水柱",),
        "index-uv": ("紫外线指数{}",),
        "concentr-part": ("个颗粒",),
        "digital-byte": ("字节",),
        "pressure-pound-force-per-square-inch": ("磅每平方英寸",),
    },
    "ja": {
        "power-watt-peak": ("ワットピーク",),
        "reactive-var": ("バール",),
        "reactive-var-hour": ("バール時",),
        "area-square-millimeter": ("平方ミリメートル",),
        "volume-hundred-cubic-feet": ("百立方フィート",),
        "volume-thousand-cubic-feet": ("千立方フィート",),
        "pressure-inch-water": ("水柱インチ",),
        "index-uv": ("紫外線指数{}",),
        "concentr-part": ("個",),
        "volume-cup": ("カップ",),
    },
    "ko": {
        "power-watt-peak": ("와트피크",),
        "reactive-var": ("바르",),
        "reactive-var-hour": ("바르시",),
        "area-square-millimeter": ("제곱밀리미터",),
        "volume-hundred-cubic-feet": ("백 세제곱피트",),
        "volume-thousand-cubic-feet": ("천 세제곱피트",),
        "pressure-inch-water": ("수주인치",),
        "index-uv": ("자외선 지수 {}",),
        "concentr-part": ("개",),
        "concentr-millimole-per-liter": ("리터당 {}밀리몰",),
        "pressure-pound-force-per-square-inch": ("제곱인치당 {}파운드",),
    },
}

_PER_KEYS: Final = (
    "cubic-foot square-foot deciliter centimeter 100-kilometer mile gram piece milliliter pound meter watt person"
).split()
_PER: Final = {
    "en": "per cubic foot|per square foot|per deciliter|per centimeter|per 100 kilometers|per mile|per gram|per piece"
    "|per milliliter|per pound|per meter|per watt|per person",
    "de": "pro Kubikfuß|pro Quadratfuß|pro Deziliter|pro Zentimeter|pro 100 Kilometer|pro Meile|pro Gramm|pro Stück"
    "|pro Milliliter|pro Pfund|pro Meter|pro Watt|pro Person",
    "fr": "par pied cube|par pied carré|par décilitre|par centimètre|aux 100 kilomètres|par mile|par gramme|par pièce"
    "|par millilitre|par livre|par mètre|par watt|par personne",
    "es": "por pie cúbico|por pie cuadrado|por decilitro|por centímetro|cada 100 kilómetros|por milla|por gramo"
    "|por unidad|por mililitro|por libra|por metro|por vatio|por persona",
    "it": "al piede cubo|al piede quadrato|al decilitro|al centimetro|ogni 100 chilometri|al miglio|al grammo|al pezzo"
    "|al millilitro|alla libbra|al metro|al watt|a persona",
    "pt": "por pé cúbico|por pé quadrado|por decilitro|por centímetro|por 100 quilômetros|por milha|por grama"
    "|por unidade|por mililitro|por libra|por metro|por watt|por pessoa",
    "ru": "на кубический фут|на квадратный фут|на децилитр|на сантиметр|на 100 километров|на милю|на грамм|за штуку"
    "|на миллилитр|за фунт|на метр|на ватт|на человека",
    "zh": "每立方英尺|每平方英尺|每分升|每厘米|每100公里|每英里|每克|每个|每毫升|每磅|每米|每瓦|每人",
    "ja": "1立方フィートあたり|1平方フィートあたり|1デシリットルあたり|1センチメートルあたり|100キロメートルあたり"
    "|1マイルあたり|1グラムあたり|1個あたり|1ミリリットルあたり|1ポンドあたり|1メートルあたり|1ワットあたり|1人あたり",
    "ko": "세제곱피트당 |제곱피트당 |데시리터당 |센티미터당 |100킬로미터당 |마일당 |그램당 |개당 |밀리리터당 |파운드당 "
    "|미터당 |와트당 |1인당 ",
}
PER: Final = {code: dict(zip(_PER_KEYS, words.split("|"), strict=True)) for code, words in _PER.items()}
