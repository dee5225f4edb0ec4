"""Everything that strangers can do to a running server, at once."""
