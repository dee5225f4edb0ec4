"""Sentences said aloud in the house: who waits for whom, the sound they become, and where it can be fetched."""
