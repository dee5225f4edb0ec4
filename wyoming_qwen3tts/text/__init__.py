"""The text front-end: from text that is still arriving to what will be spoken, in ten languages.

Pure functions and small state machines; only ``lexicon.LexiconFolder`` reads files.
"""
