"""Another Wyoming server of the home, such as Piper, as an engine."""
