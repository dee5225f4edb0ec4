"""Abbreviations that need something behind them, and those of whole languages that the grammars have not."""

from typing import Final

# Before a name only: elsewhere they are initials, words or something else.
TITLES: Final[dict[str, dict[str, str]]] = {
    "en": {
        "Rev.": "Reverend", "Mt.": "Mount", "Gov.": "Governor", "Sen.": "Senator", "Rep.": "Representative",
        "Gen.": "General", "Col.": "Colonel", "Capt.": "Captain", "Lt.": "Lieutenant", "Sgt.": "Sergeant",
        "Hon.": "Honorable", "Ft.": "Fort", "Pres.": "President", "Maj.": "Major", "Cpl.": "Corporal",
        "Supt.": "Superintendent", "Mr": "Mister", "Mrs": "Missus",
    },
    "de": {
        "Dipl.-Ing.": "Diplom-Ingenieur", "Ing.": "Ingenieur", "Mag.": "Magister", "St.": "Sankt", "Dr. med.": "Doktor",
        "Dr. rer. nat.": "Doktor", "Dr. phil.": "Doktor", "Dr. jur.": "Doktor", "Prof. Dr.": "Professor Doktor",
        "Hl.": "Heiliger", "Pfr.": "Pfarrer",
    },
    "fr": {
        "Me": "Maître", "Mgr": "Monseigneur", "St": "Saint", "Ste": "Sainte", "MM.": "Messieurs", "Mmes": "Mesdames",
        "Gal": "général", "Cdt": "commandant",
    },
    "es": {
        "Lic.": "licenciado", "Ing.": "ingeniero", "Arq.": "arquitecto", "Mtro.": "maestro", "Mtra.": "maestra",
        "Excmo.": "excelentísimo", "Excma.": "excelentísima", "D.": "don", "Dña.": "doña", "D.ª": "doña",
        "Gral.": "general", "Sres.": "señores", "Prof.": "profesor", "Profa.": "profesora", "Sto.": "santo",
        "Sta.": "santa", "S.": "san", "Cap.": "capitán", "Pte.": "presidente",
    },
    "it": {
        "rag.": "ragionier", "geom.": "geometra", "arch.": "architetto", "on.": "onorevole", "dr.": "dottor",
        "dr.ssa": "dottoressa", "prof.ssa": "professoressa", "gen.": "generale", "cap.": "capitano", "S.": "San",
        "sen.": "senatore", "sigg.": "signori", "mons.": "monsignor", "pres.": "presidente", "dott.": "dottor",
    },
    "pt": {
        "Eng.": "engenheiro", "Eng.ª": "engenheira", "Arq.": "arquiteto", "Des.": "desembargador", "R.": "rua",
        "S.": "São", "Sta.": "santa", "Sto.": "santo", "Exmo.": "excelentíssimo", "Exma.": "excelentíssima",
        "D.": "dona", "Cel.": "coronel", "Gen.": "general", "Cap.": "capitão", "Dep.": "deputado", "Pe.": "padre",
        "Pç.": "praça", "Pça.": "praça", "Al.": "alameda", "Rod.": "rodovia", "Est.": "estrada",
    },
    "ru": {
        "доц.": "доцент", "акад.": "академик", "проф.": "профессор", "ген.": "генерал", "г.": "город", "с.": "село",
        "пос.": "посёлок", "им.": "имени", "св.": "святой", "о.": "остров", "оз.": "озеро", "р.": "река",
        "ст. м.": "станция метро", "м.": "метро", "дер.": "деревня", "др.": "доктор", "кап.": "капитан",
    },
}  # fmt: skip
# Before a figure only.
BEFORE_FIGURES: Final[dict[str, dict[str, str]]] = {
    "en": {"p.": "page", "pp.": "pages", "vol.": "volume", "ch.": "chapter", "ext.": "extension", "sec.": "section",
           "art.": "article", "flr.": "floor", "apt.": "apartment", "rm.": "room", "ca.": "circa"},
    "de": {"S.": "Seite", "Kap.": "Kapitel", "Art.": "Artikel", "Bd.": "Band", "Abschn.": "Abschnitt", "Ziff.": "Ziffer",
           "Tz.": "Textziffer", "Whg.": "Wohnung", "St.": "Stück", "ab ca.": "ab circa", "lfd. Nr.": "laufende Nummer"},
    "fr": {"p.": "page", "pp.": "pages", "vol.": "volume", "chap.": "chapitre", "art.": "article", "bât.": "bâtiment",
           "appt.": "appartement", "ét.": "étage", "nos": "numéros", "no": "numéro"},
    "es": {"p.": "página", "págs.": "páginas", "vol.": "volumen", "cap.": "capítulo", "art.": "artículo", "núms.": "números",
           "km.": "kilómetro", "apdo.": "apartado", "hab.": "habitación", "ext.": "extensión"},
    "it": {"p.": "pagina", "pagg.": "pagine", "vol.": "volume", "cap.": "capitolo", "art.": "articolo", "nn.": "numeri",
           "int.": "interno", "km.": "chilometro"},
    "pt": {"p.": "página", "págs.": "páginas", "vol.": "volume", "cap.": "capítulo", "art.": "artigo", "apto.": "apartamento",
           "ap.": "apartamento", "km.": "quilômetro", "bl.": "bloco", "r.": "ramal"},
    "ru": {"с.": "страница", "гл.": "глава", "рис.": "рисунок", "п.": "пункт", "ст.": "статья", "т.": "том", "эт.": "этаж",
           "табл.": "таблица", "оф.": "офис", "№№": "номера", "под.": "подъезд"},
}  # fmt: skip
MORE: Final[dict[str, dict[str, str]]] = {
    "en": {
        "e. g.": "for example", "i. e.": "that is", "a.k.a.": "also known as", "Jr.": "Junior", "Sr.": "Senior",
        "incl.": "including", "excl.": "excluding", "dept.": "department", "misc.": "miscellaneous", "vs": "versus",
        "Jan.": "January", "Feb.": "February", "Aug.": "August", "Sept.": "September", "Oct.": "October",
        "Nov.": "November", "Dec.": "December", "tbsp": "tablespoon", "tsp": "teaspoon", "tbsp.": "tablespoon",
        "tsp.": "teaspoon", "ft.": "feet", "hrs.": "hours", "cont.": "continued", "est.": "estimated", "avg.": "average",
        "Ln.": "Lane", "Hwy.": "Highway", "Pkwy.": "Parkway", "Sq.": "Square", "Bldg.": "Building", "govt.": "government",
        "b/c": "because",
    },
    "de": {
        "i. d. R.": "in der Regel", "i.d.R.": "in der Regel", "z. T.": "zum Teil", "z.T.": "zum Teil",
        "u. U.": "unter Umständen", "u.U.": "unter Umständen", "s. o.": "siehe oben", "s.o.": "siehe oben",
        "s. u.": "siehe unten", "s.u.": "siehe unten", "u. Ä.": "und Ähnliches", "u.Ä.": "und Ähnliches",
        "o.Ä.": "oder Ähnliches", "u. v. m.": "und vieles mehr", "u.v.m.": "und vieles mehr", "v.a.": "vor allem",
        "n. Chr.": "nach Christus", "v. Chr.": "vor Christus", "geb.": "geboren", "Jh.": "Jahrhundert",
        "Hbf.": "Hauptbahnhof", "Hbf": "Hauptbahnhof", "MwSt.": "Mehrwertsteuer", "Pl.": "Platz", "exkl.": "exklusive",
        "bzgl.": "bezüglich", "lt.": "laut", "sog.": "sogenannte", "Temp.": "Temperatur", "gem.": "gemäß", "vs.": "gegen",
        "Jan.": "Januar", "Feb.": "Februar", "Aug.": "August", "Sept.": "September", "Okt.": "Oktober",
        "Nov.": "November", "Dez.": "Dezember", "ggü.": "gegenüber", "einschl.": "einschließlich", "bes.": "besonders",
        "Verf.": "Verfasser", "tgl.": "täglich", "wg.": "wegen", "zw.": "zwischen", "Mitt.": "Mitteilung",
        "Std": "Stunden", "Tel.-Nr.": "Telefonnummer", "Hausnr.": "Hausnummer", "Zi.": "Zimmer", "Whg.": "Wohnung",
    },
    "fr": {
        "par ex.": "par exemple", "p.e.": "par exemple", "p. e.": "par exemple", "bld": "boulevard", "Bd": "boulevard",
        "bd.": "boulevard", "boul.": "boulevard", "rdv": "rendez-vous", "RDV": "rendez-vous", "rv": "rendez-vous",
        "svp": "s'il vous plaît", "s.v.p.": "s'il vous plaît", "c-à-d": "c'est-à-dire", "c.à.d.": "c'est-à-dire",
        "cf.": "voir", "hab.": "habitants", "pl.": "place", "ch.": "chemin", "janv.": "janvier", "févr.": "février",
        "juil.": "juillet", "sept.": "septembre", "oct.": "octobre", "nov.": "novembre", "déc.": "décembre",
        "avr.": "avril", "av. J.-C.": "avant Jésus-Christ", "apr. J.-C.": "après Jésus-Christ", "tél": "téléphone",
        "vs": "contre", "vs.": "contre", "bât.": "bâtiment", "appt": "appartement", "qqch": "quelque chose", "max": "maximum",
        "nb.": "nombre", "moy.": "moyenne", "approx.": "approximativement", "ts": "tous", "PJ": "pièce jointe",
    },
    "es": {
        "a. C.": "antes de Cristo", "d. C.": "después de Cristo", "pza.": "plaza", "dcha.": "derecha", "izq.": "izquierda",
        "izda.": "izquierda", "ej.": "ejemplo", "Cía.": "compañía", "tfno.": "teléfono", "telf.": "teléfono",
        "vs.": "contra", "ene.": "enero", "feb.": "febrero", "ago.": "agosto", "sept.": "septiembre", "oct.": "octubre",
        "nov.": "noviembre", "dic.": "diciembre", "c/": "calle", "ctra.": "carretera", "aprox": "aproximadamente",
        "incl.": "incluido", "máx": "máximo", "mín": "mínimo", "n.°": "número", "hab.": "habitantes", "urb.": "urbanización",
        "Vd.": "usted", "Vds.": "ustedes", "q.e.p.d.": "que en paz descanse", "dpto.": "departamento",
    },
    "it": {
        "c.so": "corso", "l.go": "largo", "cfr.": "confronta", "vs.": "contro", "a.C.": "avanti Cristo",
        "d.C.": "dopo Cristo", "ott.": "ottobre", "nov.": "novembre", "dic.": "dicembre", "sett.": "settembre",
        "lug.": "luglio", "giu.": "giugno", "feb.": "febbraio", "genn.": "gennaio", "apr.": "aprile", "ago.": "agosto",
        "tel": "telefono", "p.za": "piazza", "p.le": "piazzale", "app.": "appartamento", "incl.": "incluso", "ecc": "eccetera",
        "etc.": "eccetera", "circ.": "circa", "S.p.A.": "società per azioni", "gent.mo": "gentilissimo", "gg": "giorni",
        "c.a.": "circa", "temp": "temperatura", "max": "massimo", "min": "minimo",
    },
    "pt": {
        "p/": "para", "c/": "com", "s/": "sem", "obs.": "observação", "vs.": "contra", "a.C.": "antes de Cristo",
        "d.C.": "depois de Cristo", "jan.": "janeiro", "fev.": "fevereiro", "abr.": "abril", "ago.": "agosto",
        "out.": "outubro", "nov.": "novembro", "dez.": "dezembro", "apto": "apartamento", "aprox": "aproximadamente",
        "incl.": "incluído", "V. Ex.ª": "vossa excelência", "ref.": "referência", "qtd.": "quantidade", "bl.": "bloco",
        "tb.": "também", "pq": "porque", "hab.": "habitantes", "Cia.": "companhia", "Ltda.": "limitada", "depto.": "departamento",
    },
    "ru": {
        "т. к.": "так как", "т.к.": "так как", "т. н.": "так называемый", "т.н.": "так называемый", "в т. ч.": "в том числе",
        "в т.ч.": "в том числе", "см.": "смотри", "обл.": "область", "р-н": "район", "б-р": "бульвар", "пр-т": "проспект",
        "наб.": "набережная", "ш.": "шоссе", "эт.": "этаж", "чел.": "человек", "янв.": "января", "февр.": "февраля",
        "апр.": "апреля", "авг.": "августа", "сент.": "сентября", "окт.": "октября", "нояб.": "ноября", "дек.": "декабря",
        "до н. э.": "до нашей эры", "до н.э.": "до нашей эры", "н. э.": "нашей эры", "н.э.": "нашей эры",
        "долл.": "долларов", "P. S.": "постскриптум", "P.S.": "постскриптум", "т. о.": "таким образом", "мкр.": "микрорайон",
        "пер.": "переулок", "тел": "телефон", "прим.": "примечание", "включ.": "включительно", "в ср.": "в среднем",
        "эл. почта": "электронная почта", "кол-во": "количество", "темп.": "температура", "влажн.": "влажность",
    },
    "zh": {"vs.": "对", "VS": "对", "vs": "对", "etc.": "等等", "e.g.": "例如", "i.e.": "即", "Dr.": "博士"},
    "ja": {"vs.": "対", "VS": "対", "vs": "対", "etc.": "など", "e.g.": "例えば", "i.e.": "つまり", "Dr.": "ドクター", "Mr.": "ミスター",
           "Ms.": "ミズ", "Mrs.": "ミセス"},
    "ko": {"vs.": "대", "VS": "대", "vs": "대", "etc.": "등", "e.g.": "예를 들어", "i.e.": "즉", "Dr.": "닥터", "Mr.": "미스터",
           "Ms.": "미즈", "Mrs.": "미시즈"},
}  # fmt: skip
