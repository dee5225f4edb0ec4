// The products of `int8.h` with AVX2 and with VNNI.
#pragma once

// 256 bits hold 8 outputs. The product instruction adds two products into 16 bits and wants one side unsigned. Of int4
// that is the stored number, and a whole group fits into 16 bits; of int8 it is |x|, times w with x's sign.
template <bool INT4, int ROWS> static void tile_avx2(const Tile &t) {
    const int groups = t.inputs / GROUP;
    const __m256i ones = _mm256_set1_epi16(1), nibble = _mm256_set1_epi8(15);
    const __m256i zero = _mm256_set1_epi8(static_cast<char>(128));
    for (int i = 0; i < ROWS * PANEL; i += 8) _mm256_storeu_ps(t.y + i, _mm256_setzero_ps());
    for (int g = 0; g < groups; g++)
        for (int block = 0; block < PANEL / 8; block++) {
            __m256i sums[ROWS];
            for (int r = 0; r < ROWS; r++) sums[r] = _mm256_setzero_si256();
            const uint8_t *w = t.weights + g * GROUP * PANEL / (INT4 ? 2 : 1) + block * 32;
            const int8_t *x = t.values + g * GROUP;
#pragma GCC unroll 8
            for (int s = 0; s < STEPS; s += INT4 ? 2 : 1, w += 4 * PANEL) {
                const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(w));
                const __m256i low = INT4 ? _mm256_and_si256(v, nibble) : _mm256_xor_si256(v, zero);
                const __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);
#pragma GCC unroll 4
                for (int r = 0; r < ROWS; r++) {
                    int32_t four[2];
                    std::memcpy(four, x + r * t.inputs + s * 4, INT4 ? 8 : 4);
                    const __m256i now = _mm256_set1_epi32(four[0]);
                    if constexpr (INT4) {
                        const __m256i next = _mm256_set1_epi32(four[1]);
                        sums[r] = _mm256_add_epi16(sums[r], _mm256_maddubs_epi16(low, now));
                        sums[r] = _mm256_add_epi16(sums[r], _mm256_maddubs_epi16(high, next));
                    } else {
                        const __m256i both = _mm256_maddubs_epi16(_mm256_abs_epi8(now), _mm256_sign_epi8(low, now));
                        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(both, ones));
                    }
                }
            }
            const auto *bits = reinterpret_cast<const __m128i *>(t.weight_scales + g * PANEL + block * 8);
            const __m256 wide = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(bits)), 16));
            for (int r = 0; r < ROWS; r++) {
                __m256i sum = sums[r];
                if (INT4)
                    sum = _mm256_sub_epi32(_mm256_madd_epi16(sum, ones), _mm256_set1_epi32(8 * t.sums[r * groups + g]));
                const __m256 scale = _mm256_mul_ps(_mm256_set1_ps(t.scales[r * groups + g]), wide);
                float *y = t.y + r * PANEL + block * 8;
                _mm256_storeu_ps(y, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, _mm256_loadu_ps(y)));
            }
        }
}

template <bool INT4> static void tile_avx2_rows(const Tile &t, int rows) {
    switch (rows) {
    case 1: return tile_avx2<INT4, 1>(t);
    case 2: return tile_avx2<INT4, 2>(t);
    case 3: return tile_avx2<INT4, 3>(t);
    default: return tile_avx2<INT4, 4>(t);
    }
}

#define VNNI_CODE __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

// sum += w * x, fours of unsigned and signed int8 into int32. As a program where the sums of several rows of int4 meet:
// GCC would copy those of the intrinsic from register to register. In int8, which waits for memory, that costs nothing.
template <bool INT4> VNNI_CODE static inline __m512i add_fours(__m512i sum, __m512i w, __m512i x) {
#if !defined(IS_EMULATED)  // by the tests, which cannot emulate a program
    if constexpr (INT4) {
        asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
        return sum;
    }
#endif
    return _mm512_dpbusd_epi32(sum, w, x);
}

template <bool INT4, int ROWS> VNNI_CODE static void tile_vnni(const Tile &t) {
    const int groups = t.inputs / GROUP;
    const uint8_t *w = t.weights;
    const __m512i nibble = _mm512_set1_epi8(15);
    for (int i = 0; i < ROWS * 4; i++) _mm512_storeu_ps(t.y + i * 16, _mm512_setzero_ps());
    for (int g = 0; g < groups; g++) {
        __m512i sum[ROWS][4];
        for (int r = 0; r < ROWS; r++)
            for (int b = 0; b < 4; b++) sum[r][b] = _mm512_set1_epi32((INT4 ? -8 : -128) * t.sums[r * groups + g]);
        for (int s = 0; s < STEPS; s += INT4 ? 2 : 1, w += 4 * PANEL) {
            const int8_t *x = t.values + (g * STEPS + s) * 4;
            for (int b = 0; b < 4; b++) {
                const __m512i v = _mm512_loadu_si512(w + b * 64);
                const __m512i low = INT4 ? _mm512_and_si512(v, nibble) : v;
                const __m512i high = INT4 ? _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble) : v;
                for (int r = 0; r < ROWS; r++) {
                    int32_t four[2];
                    std::memcpy(four, x + r * t.inputs, INT4 ? 8 : 4);
                    sum[r][b] = add_fours<INT4>(sum[r][b], low, _mm512_set1_epi32(four[0]));
                    if (INT4) sum[r][b] = add_fours<INT4>(sum[r][b], high, _mm512_set1_epi32(four[1]));
                }
            }
        }
        for (int b = 0; b < 4; b++) {
            const auto *bits = reinterpret_cast<const __m256i *>(t.weight_scales + g * PANEL + b * 16);
            const __m512i wide = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(bits)), 16);
            for (int r = 0; r < ROWS; r++) {
                const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(t.scales[r * groups + g]), _mm512_castsi512_ps(wide));
                float *y = t.y + r * PANEL + b * 16;
                _mm512_storeu_ps(y, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][b]), scale, _mm512_loadu_ps(y)));
            }
        }
    }
}

template <bool INT4> static void tile_vnni_rows(const Tile &t, int rows) {
    switch (rows) {
    case 1: return tile_vnni<INT4, 1>(t);
    case 2: return tile_vnni<INT4, 2>(t);
    case 3: return tile_vnni<INT4, 3>(t);
    default: return tile_vnni<INT4, 4>(t);
    }
}
