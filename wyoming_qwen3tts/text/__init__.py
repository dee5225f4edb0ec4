"""The text front-end: from what was written to what is spoken. Pure functions, no I/O."""
