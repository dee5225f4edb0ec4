"""A client of Home Assistant: its media players and satellites, for announcements."""
