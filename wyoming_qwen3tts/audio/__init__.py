"""Samples: level, rate, form. Knows nothing of voices or doors."""
