"""C++ for CPUs: the language model in int8, the codec in bfloat16, each in as few calls as possible.

Optional. ``build`` compiles the sources beside it, at install (``python -m wyoming_qwen3tts.model.cpu.native.build``)
or at first use; ``library`` loads the result and speaks its plain C interface. Where there is no compiler, everything
that uses it has a path in PyTorch.
"""
