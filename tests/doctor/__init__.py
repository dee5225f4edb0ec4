"""The doctor, on any machine."""
