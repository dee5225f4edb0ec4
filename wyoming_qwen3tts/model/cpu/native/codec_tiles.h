// The codec's products: a few rows times one panel of a matrix, added to sums in float32.
//
// A convolution needs no windows laid out: its taps are the same product, some rows further on. Panels by format:
// bfloat16 and int16 [tap][input / 2][32 outputs][2], float32 [tap][input][16 outputs].
#pragma once

#include "codec_rows.h"

// Inputs of one tap, or all taps: what a tile adds to its sums in one go.
template <class Number> struct Block {
    const Number *x;  // the first row's first input
    size_t row, tap;  // from one row, and one tap, to the next
    size_t plane;     // of inputs in two planes; or 0
    const Number *row_scale;  // of int16: where the first row's is; the next one's is `row` further on
    const Number *weights;
    int taps, inputs;
    float *y;  // [rows][columns]; zeros before a block that has all taps
};

// Outputs of a panel; rows whose sums fill the registers; and inputs of a block, whose weights stay in the first cache
// while rows pass. 0: all taps at once.
template <Format F> struct Shape;
template <> struct Shape<BFLOAT16> { static constexpr int COLUMNS = 32, ROWS = 12, INPUTS = 0; };
template <> struct Shape<FLOAT32> { static constexpr int COLUMNS = 16, ROWS = 6, INPUTS = 256; };
constexpr int ROWS_OF_VNNI = 12;  // of int16, with registers twice as many and twice as wide
template <> struct Shape<INT16> { static constexpr int COLUMNS = 32, ROWS = 5, INPUTS = 256; };  // which fit, see MOST

#if defined(__x86_64__)
typedef float Floats __attribute__((vector_size(32)));
#else
typedef float Floats __attribute__((vector_size(16)));
#endif
constexpr int LANES = sizeof(Floats) / sizeof(float);

static inline Floats load(const float *from) {
    Floats floats;
    std::memcpy(&floats, from, sizeof floats);
    return floats;
}

template <int COUNT> static void tile(const Block<float> &b) {
    constexpr int COLUMNS = Shape<FLOAT32>::COLUMNS, PARTS = COLUMNS / LANES;
    Floats sums[COUNT][PARTS];
    for (int r = 0; r < COUNT; r++)
        for (int p = 0; p < PARTS; p++) sums[r][p] = load(b.y + r * COLUMNS + p * LANES);
    const float *weights = b.weights;
    for (int i = 0; i < b.inputs; i++, weights += COLUMNS) {
        Floats w[PARTS];
        for (int p = 0; p < PARTS; p++) w[p] = load(weights + p * LANES);
        for (int r = 0; r < COUNT; r++) {
            const float x = b.x[r * b.row + i];
            for (int p = 0; p < PARTS; p++) sums[r][p] += w[p] * x;
        }
    }
    for (int r = 0; r < COUNT; r++)
        for (int p = 0; p < PARTS; p++) std::memcpy(b.y + r * COLUMNS + p * LANES, &sums[r][p], sizeof(Floats));
}

static inline float row_scale(const Block<int16_t> &b, int row) {
    float scale;
    std::memcpy(&scale, b.row_scale + row * b.row, sizeof(float));
    return scale;
}

static void tile_portable(const Block<int16_t> &b, int count) {
    constexpr int COLUMNS = Shape<INT16>::COLUMNS;
    for (int r = 0; r < count; r++) {
        const int16_t *x = b.x + r * b.row;
        int32_t sums[COLUMNS] = {};
        for (int i = 0; i < b.inputs; i++)
            for (int o = 0; o < COLUMNS; o++)
                sums[o] += x[i] * b.weights[(i / 2 * COLUMNS + o) * 2 + i % 2];
        const float scale = row_scale(b, r);
        for (int o = 0; o < COLUMNS; o++)
            b.y[r * COLUMNS + o] = std::fma(static_cast<float>(sums[o]), scale, b.y[r * COLUMNS + o]);
    }
}

