// Which instructions the kernels use: the best that the processor has, or fewer if somebody asks for it.
#pragma once

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

// Each has what those before it have. On Arm float32 goes through NEON at every level, as every such processor has it.
#if defined(__aarch64__)
enum Kernel { PORTABLE = 0, DOT_PRODUCT = 1, I8MM = 2, KERNELS = 3 };
#else
enum Kernel { PORTABLE = 0, AVX2 = 1, VNNI = 2, KERNELS = 3 };
#endif

static inline Kernel best_kernel() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") ? VNNI : AVX2;
#elif defined(__aarch64__)
    constexpr unsigned long ASIMDDP = 1ul << 20, HAS_I8MM = 1ul << 13;  // asm/hwcap.h, of which old systems lack the end
    if (!(getauxval(AT_HWCAP) & ASIMDDP)) return PORTABLE;
    return getauxval(AT_HWCAP2) & HAS_I8MM ? I8MM : DOT_PRODUCT;
#else
    return PORTABLE;
#endif
}

// Of Arm only: AVX-512 multiplies int16 as fast, and that is finer.
static inline bool has_bfloat16() {
#if defined(__aarch64__)
    return getauxval(AT_HWCAP2) & 1ul << 14;
#else
    return false;
#endif
}

static inline Kernel at_most(int wish) {
    const Kernel best = best_kernel();
    return wish >= 0 && wish < best ? static_cast<Kernel>(wish) : best;
}

// A number of `Kernel`, for measuring what a lesser processor would do; its codec multiplies no bfloat16.
static inline const char *limit() {
    const char *wish = std::getenv("WYOMING_QWEN3TTS_KERNEL");
    return wish && *wish ? wish : nullptr;
}

inline const bool is_limited = limit() != nullptr;
inline Kernel kernel = at_most(is_limited ? std::atoi(limit()) : KERNELS);
