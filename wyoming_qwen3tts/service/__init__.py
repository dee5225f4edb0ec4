"""One reply, from its text to its log line: options, voice, permit, engine, sound."""
