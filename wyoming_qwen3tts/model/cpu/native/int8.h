// Products of float32 rows with int8 or int4 matrices. Both sides are rounded in groups of 32 inputs, each with a scale of
// its own, so that an outlier coarsens its neighbours only; products are summed exactly and scaled group by group.
//
// A matrix is cut into panels of 64 outputs, and a panel into steps of four inputs: 4 blocks x 16 outputs x 4 inputs, a
// panel is one stream of memory. Numbers are stored with 128 (int4: 8) added, as VNNI wants one side unsigned; what that
// adds to a sum is the same for all outputs, and is taken off at the start. In int4 a byte holds two steps, the earlier
// in its low half. Scales of matrices are bfloat16.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "isa.h"

constexpr int GROUP = 32;  // inputs that share a scale
constexpr int PANEL = 64;  // outputs computed together
constexpr int STEPS = GROUP / 4;
constexpr int TILE = 4;  // rows computed together: their sums fill the registers

struct Matrix {
    const uint8_t *weights;   // panels
    const uint16_t *scales;   // [panel][group][64]
    const float *bias;        // or null
    int32_t outputs, inputs;  // inputs is a multiple of 32; outputs need not be, but memory is there as if
    int32_t bits;             // 8 or 4

    int panels() const { return (outputs + PANEL - 1) / PANEL; }
    int groups() const { return inputs / GROUP; }
};

// Rows as the kernels read them.
struct Rounded {
    int8_t *values;  // [rows][inputs]
    int32_t *sums;   // [rows][groups]
    float *scales;   // [rows][groups]
};

static inline float from_bfloat16(uint16_t bits) {
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}

static inline uint16_t to_bfloat16(float value) {  // to the nearest, ties to even; not-a-number stays one
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return 0x7FC0;
    return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static inline void round_row(const float *x, int inputs, int8_t *values, int32_t *sums, float *scales) {
    for (int g = 0; g < inputs / GROUP; g++, x += GROUP, values += GROUP) {
        float most = 0.0f;
#pragma omp simd reduction(max : most)
        for (int i = 0; i < GROUP; i++) most = std::fmax(most, std::fabs(x[i]));
        const float inverse = most > 0.0f ? 127.0f / most : 0.0f;
        int32_t sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < GROUP; i++) {
            const int32_t rounded = static_cast<int32_t>(std::nearbyint(x[i] * inverse));
            values[i] = static_cast<int8_t>(rounded);
            sum += rounded;
        }
        sums[g] = sum;
        scales[g] = most / 127.0f;
    }
}

// What a kernel gets: some rows, one panel. y is [rows][64].
struct Tile {
    const int8_t *values;
    const int32_t *sums;
    const float *scales;
    const uint8_t *weights;
    const uint16_t *weight_scales;
    int inputs;
    bool is_int4;
    float *y;
};

static void tile_portable(const Tile &t, int rows) {
    const int groups = t.inputs / GROUP, zero = t.is_int4 ? 8 : 128, packed = t.is_int4 ? 2 : 1;
    for (int r = 0; r < rows; r++) {
        float *y = t.y + r * PANEL;
        for (int o = 0; o < PANEL; o++) y[o] = 0.0f;
        for (int g = 0; g < groups; g++) {
            int32_t sum[PANEL];
            for (int o = 0; o < PANEL; o++) sum[o] = -zero * t.sums[r * groups + g];
            for (int s = 0; s < STEPS; s++) {
                const int step = g * STEPS + s;
                const int8_t *x = t.values + r * t.inputs + step * 4;
                const uint8_t *w = t.weights + step / packed * 4 * PANEL;
                const int shift = t.is_int4 ? step % 2 * 4 : 0, mask = t.is_int4 ? 15 : 255;
                for (int o = 0; o < PANEL; o++)
                    for (int i = 0; i < 4; i++) sum[o] += (w[o * 4 + i] >> shift & mask) * x[i];
            }
            const float scale = t.scales[r * groups + g];
            for (int o = 0; o < PANEL; o++)
                y[o] += static_cast<float>(sum[o]) * (scale * from_bfloat16(t.weight_scales[g * PANEL + o]));
        }
    }
}

#if defined(__x86_64__)

