"""Engines that speak. Each derives from ``speech.engine.Engine``."""
