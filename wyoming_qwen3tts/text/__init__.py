"""The text front-end: from text that still arrives to what will be spoken, in ten languages. Pure, but for the
lexicon."""
