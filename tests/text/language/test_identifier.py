"""py3langid as it is held here: the same answers in less memory."""

from __future__ import annotations

import random
import tracemalloc

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from wyoming_qwen3tts.text.language.identifier import identifier
from wyoming_qwen3tts.text.language.word_table import LATIN


def test_it_ranks_as_the_library_does() -> None:
    theirs = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    theirs.set_languages(list(LATIN))
    mine = identifier(LATIN)
    assert mine is not None
    rng = random.Random(7)
    kinds = (range(32, 127), range(32, 0x250), range(32, 0x3100))
    texts = ["".join(chr(rng.choice(rng.choice(kinds))) for _ in range(rng.randrange(90))) for _ in range(500)]
    texts += ["Die Waschmaschine ist fertig.", "La machine est prête.", "The washing machine is done.", ""]
    assert [mine.rank(text) for text in texts] == [theirs.rank(text) for text in texts]


def test_it_takes_less_than_half() -> None:
    identifier.cache_clear()
    tracemalloc.start()
    try:
        assert identifier(LATIN) is not None
        mine = tracemalloc.get_traced_memory()[0]
        theirs = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        theirs.set_languages(list(LATIN))
        both = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert mine < 30_000_000
    assert mine < (both - mine) / 2


def test_what_it_does_not_know_is_left_out_and_one_language_alone_is_none() -> None:
    known = identifier(("en", "de", "xx"))
    assert known is not None
    assert {code for code, _ in known.rank("Good morning")} == {"en", "de"}
    assert identifier(("en", "xx")) is None
