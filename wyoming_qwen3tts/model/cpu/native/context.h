// What calls share: the threads, and memory to work in that grows to the largest call and stays.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <vector>

#include "int8.h"
#include "pool.h"

// Memory for one purpose; what was in it before is of no use.
template <class T> struct Scratch {
    std::vector<T> memory;

    T *of(size_t count) {
        if (memory.size() < count) memory.resize(count);
        return memory.data();
    }
};

struct Context {
    explicit Context(int threads) : pool(threads) {}

    std::mutex busy;  // one call at a time: whoever comes second waits
    Pool pool;
    Scratch<int8_t> values;
    Scratch<int32_t> sums, places;
    Scratch<int64_t> positions;
    Scratch<float> scales, wide, attended, inner, turns, states, logits, keys, cached_values;
    Scratch<uint8_t> rows;  // of the codec, in one of its formats

    Rounded rounded(int rows, int inputs) {
        const size_t groups = static_cast<size_t>(rows) * (inputs / GROUP);
        return {values.of(static_cast<size_t>(rows) * inputs), sums.of(groups), scales.of(groups)};
    }
};

static inline int padded(int size) { return (size + GROUP - 1) / GROUP * GROUP; }

// e^x to seven digits, in a form that compilers turn into vector code.
static inline float exponential(float x) {
    x = std::fmin(std::fmax(x, -87.0f), 88.0f);
    const float n = std::nearbyint(x * 1.44269504f);
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, 4);
    return p * power;
}
