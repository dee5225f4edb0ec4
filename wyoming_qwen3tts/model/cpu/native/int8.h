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
                y[o] = std::fma(static_cast<float>(sum[o]), scale * from_bfloat16(t.weight_scales[g * PANEL + o]), y[o]);
        }
    }
}

#if defined(__x86_64__)
#include "int8_x86.h"
#elif defined(__aarch64__)
#include "int8_arm.h"
#endif

// Every kernel adds the same integers and scales them in the same order: results are equal to the bit.
static inline void run_tile(const Tile &tile, int rows) {
    if (kernel == PORTABLE) return tile_portable(tile, rows);
#if defined(__x86_64__)
    if (kernel == VNNI) return tile.is_int4 ? tile_vnni_rows<true>(tile, rows) : tile_vnni_rows<false>(tile, rows);
    tile.is_int4 ? tile_avx2_rows<true>(tile, rows) : tile_avx2_rows<false>(tile, rows);
#elif defined(__aarch64__)
    tile.is_int4 ? tile_arm<true>(tile, rows) : tile_arm<false>(tile, rows);
#endif
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
