"""Whose trouble an error is, in the words that PyTorch and the libraries under it use."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise

import pytest
import torch

from wyoming_qwen3tts.engine.qwen3.device_errors import Kind, device_errors, kind_of, let_go, may_pass, root_cause
from wyoming_qwen3tts.errors import DeviceLost, EngineError, NotNow, OutOfMemory, Unsuitable

MEMORY = {
    # c10/cuda/CUDACachingAllocator.cpp
    "caching allocator": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total"),
    "HIP caching allocator": torch.OutOfMemoryError("HIP out of memory. Tried to allocate 20.00 MiB."),
    "NVML, Jetson and MIG": RuntimeError(
        'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "/pytorch/c10/cuda/CUDACachingAllocator.cpp":1131, please report'
    ),
    # c10/cuda/CUDAException.cpp
    "runtime": torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    "HIP runtime": torch.AcceleratorError("HIP error: out of memory\nHIP kernel errors might be asynchronously"),
    # c10/cuda/driver_api.h, C10_CUDA_DRIVER_CHECK
    "driver": RuntimeError("CUDA driver error: out of memory"),
    "driver, by its name": RuntimeError("CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY"),
    # aten/src/ATen/cuda/Exceptions.h and CUDAContextLight.h
    "cuBLAS": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "cuBLAS, its first handle": RuntimeError(
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"
    ),
    "cuSPARSE": RuntimeError("CUDA error: CUSPARSE_STATUS_ALLOC_FAILED when calling `cusparseCreate(&handle)`"),
    # aten/src/ATen/cudnn/Exceptions.h
    "cuDNN": RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "cuDNN 9": RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    # c10/core/impl/alloc_cpu.cpp
    "host": RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    "host, Windows' words": RuntimeError("[enforce fail at alloc_cpu.cpp:80] DefaultCPUAllocator: not enough memory"),
    "mmap": RuntimeError("unable to mmap 1048576 bytes from file <model>: Cannot allocate memory (12)"),
    "Python": MemoryError(),
    "numpy": MemoryError("Unable to allocate 8.00 EiB for an array with shape (1152921504606846976,)"),
    "ours": OutOfMemory("There is not enough memory."),
}
LOST = {
    # cudaGetErrorString of the errors that poison a context, as c10/cuda/CUDAException.cpp words them
    "illegal access": torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel"),
    "assert": torch.AcceleratorError("CUDA error: device-side assert triggered"),
    "misaligned": RuntimeError("CUDA error: misaligned address"),
    "illegal instruction": RuntimeError("CUDA error: an illegal instruction was encountered"),
    "launch failure": RuntimeError("CUDA error: unspecified launch failure"),
    "watchdog": RuntimeError("CUDA error: the launch timed out and was terminated"),
    "ECC": RuntimeError("CUDA error: uncorrectable ECC error encountered"),
    "stack": RuntimeError("CUDA error: hardware stack error"),
    "unknown": RuntimeError("CUDA error: unknown error"),
    "no device": RuntimeError("CUDA error: no CUDA-capable device is detected"),
    "taken by another": RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
    "HIP": RuntimeError("HIP error: an illegal memory access was encountered"),
    "cuBLAS on a poisoned context": RuntimeError("CUDA error: an illegal memory access was encountered when calling"),
    "ours": DeviceLost("The GPU failed."),
}
BUGS = {
    "shapes": RuntimeError("The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 0"),
    "capture": RuntimeError("CUDA error: operation not permitted when stream is capturing"),
    "launch": RuntimeError("CUDA error: invalid configuration argument"),
    "cuBLAS, its arguments": RuntimeError("CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasSgemm`"),
    "Python": ZeroDivisionError("out of memory"),
    "a device unknown to torch": RuntimeError("Expected one of cpu, cuda, ipu device type at start of device string"),
    "ours": EngineError("The model made no speech of this text."),
}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(error, kind, id=f"{kind.value}, {name}")
        for kind, errors in ((Kind.MEMORY, MEMORY), (Kind.LOST, LOST), (Kind.BUG, BUGS))
        for name, error in errors.items()
    ],
)
def test_every_error_has_its_kind(error: Exception, kind: Kind) -> None:
    assert kind_of(error) is kind
    ours: dict[Kind, type[Exception]] = {Kind.MEMORY: OutOfMemory, Kind.LOST: DeviceLost, Kind.BUG: type(error)}
    with pytest.raises(ours[kind]), device_errors():
        raise error


def test_the_runtimes_number_says_it_where_its_words_do_not() -> None:
    error = torch.AcceleratorError("CUDA error")
    error.error_code = 2  # type: ignore[attr-defined]

    assert kind_of(error) is Kind.MEMORY


def chained(*errors: Exception, by_cause: bool) -> Exception:
    """The first error with the next ones behind it."""
    for outer, inner in pairwise(errors):
        if by_cause:
            outer.__cause__ = inner
        else:
            outer.__context__ = inner
    return errors[0]


@pytest.mark.parametrize("by_cause", [True, False])
def test_memory_comes_first_however_deep_it_is(by_cause: bool) -> None:
    poisoned = RuntimeError("CUDA error: an illegal memory access was encountered")
    error = chained(RuntimeError("it broke"), poisoned, MemoryError(), by_cause=by_cause)

    assert kind_of(error) is Kind.MEMORY
    assert isinstance(root_cause(error), MemoryError)


def test_a_chain_that_bites_its_tail_has_an_end() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__context__, other.__context__ = other, one

    assert kind_of(one) is Kind.BUG
    assert root_cause(one) is other


@pytest.mark.parametrize(
    ("error", "passes"),
    [(MemoryError(), True), (NotNow("full"), True), (Unsuitable("no driver"), False), (RuntimeError("a bug"), False)],
)
def test_what_may_pass_by_itself(error: Exception, passes: bool) -> None:
    assert may_pass(error) is passes


def test_an_error_that_was_let_go_holds_its_words_and_nothing_else() -> None:
    def breaks() -> None:
        state = torch.zeros(3)
        held.append(weakref.ref(state))
        try:
            raise MemoryError("the first")
        except MemoryError as error:
            raise RuntimeError("the second") from error

    held: list[weakref.ref[torch.Tensor]] = []
    kept: list[RuntimeError] = []
    try:
        breaks()
    except RuntimeError as error:
        kept.append(error)
    trace = kept[0].__traceback__  # as a log's record holds it
    assert held[0]() is not None

    let_go(kept[0])
    gc.collect()

    assert held[0]() is None
    assert trace is not None
    assert (str(kept[0]), kept[0].__traceback__, kept[0].__cause__) == ("the second", None, None)
