// Every product kernel that this processor has, beside plain code, on random numbers. Prints a line for each; exits 1 if
// one differs: integer kernels by a bit, the others by more than rounding.

#include <cstdio>
#include <random>

#include "codec_tiles.h"

static std::mt19937 dice(7);
static bool all_right = true;

template <class T> static std::vector<T> numbers(size_t count, int least, int most) {
    std::uniform_int_distribution<int> draw(least, most);
    std::vector<T> made(count);
    for (auto &one : made) one = static_cast<T>(draw(dice));
    return made;
}

static std::vector<uint16_t> halves(size_t count) {
    std::uniform_real_distribution<float> draw(-1.0f, 1.0f);
    std::vector<uint16_t> made(count);
    for (auto &one : made) one = to_bfloat16(draw(dice));
    return made;
}

static void say(const char *what, const char *how, bool is_right) {
    std::printf("%s, %s: %s\n", what, how, is_right ? "equal" : "DIFFERS");
    all_right = all_right && is_right;
}

static std::vector<float> panel(const Matrix &m, const Rounded &x, int rows) {
    std::vector<float> y(rows * PANEL);
    multiply_panel(m, x, rows, 0, [&](int row, int, const float *part) {
        std::memcpy(y.data() + row * PANEL, part, sizeof(float) * PANEL);
    });
    return y;
}

// Numbers as large as they get, too: 16 bits hold the sums of a group only just.
static void language(const char *name, Kernel which, int bits, bool is_extreme) {
    constexpr int INPUTS = 96, ROWS = 7;
    auto weights = numbers<uint8_t>(PANEL * INPUTS * bits / 8, is_extreme ? 255 : 0, 255);
    if (bits == 8)
        for (auto &one : weights) one = one == 0 ? 1 : one;
    auto values = numbers<int8_t>(ROWS * INPUTS, is_extreme ? 127 : -127, 127);
    auto scales = halves(INPUTS / GROUP * PANEL);
    std::vector<int32_t> sums(ROWS * INPUTS / GROUP);
    std::vector<float> row_scales(sums.size());
    for (size_t i = 0; i < values.size(); i++) sums[i / GROUP] += values[i];
    for (auto &one : row_scales) one = from_bfloat16(halves(1)[0]);
    const Matrix m{weights.data(), scales.data(), nullptr, PANEL, INPUTS, bits};
    const Rounded x{values.data(), sums.data(), row_scales.data()};
    bool is_right = true;
    for (int rows = 1; rows <= ROWS; rows++) {
        kernel = PORTABLE;
        const auto expected = panel(m, x, rows);
        kernel = which;
        is_right = is_right && panel(m, x, rows) == expected;
    }
    char what[64];
    std::snprintf(what, sizeof what, "int%d%s", bits, is_extreme ? " at its largest" : "");
    say(what, name, is_right);
}

template <Format F, int COUNT> static bool are_tiles_right(const char *name, bool is_fine, bool is_extreme) {
    using Number = typename Row<F>::Number;
    constexpr int COLUMNS = Shape<F>::COLUMNS, INPUTS = F == INT16 ? Shape<F>::INPUTS : 128, TAPS = F == BFLOAT16 ? 3 : 1;
    const size_t row = Row<F>::width(INPUTS), plane = is_fine ? row * (COUNT + TAPS) : 0;
    std::vector<Number> x, w;
    if constexpr (F == BFLOAT16) {
        x = halves(row * (COUNT + TAPS) * 2);
        w = halves(TAPS * INPUTS * COLUMNS);
    } else {
        x = numbers<Number>(row * (COUNT + TAPS), is_extreme ? MOST : -MOST, MOST);
        w = numbers<Number>(TAPS * INPUTS * COLUMNS, is_extreme ? MOST : -MOST, MOST);
    }
    const float scale = 1.5f;
    for (int r = 0; F == INT16 && r < COUNT; r++) std::memcpy(x.data() + r * row + INPUTS, &scale, sizeof scale);
    std::vector<float> expected(COUNT * COLUMNS), found(COUNT * COLUMNS);
    Block<Number> block{x.data(), row, row, plane, x.data() + INPUTS, w.data(), TAPS, INPUTS, found.data()};
    tile<COUNT>(block);
    block.y = expected.data();
    if constexpr (F == FLOAT32) {
        for (int r = 0; r < COUNT; r++)
            for (int o = 0; o < COLUMNS; o++)
                for (int i = 0; i < INPUTS; i++) expected[r * COLUMNS + o] += x[r * row + i] * w[i * COLUMNS + o];
    } else {
        tile_portable(block, COUNT);
    }
    if (F == INT16) return found == expected;
    float largest = 0.0f, error = 0.0f;
    for (size_t i = 0; i < found.size(); i++) {
        largest = std::fmax(largest, std::fabs(expected[i]));
        error = std::fmax(error, std::fabs(expected[i] - found[i]));
    }
    return error <= 2e-6f * largest;
}

template <Format F, int... COUNTS> static void codec(const char *what, const char *name, bool is_fine, bool is_extreme) {
    say(what, name, (are_tiles_right<F, COUNTS>(name, is_fine, is_extreme) && ...));
}

int main() {
#if defined(__aarch64__)
    const char *names[] = {"portable", "dot product", "i8mm"};
#else
    const char *names[] = {"portable", "AVX2", "AVX-512 VNNI"};
#endif
    const Kernel best = best_kernel();
    for (int level = 0; level <= best; level++) {
        for (int bits : {8, 4})
            for (bool is_extreme : {false, true}) language(names[level], static_cast<Kernel>(level), bits, is_extreme);
        kernel = static_cast<Kernel>(level);
        for (bool is_extreme : {false, true})
            codec<INT16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12>(is_extreme ? "int16 at its largest" : "int16",
                                                                names[level], false, is_extreme);
    }
    codec<FLOAT32, 1, 2, 3, 4, 5, 6>("float32", "vectors", false, false);
    for (bool is_fine : {false, true})
        codec<BFLOAT16, 1, 2, 4, 8, 12>(is_fine ? "bfloat16 in two planes" : "bfloat16",
                                        has_bfloat16() ? "bf16" : "portable", is_fine, false);
    return all_right ? 0 : 1;
}
