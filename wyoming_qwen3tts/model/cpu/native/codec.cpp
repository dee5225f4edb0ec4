// The codec's convolutions on a CPU that multiplies bfloat16: signals time-major [T, B, C] in float32, what goes into a
// product rounded to bfloat16, sums in float32. A convolution needs no windows laid out: its taps are the same product,
// some rows further on. SnakeBeta is applied on the way in, a unit's input added on the way out.
//
// Products of one tap, which are few, take their inputs as the sum of two bfloat16 numbers, so that only weights are
// rounded there: a cheap decibel.
//
// A matrix is cut into panels of 32 outputs; a panel holds pairs of inputs: [tap][input / 2][32 outputs][2].

#include "context.h"

constexpr int COLUMNS = 32;
constexpr int ROWS = 12;   // 24 sums: with two weights and a broadcast they fill the registers
constexpr int CHUNK = 96;  // rows of one task: they stay in the second cache while a panel passes

struct Conv {
    const uint16_t *weights;
    const float *bias;                   // [outputs], or null
    const float *alpha, *inverse_beta;  // SnakeBeta of the inputs, or null
    int32_t inputs, outputs, taps, dilation;

    int history() const { return (taps - 1) * dilation; }
    bool is_fine() const { return taps == 1; }  // inputs in two planes, the second what the first lacks
    int panels() const { return (outputs + COLUMNS - 1) / COLUMNS; }
};

// sin^2 repeats after pi, and does not mind a sign.
static inline float snake(float x, float alpha, float inverse_beta) {
    const float angle = x * alpha, turns = std::nearbyint(angle * 0.318309886f);
    const float r = (angle - turns * 3.140625f) - turns * 9.67653589793e-4f, s = r * r;
    float p = -2.50521083854e-8f;
    p = p * s + 2.75573192240e-6f;
    p = p * s - 1.98412698413e-4f;
    p = p * s + 8.33333333333e-3f;
    p = p * s - 1.66666666667e-1f;
    const float sine = r + r * s * p;
    return x + inverse_beta * (sine * sine);
}

