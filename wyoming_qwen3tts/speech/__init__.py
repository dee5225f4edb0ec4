"""The words that all layers share: audio format, voice, segment, text stream, request, engine. No I/O, no torch."""