static void tile_portable(const Block<uint16_t> &b, int count) {
    constexpr int COLUMNS = Shape<BFLOAT16>::COLUMNS;
    for (int r = 0; r < count; r++)
        for (int tap = 0; tap < b.taps; tap++)
            for (int i = 0; i < b.inputs; i++) {
                const uint16_t *in = b.x + tap * b.tap + r * b.row + i;
                const float x = from_bfloat16(*in) + (b.plane ? from_bfloat16(in[b.plane]) : 0.0f);
                const uint16_t *w = b.weights + (static_cast<size_t>(tap) * b.inputs + i / 2 * 2) * COLUMNS + i % 2;
                for (int o = 0; o < COLUMNS; o++) b.y[r * COLUMNS + o] += x * from_bfloat16(w[o * 2]);
            }
}

#if defined(__x86_64__)

// sum += w * x, pairs of int16 into int32. As a program, because compilers give the loop around it too many registers'
// worth of temporaries, and spill the sums: twice the time.
static inline __m256i add_pairs(__m256i sum, __m256i w, __m256i x) {
    __m256i products;
    asm("vpmaddwd %2, %3, %1\n\tvpaddd %1, %0, %0" : "+x"(sum), "=&x"(products) : "x"(w), "x"(x));
    return sum;
}

// Half of a panel: 16 outputs.
template <int COUNT> static void tile_avx2(const Block<int16_t> &b, int half) {
    constexpr int COLUMNS = Shape<INT16>::COLUMNS;
    __m256i sums[COUNT][2];
    for (int r = 0; r < COUNT; r++) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
    const int16_t *weights = b.weights + half * COLUMNS;
    for (int i = 0; i < b.inputs; i += 2, weights += 2 * COLUMNS) {
        const __m256i left = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(weights));
        const __m256i right = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(weights + 16));
#pragma GCC unroll 6
        for (int r = 0; r < COUNT; r++) {
            int32_t pair;
            std::memcpy(&pair, b.x + r * b.row + i, 4);
            const __m256i both = _mm256_set1_epi32(pair);
            sums[r][0] = add_pairs(sums[r][0], left, both);
            sums[r][1] = add_pairs(sums[r][1], right, both);
        }
    }
    for (int r = 0; r < COUNT; r++) {
        const __m256 scale = _mm256_set1_ps(row_scale(b, r));
        for (int part = 0; part < 2; part++) {
            float *y = b.y + r * COLUMNS + half * 16 + part * 8;
            _mm256_storeu_ps(y, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[r][part]), scale, _mm256_loadu_ps(y)));
        }
    }
}

#define VNNI_TILE __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

// As `add_pairs`, and for the same reason.
VNNI_TILE static inline __m512i add_pairs(__m512i sum, __m512i w, __m512i x) {
#if defined(IS_EMULATED)  // by the tests, which cannot emulate a program
    return _mm512_dpwssd_epi32(sum, w, x);
#else
    asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
    return sum;
#endif
}

template <int COUNT> VNNI_TILE static void tile_vnni(const Block<int16_t> &b) {
    constexpr int COLUMNS = Shape<INT16>::COLUMNS;
    __m512i sums[COUNT][2];
    for (int r = 0; r < COUNT; r++) sums[r][0] = sums[r][1] = _mm512_setzero_si512();
    const int16_t *weights = b.weights;
    for (int i = 0; i < b.inputs; i += 2, weights += 2 * COLUMNS) {
        const __m512i left = _mm512_loadu_si512(weights), right = _mm512_loadu_si512(weights + COLUMNS);
#pragma GCC unroll 12
        for (int r = 0; r < COUNT; r++) {
            int32_t pair;
            std::memcpy(&pair, b.x + r * b.row + i, 4);
            const __m512i both = _mm512_set1_epi32(pair);
            sums[r][0] = add_pairs(sums[r][0], left, both);
            sums[r][1] = add_pairs(sums[r][1], right, both);
        }
    }
    for (int r = 0; r < COUNT; r++) {
        const __m512 scale = _mm512_set1_ps(row_scale(b, r));
        for (int half = 0; half < 2; half++) {
            float *y = b.y + r * COLUMNS + half * 16;
            _mm512_storeu_ps(y, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[r][half]), scale, _mm512_loadu_ps(y)));
        }
    }
}

