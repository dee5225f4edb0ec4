// The codec's convolutions: signals time-major [T, B, C] in float32, products in one of three formats. SnakeBeta is
// applied on the way in, a unit's input added on the way out.

#include "codec_tiles.h"

constexpr int CHUNK = 48;  // rows of one task: they stay in the first cache while a tap's weights pass

template <Format F> using Number = typename Row<F>::Number;

// One chunk of rows times one panel: y [rows][columns].
template <Format F>
static void multiply_chunk(const Conv &c, const Number<F> *x, size_t tap_stride, size_t plane, int panel, int rows, float *y) {
    constexpr int COLUMNS = Shape<F>::COLUMNS;
    const size_t row = Row<F>::width(c.inputs);
    const auto *weights = static_cast<const Number<F> *>(c.weights) + static_cast<size_t>(panel) * c.taps * c.inputs * COLUMNS;
    const bool whole = Shape<F>::INPUTS == 0;
    const int step = whole ? c.inputs : Shape<F>::INPUTS;
    std::memset(y, 0, sizeof(float) * rows * COLUMNS);
    for (int tap = 0; tap < (whole ? 1 : c.taps); tap++)
        for (int start = 0; start < c.inputs; start += step) {
            const Number<F> *from = x + tap * tap_stride;
            Block<Number<F>> block{from + start, row, tap_stride, plane, from + c.inputs,
                                   weights + (static_cast<size_t>(tap) * c.inputs + start) * COLUMNS,
                                   whole ? c.taps : 1, std::min(step, c.inputs - start), y};
            for (int done = 0; done < rows;) {
                const int some = some_rows<F>(block, rows - done);
                done += some;
                block.x += some * row;
                block.row_scale += some * row;
                block.y += some * COLUMNS;
            }
        }
}

// All rows times the matrix. `take(row, first output, count, sums)` gets what came out, with the bias.
template <Format F, class Take>
static void products(Context &context, const Conv &c, const Number<F> *x, size_t tap_stride, int rows, const Take &take) {
    constexpr int COLUMNS = Shape<F>::COLUMNS;
    const int chunks = (rows + CHUNK - 1) / CHUNK, panels = (c.outputs + COLUMNS - 1) / COLUMNS;
    const size_t row_width = Row<F>::width(c.inputs), plane = c.is_fine() ? rows * row_width : 0;
    context.pool.run(panels * chunks, [&](int task) {
        const int panel = task / chunks, first = panel * COLUMNS, count = std::min(COLUMNS, c.outputs - first);
        const int start = task % chunks * CHUNK, some = std::min(CHUNK, rows - start);
        alignas(64) float y[CHUNK * COLUMNS];
        multiply_chunk<F>(c, x + start * row_width, tap_stride, plane, panel, some, y);
        auto finish = [&](int count) __attribute__((always_inline)) {
            for (int r = 0; r < some; r++) {
                float *sums = y + r * COLUMNS;
                if (c.scales && c.bias)
                    for (int o = 0; o < count; o++) sums[o] = sums[o] * c.scales[first + o] + c.bias[first + o];
                else if (c.scales)
                    for (int o = 0; o < count; o++) sums[o] *= c.scales[first + o];
                else if (c.bias)
                    for (int o = 0; o < count; o++) sums[o] += c.bias[first + o];
                take(start + r, first, count, sums);
            }
        };
        if (count == COLUMNS) finish(COLUMNS);  // nearly always: a number that the compiler knows
        else finish(count);
    });
}

// Rows [rows, inputs] into the format of the product that reads them.
template <Format F>
static void take_rows(Context &context, const Conv &c, const float *x, int rows, Number<F> *y, size_t plane) {
    const int step = std::max(1, 16384 / c.inputs);
    const size_t width = Row<F>::width(c.inputs);
    context.pool.run((rows + step - 1) / step, [&](int task) {
        for (int row = task * step; row < std::min(rows, (task + 1) * step); row++)
            take_in(c, x + static_cast<size_t>(row) * c.inputs, y + row * width, plane);
    });
}

// The inputs with what came before them: [history + T, B, inputs]. `past` [B, history, inputs] moves on.
template <Format F>
static const Number<F> *with_past(Context &context, const Conv &c, const float *x, int length, int batch, void *past) {
    const int history = c.history();
    const size_t width = Row<F>::width(c.inputs), line = batch * width, bytes = width * sizeof(Number<F>);
    const size_t count = (history + length) * line * (c.is_fine() ? 2 : 1);
    auto *all = reinterpret_cast<Number<F> *>(context.rows.of(count * sizeof(Number<F>)));
    auto copy = [&](int start, bool back) {
        for (int t = 0; t < history; t++)
            for (int b = 0; b < batch; b++) {
                Number<F> *here = all + (start + t) * line + b * width;
                auto *there = static_cast<Number<F> *>(past) + (static_cast<size_t>(b) * history + t) * width;
                std::memcpy(back ? there : here, back ? here : there, bytes);
            }
    };
    copy(0, false);
    take_rows<F>(context, c, x, length * batch, all + history * line, c.is_fine() ? length * line : 0);
    copy(length, true);
    return all;
}

