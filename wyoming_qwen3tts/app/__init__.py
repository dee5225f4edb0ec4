"""The running program: settings to parts, start, watch, stop."""
