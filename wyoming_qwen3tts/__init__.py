"""A voice server for Home Assistant: Qwen3-TTS, streamed over the Wyoming protocol."""

__version__ = "0.1.0"
