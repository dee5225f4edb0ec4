// What goes into the codec's products: rows of float32, through SnakeBeta where there is one, in the product's format.
#pragma once

#include "context.h"

enum Format { BFLOAT16 = 0, FLOAT32 = 1, INT16 = 2 };

constexpr int MOST = 2895;  // of an int16: 256 products of two such numbers fit into 31 bits

struct Conv {
    const void *weights;
    const float *scales;                // [outputs], of an int16 matrix; or null
    const float *bias;                  // [outputs], or null
    const float *alpha, *inverse_beta;  // SnakeBeta of the inputs, or null
    int32_t inputs, outputs, taps, dilation, format;

    int history() const { return (taps - 1) * dilation; }
    // Products of one tap, which are few, take inputs in bfloat16 as the sum of two, so that only weights are rounded
    // there: a cheap decibel. The second is in a plane behind all rows.
    bool is_fine() const { return format == BFLOAT16 && taps == 1; }
};

// A row of int16 ends with its float32 scale, in two of them.
template <Format F> struct Row;
template <> struct Row<BFLOAT16> {
    using Number = uint16_t;
    static size_t width(int inputs) { return inputs; }
};
template <> struct Row<FLOAT32> {
    using Number = float;
    static size_t width(int inputs) { return inputs; }
};
template <> struct Row<INT16> {
    using Number = int16_t;
    static size_t width(int inputs) { return inputs + 2; }
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

static inline void take_in(const Conv &c, const float *x, uint16_t *y, size_t plane) {
    if (c.alpha)
        for (int i = 0; i < c.inputs; i++) halve(snake(x[i], c.alpha[i], c.inverse_beta[i]), y + i, plane);
    else
        for (int i = 0; i < c.inputs; i++) halve(x[i], y + i, plane);
}

static inline void take_in(const Conv &c, const float *x, float *y, size_t) {
    if (c.alpha)
        for (int i = 0; i < c.inputs; i++) y[i] = snake(x[i], c.alpha[i], c.inverse_beta[i]);
    else
        std::memcpy(y, x, sizeof(float) * c.inputs);
}

static inline void take_in(const Conv &c, const float *x, int16_t *y, size_t) {
    thread_local std::vector<float> wide;
    if (wide.size() < static_cast<size_t>(c.inputs)) wide.resize(c.inputs);
    float *values = wide.data(), most = 0.0f, nothing = 0.0f;  // not-a-number, if one is not a number: that must be seen
    take_in(c, x, values, size_t{0});
#pragma omp simd reduction(max : most) reduction(+ : nothing)
    for (int i = 0; i < c.inputs; i++) {
        const float size = std::fabs(values[i]);
        most = size > most ? size : most;
        nothing += size * 0.0f;
    }
    const float inverse = most > 0.0f ? MOST / most : 0.0f, scale = most / MOST + nothing;
    for (int i = 0; i < c.inputs; i++)
        y[i] = static_cast<int16_t>(static_cast<int32_t>(std::nearbyint(values[i] * inverse)));
    std::memcpy(y + c.inputs, &scale, sizeof(float));
}
