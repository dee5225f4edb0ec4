"""Each kernel of the fused road as machine code for every card that is sold or served, without one: it compiles, and
spills nothing. ``script/check-card-kernels`` runs this; elsewhere there is no Triton."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

triton: Any = pytest.importorskip("triton")
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("the interpreter compiles nothing", allow_module_level=True)

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from wyoming_qwen3tts.model.card import triton_kernels as kernels  # noqa: E402
from wyoming_qwen3tts.model.card.operations import BLOCK_K, BLOCK_SEEN, blocks  # noqa: E402
from wyoming_qwen3tts.model.checkpoint.files import LAYERS_MAX  # noqa: E402
from wyoming_qwen3tts.model.sampling import MIN_TOKENS  # noqa: E402

pytestmark = pytest.mark.timeout(900)  # none of this is run with the other tests
TARGETS = (75, 80, 86, 87, 89, 90, 100, 120, 121)
_TOOLS = Path(triton.__file__).parent / "backends/nvidia/bin"
_LAYER = {"k": 2048, "block_k": BLOCK_K, "eps": 1e-6}
_CACHE = {"factor_row": "i32", "cache_row": "i32", "cache_head": "i32", "eps": "fp32", "softmax_scale": "fp32"}


def _weight(value: str, bits: int) -> dict[str, str]:
    return {"w": {0: value, 8: "*i8", 4: "*u8"}[bits], "w_scales": "*bf16" if bits else value}


def _product(value: str, rows: int, bits: int = 0, **how: bool) -> tuple[Any, dict[str, str], dict[str, Any]]:
    padded, block_n = blocks(rows)
    pointers = dict.fromkeys(("x", "norm", "out"), value) | _weight(value, bits) | {"n_out": "i32", "count": "i32"}
    return kernels.product_kernel, pointers, {"rows": padded, "block_n": block_n, "bits": bits, **_LAYER, **how}


def _gated(value: str, rows: int, bits: int = 0) -> tuple[Any, dict[str, str], dict[str, Any]]:
    padded, block_n = blocks(2 * rows)
    pointers = dict.fromkeys(("x", "norm", "out"), value) | _weight(value, bits) | {"n_out": "i32", "count": "i32"}
    return kernels.gated_kernel, pointers, {"rows": padded // 2, "block_n": block_n, "bits": bits, **_LAYER}


def _attend(value: str, *, has_positions: bool, length: int) -> tuple[Any, dict[str, str], dict[str, Any]]:
    pointers = dict.fromkeys(("qkv", "cos", "sin", "out", "cache"), value) | _CACHE
    pointers |= {"positions": "*i64" if has_positions else value, "start": "i32"}
    numbers = {"has_positions": has_positions, "length": length, "groups": 2, "kv_heads": 8, "dim": 128}
    return kernels.attend_kernel, pointers, numbers | {"block": BLOCK_SEEN, "most": 256}


def _uniform() -> tuple[Any, dict[str, str], dict[str, Any]]:
    pointers = {"seeds": "*i64", "frames": "*i64", "out": "*fp32"}
    return kernels.uniform_kernel, pointers, {"most_books": LAYERS_MAX, "books": 16, "size": 3072, "block": 1024}


def _draw(value: str, *, first: bool) -> tuple[Any, dict[str, str], dict[str, Any]]:
    pointers = dict.fromkeys(("scores", "table", "embedded", "again"), value) | {"noise": "*fp32", "codes": "*i64"}
    pointers |= dict.fromkeys(("noise_row", "codes_row", "embedded_row"), "i32") | {"temperature": "fp32"}
    numbers = {"size": 2048, "block": 2048, "top_k": 50, "width": 1024, "block_h": 1024}
    if not first:
        return kernels.draw_kernel, pointers, numbers
    pointers |= {"penalty": "fp32", "frames": "*i64", "eos_bias": "*fp32"}
    pointers |= dict.fromkeys(("seen", "active", "suppressed"), "*i1")
    numbers |= {"size": 3072, "block": 4096, "eos": 2150, "least_frames": MIN_TOKENS}
    return kernels.draw_first_kernel, pointers, numbers


def _cases(value: str) -> dict[str, tuple[Any, dict[str, str], dict[str, Any]]]:
    return {
        "norm and product, 1 row": _product(value, 1, has_norm=True, adds=False),
        "norm and product, 8 rows": _product(value, 8, has_norm=True, adds=False),
        "product added, 4 rows": _product(value, 4, has_norm=False, adds=True),
        "gated, 1 row": _gated(value, 1),
        "gated, 8 rows": _gated(value, 8),
        "int8, norm and product, 1 row": _product(value, 1, 8, has_norm=True, adds=False),
        "int8, product added, 8 rows": _product(value, 8, 8, has_norm=False, adds=True),
        "int8, gated, 4 rows": _gated(value, 4, 8),
        "int4, norm and product, 8 rows": _product(value, 8, 4, has_norm=True, adds=False),
        "int4, product added, 1 row": _product(value, 1, 4, has_norm=False, adds=True),
        "int4, gated, 1 row": _gated(value, 1, 4),
        "attend, rows at their own": _attend(value, has_positions=True, length=1),
        "attend, a run": _attend(value, has_positions=False, length=2),
        "noise": _uniform(),
        "draw": _draw(value, first=False),
        "draw code 0": _draw(value, first=True),
    }


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("value", ["*bf16", "*fp32"])
def test_it_compiles_for_every_card_and_spills_nothing(target: int, value: str) -> None:
    if target < 80 and value == "*bf16":
        pytest.skip("a Turing card computes in float32 here")
    for name, (kernel, pointers, numbers) in _cases(value).items():
        arguments = kernel.arg_names
        signature = {each: pointers.get(each, "constexpr") for each in arguments}
        source = ASTSource(kernel, signature=signature, constexprs=numbers)
        made = triton.compile(source, target=GPUTarget("cuda", target, 32), options={"num_warps": 4})
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(made.asm["cubin"])
            file.flush()
            usage = subprocess.run(
                [_TOOLS / "cuobjdump", "-res-usage", file.name], capture_output=True, text=True, check=True
            ).stdout
        found = re.search(r"REG:(\d+) STACK:(\d+)", usage)

        assert found is not None, (name, usage)
        assert int(found[1]) <= 168, (name, usage)  # three programs of four warps a multiprocessor
        assert int(found[2]) == 0, f"{name} spills: {usage}"
        assert made.metadata.shared <= 48 << 10, name
