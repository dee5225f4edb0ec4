"""Small tools with no word of speech in them. Imports nothing of the package but errors."""