static inline uint16_t halved(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// The number, and what is lacking to it in a second plane, if there is one.
static inline void halve(float value, uint16_t *y, size_t plane) {
    *y = halved(value);
    if (plane) y[plane] = halved(value - from_bfloat16(*y));
}

static void take_in(const Conv &c, const float *x, uint16_t *y, size_t plane) {
    if (c.alpha)
        for (int i = 0; i < c.inputs; i++) halve(snake(x[i], c.alpha[i], c.inverse_beta[i]), y + i, plane);
    else
        for (int i = 0; i < c.inputs; i++) halve(x[i], y + i, plane);
}

#if defined(__x86_64__)
#define BF16_CODE __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

// `count` rows of one panel: y [count][32].
template <int COUNT>
BF16_CODE static void tile(const Conv &c, const uint16_t *x, size_t tap_stride, size_t plane, const uint16_t *weights,
                           float *y) {
    __m512 sums[COUNT][2];
    for (int r = 0; r < COUNT; r++) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
    for (int tap = 0; tap < c.taps; tap++, x += tap_stride) {
        for (int i = 0; i < c.inputs; i += 2, weights += 2 * COLUMNS) {
            const __m512bh left = (__m512bh)_mm512_loadu_si512(weights);
            const __m512bh right = (__m512bh)_mm512_loadu_si512(weights + COLUMNS);
            for (int r = 0; r < COUNT; r++) {
                int32_t pair;
                std::memcpy(&pair, x + static_cast<size_t>(r) * c.inputs + i, 4);
                const __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
                sums[r][0] = _mm512_dpbf16_ps(sums[r][0], left, both);
                sums[r][1] = _mm512_dpbf16_ps(sums[r][1], right, both);
            }
            for (int r = 0; plane && r < COUNT; r++) {
                int32_t pair;
                std::memcpy(&pair, x + plane + static_cast<size_t>(r) * c.inputs + i, 4);
                const __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
                sums[r][0] = _mm512_dpbf16_ps(sums[r][0], left, both);
                sums[r][1] = _mm512_dpbf16_ps(sums[r][1], right, both);
            }
        }
    }
    for (int r = 0; r < COUNT; r++)
        for (int half = 0; half < 2; half++) _mm512_storeu_ps(y + r * COLUMNS + half * 16, sums[r][half]);
}

static bool has_bfloat16() { return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw"); }
#else
template <int COUNT>
static void tile(const Conv &c, const uint16_t *x, size_t tap_stride, size_t plane, const uint16_t *weights, float *y) {
    for (int r = 0; r < COUNT; r++)
        for (int o = 0; o < COLUMNS; o++) {
            float sum = 0.0f;
            for (int tap = 0; tap < c.taps; tap++)
                for (int i = 0; i < c.inputs; i++) {
                    const uint16_t *in = x + tap * tap_stride + static_cast<size_t>(r) * c.inputs + i;
                    sum += (from_bfloat16(*in) + (plane ? from_bfloat16(in[plane]) : 0.0f)) *
                           from_bfloat16(weights[(static_cast<size_t>(tap) * c.inputs + i / 2 * 2) * COLUMNS + o * 2 + i % 2]);
                }
            y[r * COLUMNS + o] = sum;
        }
}

static bool has_bfloat16() { return false; }
#endif

static int some_rows(const Conv &c, const uint16_t *x, size_t tap_stride, size_t plane, const uint16_t *weights,
                     float *y, int left) {
    if (left >= ROWS) return tile<ROWS>(c, x, tap_stride, plane, weights, y), ROWS;
    if (left >= 8) return tile<8>(c, x, tap_stride, plane, weights, y), 8;
    if (left >= 4) return tile<4>(c, x, tap_stride, plane, weights, y), 4;
    if (left >= 2) return tile<2>(c, x, tap_stride, plane, weights, y), 2;
    return tile<1>(c, x, tap_stride, plane, weights, y), 1;
}

// All rows times the matrix. `take(row, first output, count, sums)` gets what came out, with the bias.
template <class Take>
static void products(Context &context, const Conv &c, const uint16_t *x, size_t tap_stride, int rows, const Take &take) {
    const int chunks = (rows + CHUNK - 1) / CHUNK;
    const size_t plane = c.is_fine() ? static_cast<size_t>(rows) * c.inputs : 0;
    const size_t panel_size = static_cast<size_t>(c.taps) * c.inputs * COLUMNS;
    context.pool.run(c.panels() * chunks, [&](int task) {
        const int panel = task / chunks, first = panel * COLUMNS, end = std::min(rows, (task % chunks + 1) * CHUNK);
        const int count = std::min(COLUMNS, c.outputs - first);
        alignas(64) float y[ROWS * COLUMNS];
        for (int row = task % chunks * CHUNK; row < end;) {
            const uint16_t *mine = x + static_cast<size_t>(row) * c.inputs;
            const int done = some_rows(c, mine, tap_stride, plane, c.weights + panel * panel_size, y, end - row);
            for (int r = 0; r < done; r++) {
                if (c.bias)
                    for (int o = 0; o < count; o++) y[r * COLUMNS + o] += c.bias[first + o];
                take(row + r, first, count, y + r * COLUMNS);
            }
            row += done;
        }
    });
}

// The inputs with what came before them: [history + T, B, inputs]. `past` [B, history, inputs] moves on.
static const uint16_t *with_past(Context &context, const Conv &c, const float *x, int length, int batch, uint16_t *past) {
    const int history = c.history();
    const size_t line = static_cast<size_t>(batch) * c.inputs;
    uint16_t *all = context.halves.of((history + length) * line * (c.is_fine() ? 2 : 1));
    const size_t plane = c.is_fine() ? length * line : 0;
    auto copy = [&](int start, bool back) {
        for (int t = 0; t < history; t++)
            for (int b = 0; b < batch; b++) {
                uint16_t *here = all + (start + t) * line + static_cast<size_t>(b) * c.inputs;
                uint16_t *there = past + (static_cast<size_t>(b) * history + t) * c.inputs;
                std::memcpy(back ? there : here, back ? here : there, sizeof(uint16_t) * c.inputs);
            }
    };
    copy(0, false);
    const int rows = length * batch, step = std::max(1, 16384 / c.inputs);
    context.pool.run((rows + step - 1) / step, [&](int task) {
        for (int row = task * step; row < std::min(rows, (task + 1) * step); row++)
            take_in(c, x + static_cast<size_t>(row) * c.inputs,
                    all + history * line + static_cast<size_t>(row) * c.inputs, plane);
    });
    copy(length, true);
    return all;
}

extern "C" {

int qwen3tts_has_bfloat16() { return has_bfloat16(); }

// x [length, batch, inputs] to y [length, batch, outputs]; past [batch, history, inputs] bfloat16.
void qwen3tts_convolve(Context *context, const Conv *c, const float *x, int length, int batch, uint16_t *past, float *y) {
    const std::lock_guard<std::mutex> alone(context->busy);
    const uint16_t *in = with_past(*context, *c, x, length, batch, past);
    const size_t tap_stride = static_cast<size_t>(c->dilation) * batch * c->inputs;
    products(*context, *c, in, tap_stride, length * batch, [&](int row, int first, int count, const float *sums) {
        std::memcpy(y + static_cast<size_t>(row) * c->outputs + first, sums, sizeof(float) * count);
    });
}

// A residual unit: y = x + narrow(wide(x)), each behind its SnakeBeta; as many outputs as inputs.
void qwen3tts_unit(Context *context, const Conv *wide, const Conv *narrow, const float *x, int length, int batch,
                   uint16_t *past, float *y) {
    const std::lock_guard<std::mutex> alone(context->busy);
    const uint16_t *in = with_past(*context, *wide, x, length, batch, past);
    const int rows = length * batch, width = wide->outputs;
    uint16_t *middle = context->more_halves.of(static_cast<size_t>(rows) * width * 2);
    const size_t tap_stride = static_cast<size_t>(wide->dilation) * batch * wide->inputs;
    products(*context, *wide, in, tap_stride, rows, [&](int row, int first, int count, const float *sums) {
        uint16_t *out = middle + static_cast<size_t>(row) * width + first;
        const float *alpha = narrow->alpha + first, *inverse_beta = narrow->inverse_beta + first;
        for (int o = 0; o < count; o++)
            halve(snake(sums[o], alpha[o], inverse_beta[o]), out + o, static_cast<size_t>(rows) * width);
    });
    products(*context, *narrow, middle, 0, rows, [&](int row, int first, int count, const float *sums) {
        const size_t at = static_cast<size_t>(row) * width + first;
        for (int o = 0; o < count; o++) y[at + o] = x[at + o] + sums[o];
    });
}

// A transposed convolution of two strides: x [length, batch, inputs] to y [length * stride, batch, width], where the
// matrix has 2 * stride * width outputs. tail [batch, stride * width] is the last input's second half; it moves on.
void qwen3tts_upsample(Context *context, const Conv *c, const float *x, int length, int batch, int stride,
                       const float *bias, float *tail, float *y) {
    const std::lock_guard<std::mutex> alone(context->busy);
    const uint16_t *in = with_past(*context, *c, x, length, batch, nullptr);
    const int rows = length * batch, half = c->outputs / 2, width = half / stride;
    float *now = context->wide.of(static_cast<size_t>(rows) * c->outputs);
    products(*context, *c, in, 0, rows, [&](int row, int first, int count, const float *sums) {
        std::memcpy(now + static_cast<size_t>(row) * c->outputs + first, sums, sizeof(float) * count);
    });
    context->pool.run(rows, [&](int row) {
        const float *mine = now + static_cast<size_t>(row) * c->outputs;
        const float *before = row < batch ? tail + static_cast<size_t>(row) * half
                                          : now + static_cast<size_t>(row - batch) * c->outputs + half;
        for (int s = 0; s < stride; s++) {
            float *out = y + ((static_cast<size_t>(row / batch) * stride + s) * batch + row % batch) * width;
            for (int o = 0; o < width; o++) out[o] = mine[s * width + o] + before[s * width + o] + bias[o];
        }
    });
    for (int b = 0; b < batch; b++)
        std::memcpy(tail + static_cast<size_t>(b) * half, now + static_cast<size_t>(rows - batch + b) * c->outputs + half,
                    sizeof(float) * half);
}
}
