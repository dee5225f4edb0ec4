"""What an error of torch means: no memory, a lost device, or a bug. Importable without torch."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from ...errors import DeviceLost, NotNow, OutOfMemory, first_line


class Kind(Enum):
    """Whose trouble an error is."""

    MEMORY = "memory"  # this request's: the next one may find room
    LOST = "lost"  # everybody's: the context is poisoned, and every call fails from now on
    BUG = "bug"  # the engine's


_CUDA_ERROR_MEMORY_ALLOCATION = 2  # cudaError_t; hipErrorOutOfMemory is 2 as well

# Who says it: torch's allocators (c10/core/impl/alloc_cpu.cpp, c10/cuda/CUDACachingAllocator.cpp), the runtime and the
# driver (c10/cuda/CUDAException.cpp), cuBLAS and cuSPARSE (aten/src/ATen/cuda/CUDAContextLight.h, Exceptions.h), cuDNN
# (aten/src/ATen/cudnn/Exceptions.h), NVML where its numbers cannot be read (CUDACachingAllocator.cpp), and HIP's.
_MEMORY = re.compile(
    r"""out \s of \s memory | outofmemory | cannot \s allocate \s memory | not \s enough \s memory
    | can't \s allocate \s memory | unable \s to \s allocate | DefaultCPUAllocator
    | memory \s allocation \s (?:failure|failed)
    | CUDA_ERROR_OUT_OF_MEMORY | cudaErrorMemoryAllocation | CU(?:BLAS|SPARSE|SOLVER|FFT|DNN)_STATUS_ALLOC_FAILED
    | (?:CUDNN|MIOPEN|HIPBLAS)_STATUS_(?:INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED|ALLOC_FAILED|ALLOCATION_FAILED)
    | CUBLAS_STATUS_NOT_INITIALIZED .* cublasCreate  # its workspace finds no room
    | NVML_SUCCESS \s* == \s* r""",
    re.IGNORECASE | re.VERBOSE,
)
# Errors after which, by the runtime's documentation (cudaError_t), "the process must be terminated and relaunched",
# and those that say that there is no device any more.
_LOST = re.compile(
    r"""device-side \s assert | illegal \s (?:memory \s access|instruction|address) | misaligned \s address
    | invalid \s (?:program \s counter|address \s space) | unspecified \s launch \s failure | launch \s timed \s out
    | hardware \s stack \s error | uncorrectable \s (?:ECC|NVLink) | (?:CUDA|HIP) \s error: \s unknown \s error
    | no \s (?:CUDA|ROCm)-capable \s device | fallen \s off \s the \s bus | GPU \s is \s lost
    | busy \s or \s unavailable | context \s is \s destroyed | driver \s shutting \s down""",
    re.IGNORECASE | re.VERBOSE,
)


def kind_of(error: BaseException) -> Kind:
    """Memory first, whoever says it and however deep; then what poisons a context; everything else is a bug."""
    chain = list(_chain(error))
    if any(_is_memory(each) for each in chain):
        return Kind.MEMORY
    if any(_is_lost(each) for each in chain):
        return Kind.LOST
    return Kind.BUG


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | OutOfMemory) or type(error).__name__ == "OutOfMemoryError":
        return True
    if getattr(error, "error_code", None) == _CUDA_ERROR_MEMORY_ALLOCATION:  # torch.AcceleratorError
        return True
    return isinstance(error, RuntimeError) and _MEMORY.search(str(error)) is not None


def _is_lost(error: BaseException) -> bool:
    if isinstance(error, DeviceLost):
        return True
    return isinstance(error, RuntimeError) and _LOST.search(str(error)) is not None


def may_pass(error: BaseException) -> bool:
    """Whether what kept a model from being loaded may be gone later, without anybody doing something here."""
    return isinstance(error, NotNow) or kind_of(error) is Kind.MEMORY


def root_cause(error: BaseException) -> BaseException:
    """The innermost error of a chain: what came first. What follows it is often said by whoever cleaned up."""
    *_, innermost = _chain(error)
    return innermost


@contextmanager
def device_errors() -> Iterator[None]:
    """Torch's errors as ours: memory is this request's trouble, a lost device everybody's.

    Raises:
        OutOfMemory: by `kind_of`; the error that it stands for is its cause.
        DeviceLost: likewise.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        kind = kind_of(error)
        if kind is Kind.MEMORY:
            raise OutOfMemory("There is not enough memory for this text at the moment. Try again soon.") from error
        if kind is Kind.LOST:
            raise DeviceLost(f"The GPU failed: {first_line(error)}") from error
        raise


def let_go(error: BaseException) -> None:
    """Make an error that outlives its block hold no more than its words: a traceback holds every local of every frame
    that it passed, models and state among them. Call it when the error was logged."""
    for each in list(_chain(error)):
        traceback.clear_frames(each.__traceback__)
        each.__traceback__ = each.__context__ = each.__cause__ = None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it was raised for or while handling."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__
