"""Qwen3-TTS in plain PyTorch: one file per network, state in the open, nothing about servers.

Read in this order: ``config`` (what a checkpoint says about itself), ``layers``, ``talker``, ``code_predictor``,
``sampling``, ``language_model`` (one frame for every slot), ``text_table``, ``tokenizer``, ``prompt``, ``generate``
(one utterance). Then ``tables`` and ``weights``, which check and read a checkpoint's files, and ``tiny`` and
``published``, which make models where there are none. The codec by itself: ``streaming``, ``codec``,
``codec_weights``. What hears a reference clip: ``speaker`` and ``reference_codes``.
"""

import os

# Huge pages for the weights: 3 to 4 % less time a frame on a CPU, where a frame is spent reading them. torch asks once.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