template <Format F>
static void convolve(Context &context, const Conv &c, const float *x, int length, int batch, void *past, float *y) {
    const Number<F> *in = with_past<F>(context, c, x, length, batch, past);
    const size_t tap_stride = c.dilation * batch * Row<F>::width(c.inputs);
    products<F>(context, c, in, tap_stride, length * batch, [&](int row, int first, int count, const float *sums) {
        std::memcpy(y + static_cast<size_t>(row) * c.outputs + first, sums, sizeof(float) * count);
    });
}

template <Format F>
static void unit(Context &context, const Conv &wide, const Conv &narrow, const float *x, int length, int batch,
                 void *past, float *y) {
    const int rows = length * batch, outputs = wide.outputs;
    float *middle = context.wide.of(static_cast<size_t>(rows) * outputs);
    const Number<F> *in = with_past<F>(context, wide, x, length, batch, past);
    const size_t tap_stride = wide.dilation * batch * Row<F>::width(wide.inputs);
    products<F>(context, wide, in, tap_stride, rows, [&](int row, int first, int count, const float *sums) {
        std::memcpy(middle + static_cast<size_t>(row) * outputs + first, sums, sizeof(float) * count);
    });
    in = with_past<F>(context, narrow, middle, length, batch, nullptr);
    products<F>(context, narrow, in, 0, rows, [&](int row, int first, int count, const float *sums) {
        const size_t at = static_cast<size_t>(row) * outputs + first;
        for (int o = 0; o < count; o++) y[at + o] = x[at + o] + sums[o];
    });
}

template <Format F>
static void upsample(Context &context, const Conv &c, const float *x, int length, int batch, int stride,
                     const float *bias, float *tail, float *y) {
    const Number<F> *in = with_past<F>(context, c, x, length, batch, nullptr);
    const int rows = length * batch, half = c.outputs / 2, width = half / stride;
    float *now = context.wide.of(static_cast<size_t>(rows) * c.outputs);
    products<F>(context, c, in, 0, rows, [&](int row, int first, int count, const float *sums) {
        std::memcpy(now + static_cast<size_t>(row) * c.outputs + first, sums, sizeof(float) * count);
    });
    context.pool.run(rows, [&](int row) {
        const float *mine = now + static_cast<size_t>(row) * c.outputs;
        const float *before = row < batch ? tail + static_cast<size_t>(row) * half
                                          : now + static_cast<size_t>(row - batch) * c.outputs + half;
        for (int s = 0; s < stride; s++) {
            float *out = y + ((static_cast<size_t>(row / batch) * stride + s) * batch + row % batch) * width;
            for (int o = 0; o < width; o++) out[o] = mine[s * width + o] + before[s * width + o] + bias[o];
        }
    });
    for (int b = 0; b < batch; b++)
        std::memcpy(tail + static_cast<size_t>(b) * half, now + static_cast<size_t>(rows - batch + b) * c.outputs + half,
                    sizeof(float) * half);
}

// Calls the function that is made for the matrix's format.
#define BY_FORMAT(conv, function, ...)                                       \
    const std::lock_guard<std::mutex> alone(context->busy);                  \
    if ((conv)->format == BFLOAT16) function<BFLOAT16>(*context, __VA_ARGS__); \
    else if ((conv)->format == FLOAT32) function<FLOAT32>(*context, __VA_ARGS__); \
    else function<INT16>(*context, __VA_ARGS__)

extern "C" {

// Which format is fastest with the instructions in use.
int qwen3tts_codec_format() {
#if defined(__x86_64__)
    return kernel >= AVX2 ? INT16 : FLOAT32;
#else
    return has_bfloat16() && kernel == best_kernel() && !is_limited ? BFLOAT16 : FLOAT32;
#endif
}

// x [length, batch, inputs] to y [length, batch, outputs]; past [batch, history, row] in the matrix's format.
void qwen3tts_convolve(Context *context, const Conv *c, const float *x, int length, int batch, void *past, float *y) {
    BY_FORMAT(c, convolve, *c, x, length, batch, past, y);
}

// A residual unit: y = x + narrow(wide(x)), each behind its SnakeBeta; as many outputs as inputs.
void qwen3tts_unit(Context *context, const Conv *wide, const Conv *narrow, const float *x, int length, int batch,
                   void *past, float *y) {
    BY_FORMAT(wide, unit, *wide, *narrow, x, length, batch, past, y);
}

// A transposed convolution of two strides: x [length, batch, inputs] to y [length * stride, batch, width], where the
// matrix has 2 * stride * width outputs. tail [batch, stride * width] is the last input's second half; it moves on.
void qwen3tts_upsample(Context *context, const Conv *c, const float *x, int length, int batch, int stride,
                       const float *bias, float *tail, float *y) {
    BY_FORMAT(c, upsample, *c, x, length, batch, stride, bias, tail, y);
}
}
