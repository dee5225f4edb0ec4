// Makes the product's AVX-512 code run on a processor with AVX2 only: its instructions as SIMDe's plain code, and every
// question whether the processor has them answered with yes. Only for tests; included ahead of a source (-include).
//
// It shows that the sources say what they should, not what a compiler makes of them for a real processor, nor how fast
// that is.
#pragma once

// What the sources include comes first, so that the names below change in none of it.
#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <simde/x86/avx512/and.h>
#include <simde/x86/avx512/cast.h>
#include <simde/x86/avx512/dpbusd.h>
#include <simde/x86/avx512/dpwssd.h>
#include <simde/x86/avx512/fmadd.h>
#include <simde/x86/avx512/loadu.h>
#include <simde/x86/avx512/mul.h>
#include <simde/x86/avx512/set1.h>
#include <simde/x86/avx512/setzero.h>
#include <simde/x86/avx512/slli.h>
#include <simde/x86/avx512/srli.h>
#include <simde/x86/avx512/storeu.h>

#if defined(__AVX512F__)
#error "with AVX-512 switched on SIMDe would pass instructions on instead of computing what they do"
#endif

// What SIMDe has not.
static inline simde__m512i emulated_cvtepu16_epi32(__m256i halves) {
    uint16_t from[16];
    int32_t to[16];
    std::memcpy(from, &halves, sizeof from);
    for (int i = 0; i < 16; i++) to[i] = from[i];
    return simde_mm512_loadu_si512(to);
}

static inline simde__m512 emulated_cvtepi32_ps(simde__m512i integers) {
    int32_t from[16];
    float to[16];
    std::memcpy(from, &integers, sizeof from);
    for (int i = 0; i < 16; i++) to[i] = static_cast<float>(from[i]);
    return simde_mm512_loadu_ps(to);
}

#define __m512 simde__m512
#define __m512i simde__m512i
#define _mm512_and_si512 simde_mm512_and_si512
#define _mm512_castsi512_ps simde_mm512_castsi512_ps
#define _mm512_cvtepi32_ps emulated_cvtepi32_ps
#define _mm512_cvtepu16_epi32 emulated_cvtepu16_epi32
#define _mm512_dpbusd_epi32 simde_mm512_dpbusd_epi32
#define _mm512_dpwssd_epi32 simde_mm512_dpwssd_epi32
#define _mm512_fmadd_ps simde_mm512_fmadd_ps
#define _mm512_loadu_ps simde_mm512_loadu_ps
#define _mm512_loadu_si512 simde_mm512_loadu_si512
#define _mm512_mul_ps simde_mm512_mul_ps
#define _mm512_set1_epi32 simde_mm512_set1_epi32
#define _mm512_set1_epi8 simde_mm512_set1_epi8
#define _mm512_set1_ps simde_mm512_set1_ps
#define _mm512_setzero_ps simde_mm512_setzero_ps
#define _mm512_setzero_si512 simde_mm512_setzero_si512
#define _mm512_slli_epi32 simde_mm512_slli_epi32
#define _mm512_srli_epi16 simde_mm512_srli_epi16
#define _mm512_storeu_ps simde_mm512_storeu_ps

#define IS_EMULATED
#define target(...)                  // no function may use instructions that are not here
#define __builtin_cpu_supports(feature) 1