template <int COUNT> static void tile(const Block<int16_t> &b) {
    if (kernel == PORTABLE) return tile_portable(b, COUNT);
    if (kernel == VNNI) return tile_vnni<COUNT>(b);
    if constexpr (COUNT <= Shape<INT16>::ROWS)
        for (int half = 0; half < 2; half++) tile_avx2<COUNT>(b, half);
    else tile_portable(b, COUNT);  // more than `most_rows`
}

template <int COUNT> static void tile(const Block<uint16_t> &b) { tile_portable(b, COUNT); }

#else

template <int COUNT> static void tile(const Block<int16_t> &b) { tile_portable(b, COUNT); }

#if defined(__aarch64__)
#define BFDOT_CODE __attribute__((target("arch=armv8.2-a+bf16")))

// Half of a panel, four rows: 16 sums.
template <int COUNT> BFDOT_CODE static void tile_bfdot(const Block<uint16_t> &b, int half) {
    constexpr int COLUMNS = Shape<BFLOAT16>::COLUMNS;
    float32x4_t sums[COUNT][4];
    for (int r = 0; r < COUNT; r++)
        for (int p = 0; p < 4; p++) sums[r][p] = vdupq_n_f32(0.0f);
    const uint16_t *x = b.x, *weights = b.weights + half * COLUMNS;
    for (int tap = 0; tap < b.taps; tap++, x += b.tap) {
        for (int i = 0; i < b.inputs; i += 2, weights += 2 * COLUMNS) {
            bfloat16x8_t w[4];
            for (int p = 0; p < 4; p++) w[p] = vreinterpretq_bf16_u16(vld1q_u16(weights + p * 8));
            for (size_t plane = 0;; plane = b.plane) {
                for (int r = 0; r < COUNT; r++) {
                    uint32_t pair;
                    std::memcpy(&pair, x + plane + r * b.row + i, 4);
                    const bfloat16x8_t both = vreinterpretq_bf16_u32(vdupq_n_u32(pair));
                    for (int p = 0; p < 4; p++) sums[r][p] = vbfdotq_f32(sums[r][p], w[p], both);
                }
                if (plane == b.plane) break;
            }
        }
    }
    for (int r = 0; r < COUNT; r++)
        for (int p = 0; p < 4; p++) vst1q_f32(b.y + r * COLUMNS + half * 16 + p * 4, sums[r][p]);
}

template <int COUNT> static void tile(const Block<uint16_t> &b) {
    if (!has_bfloat16()) return tile_portable(b, COUNT);
    constexpr int SOME = COUNT < 4 ? COUNT : 4;
    for (int r = 0; r < COUNT; r += SOME) {
        Block<uint16_t> some = b;
        some.x += r * b.row;
        some.y += r * Shape<BFLOAT16>::COLUMNS;
        for (int half = 0; half < 2; half++) tile_bfdot<SOME>(some, half);
    }
}
#else
template <int COUNT> static void tile(const Block<uint16_t> &b) { tile_portable(b, COUNT); }
#endif
#endif

// So many rows, which is at least one.
template <int MANY, class Number> static void tile_of(const Block<Number> &b, int rows) {
    if constexpr (MANY > 1)
        if (rows < MANY) return tile_of<MANY - 1>(b, rows);
    tile<MANY>(b);
}

// Rows whose sums fill the registers of the kernel in use.
template <Format F> static int most_rows() {
#if defined(__x86_64__)
    if (F == INT16 && kernel == VNNI) return ROWS_OF_VNNI;
#endif
    return Shape<F>::ROWS;
}

// The first of `left` rows, as many as suit the registers; how many.
template <Format F, class Number> static int some_rows(const Block<Number> &b, int left) {
    if constexpr (F == BFLOAT16) {
        if (left >= 12) return tile<12>(b), 12;
        if (left >= 8) return tile<8>(b), 8;
        if (left >= 4) return tile<4>(b), 4;
        if (left >= 2) return tile<2>(b), 2;
        return tile<1>(b), 1;
    } else {
        const int most = most_rows<F>(), tiles = (left + most - 1) / most;
        const int rows = (left + tiles - 1) / tiles;  // tiles of about the same size: few rows leave registers idle
        tile_of<F == INT16 ? ROWS_OF_VNNI : Shape<F>::ROWS>(b, rows);
        return rows;
    }
}
