"""Checkpoints on disk and from the hub: complete, checked, resumed after a break."""
