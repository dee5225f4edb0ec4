"""A voice server for Home Assistant: Qwen3-TTS, streamed over the Wyoming protocol."""

__version__ = "0.1.0"
PROGRAM = "qwen3-tts"  # its name to others. Home Assistant's unique id is made of it: it never changes
