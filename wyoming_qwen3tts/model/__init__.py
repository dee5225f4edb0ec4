"""Qwen3-TTS in plain PyTorch: one file per network, state in the open, nothing about servers.

Read in this order: ``config`` (what a checkpoint says about itself), ``layers``, ``talker``, ``code_predictor``,
``sampling``, ``prompt``, ``generate``; then ``weights`` and ``tokenizer``, which read a checkpoint's files, and
``tiny``, which writes one.
"""
