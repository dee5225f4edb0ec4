"""Qwen3-TTS on this machine. Torch is imported late and only below this folder and in `model`."""
