"""Speech from vLLM-Omni servers. Torch is not needed."""
