"""Abbreviations behind which a sentence goes on, in the languages that a home may add to the ten."""

from functools import cache
from typing import Final

# A full stop behind a figure may mark an ordinal there.
DOT_IS_ORDINAL: Final = frozenset("bs cs da et eu fi fo hr hu is lb lt lv nb nn pl sk sl sr tr".split())

_ANY: Final = "dr mr mrs ms no nr prof st vs"
_OPEN: Final = {
    "cs": "č ing mgr např p sv tj tzv tel",
    "da": "bl.a ca dvs ekskl f.eks fr hr inkl kl nr tlf",
    "fi": "esim klo ks mm n nro os puh s tri ts v",
    "hu": "kb pl stb ún u du de",
    "nb": "bl.a ca dvs ekskl f.eks fr hr inkl kl nr tlf",
    "nl": "a.u.b bijv blz bv ca dhr drs excl i.p.v incl ing ir jl max mevr min mr mw nr o.a t.a.v tel",
    "pl": "dr godz im inż m.in mgr np ok św tel tj tzn tzw ul",
    "ro": "dl dna dr nr str tel",
    "sk": "č ing mgr napr p sv tj tzv tel",
    "sv": "bl.a ca dvs exkl fr.o.m inkl kl nr st t.ex t.o.m tel",
    "tr": "bkz dr no örn sn vb yak",
    "uk": "буд вул ім кв напр р с т тел",
}


@cache
def abbreviations(code: str) -> frozenset[str]:
    """Those of a language, in small letters and without their last full stop."""
    return frozenset((*_ANY.split(), *_OPEN.get(code, "").split()))