// 256 bits hold 8 outputs. The product instruction wants one side unsigned and saturates: |x| times w with x's sign.
template <bool INT4> static void block_avx2(const Tile &t, int block, int r) {
    const int groups = t.inputs / GROUP;
    const __m256i ones = _mm256_set1_epi16(1), zero = _mm256_set1_epi8(INT4 ? 8 : static_cast<char>(128));
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256 y[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int g = 0; g < groups; g++) {
        __m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        for (int s = 0; s < STEPS; s++) {
            const int step = g * STEPS + s;
            int32_t four;
            std::memcpy(&four, t.values + r * t.inputs + step * 4, 4);
            const __m256i x = _mm256_set1_epi32(four), size = _mm256_abs_epi8(x);
            const uint8_t *w = t.weights + (INT4 ? step / 2 : step) * 4 * PANEL + block * 64;
            for (int half = 0; half < 2; half++) {
                __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(w + half * 32));
                if (INT4) v = _mm256_and_si256(step % 2 ? _mm256_srli_epi16(v, 4) : v, nibble);
                v = _mm256_sign_epi8(_mm256_sub_epi8(v, zero), x);
                sum[half] = _mm256_add_epi32(sum[half], _mm256_madd_epi16(_mm256_maddubs_epi16(size, v), ones));
            }
        }
        const __m256 scale = _mm256_set1_ps(t.scales[r * groups + g]);
        for (int half = 0; half < 2; half++) {
            const uint16_t *mine = t.weight_scales + g * PANEL + block * 16 + half * 8;
            const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(mine)));
            const __m256 scaled = _mm256_mul_ps(scale, _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16)));
            y[half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[half]), scaled, y[half]);
        }
    }
    for (int half = 0; half < 2; half++) _mm256_storeu_ps(t.y + r * PANEL + block * 16 + half * 8, y[half]);
}

static void tile_avx2(const Tile &t, int rows) {
    for (int block = 0; block < 4; block++)
        for (int r = 0; r < rows; r++) t.is_int4 ? block_avx2<true>(t, block, r) : block_avx2<false>(t, block, r);
}

#define VNNI_CODE __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

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
                    sum[r][b] = _mm512_dpbusd_epi32(sum[r][b], low, _mm512_set1_epi32(four[0]));
                    if (INT4) sum[r][b] = _mm512_dpbusd_epi32(sum[r][b], high, _mm512_set1_epi32(four[1]));
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

#elif defined(__ARM_FEATURE_DOTPROD)

// The same with Arm's dot product, signed on both sides; int4 is left to the portable loop.
static void tile_dotprod(const Tile &t, int rows) {
    const int groups = t.inputs / GROUP;
    const uint8x16_t flip = vdupq_n_u8(128);
    for (int r = 0; r < rows; r++)
        for (int block = 0; block < PANEL / 4; block++) {
            float32x4_t y = vdupq_n_f32(0.0f);
            for (int g = 0; g < groups; g++) {
                int32x4_t sum = vdupq_n_s32(0);
                for (int step = g * STEPS; step < (g + 1) * STEPS; step++) {
                    int32_t four;
                    std::memcpy(&four, t.values + r * t.inputs + step * 4, 4);
                    const uint8x16_t v = veorq_u8(vld1q_u8(t.weights + step * 4 * PANEL + block * 16), flip);
                    sum = vdotq_s32(sum, vreinterpretq_s8_u8(v), vreinterpretq_s8_s32(vdupq_n_s32(four)));
                }
                const uint16x4_t bits = vld1_u16(t.weight_scales + g * PANEL + block * 4);
                const float32x4_t scale = vreinterpretq_f32_u32(vshll_n_u16(bits, 16));
                y = vmlaq_f32(y, vcvtq_f32_s32(sum), vmulq_n_f32(scale, t.scales[r * groups + g]));
            }
            vst1q_f32(t.y + r * PANEL + block * 4, y);
        }
}
#endif

static inline void run_tile(const Tile &tile, int rows) {
#if defined(__x86_64__)
    if (kernel == VNNI) return tile.is_int4 ? tile_vnni_rows<true>(tile, rows) : tile_vnni_rows<false>(tile, rows);
    if (kernel == AVX2) return tile_avx2(tile, rows);
#elif defined(__ARM_FEATURE_DOTPROD)
    if (!tile.is_int4) return tile_dotprod(tile, rows);
#endif
    tile_portable(tile, rows);
}

// One panel of rows x matrix. `take(row, first output, 64 numbers)` gets what came out, with the bias.
template <class Take>
static inline void multiply_panel(const Matrix &m, const Rounded &x, int rows, int panel, const Take &take) {
    alignas(64) float y[TILE * PANEL];
    const int groups = m.groups(), first = panel * PANEL;
    const uint8_t *weights = m.weights + static_cast<size_t>(panel) * m.inputs * PANEL * m.bits / 8;
    const uint16_t *scales = m.scales + static_cast<size_t>(panel) * groups * PANEL;
    for (int row = 0; row < rows; row += TILE) {
        const int some = rows - row < TILE ? rows - row : TILE;
        const int8_t *values = x.values + static_cast<size_t>(row) * m.inputs;
        run_tile({values, x.sums + row * groups, x.scales + row * groups, weights, scales, m.inputs, m.bits == 4, y},
                 some);
        for (int r = 0; r < some; r++) {
            float *out = y + r * PANEL;
            if (m.bias)
                for (int o = 0; o < PANEL; o++) out[o] += m.bias[first + o];
            take(row + r, first, out);
        }
    }
}
