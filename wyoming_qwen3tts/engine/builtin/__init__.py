"""The built-in voice: hibari for English, espeak-ng for the rest. Needs no download."""
