// The products of `int8.h` with Arm's instructions: the dot product (four inputs of four outputs), and with I8MM for two
// rows at once (eight inputs of two outputs and two rows). Both sides are signed; of int4 that is 0 to 15.
#pragma once

#define DOT_CODE __attribute__((target("arch=armv8.2-a+dotprod")))
#define I8MM_CODE __attribute__((target("arch=armv8.2-a+dotprod+i8mm")))

// Two steps of four outputs, from what is stored: int8 in two places, int4 in the halves of one.
template <bool INT4> static inline void two_steps(const uint8_t *w, int8x16_t &now, int8x16_t &next) {
    const uint8x16_t v = vld1q_u8(w);
    if (INT4) {
        now = vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15)));
        next = vreinterpretq_s8_u8(vshrq_n_u8(v, 4));
    } else {
        now = vreinterpretq_s8_u8(veorq_u8(v, vdupq_n_u8(128)));
        next = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(w + 4 * PANEL), vdupq_n_u8(128)));
    }
}

// Sums of one row and group for four outputs, scaled and added to y.
template <bool INT4> static inline void add_group(const Tile &t, int r, int g, int output, int32x4_t sum) {
    const int at = r * (t.inputs / GROUP) + g;
    if (INT4) sum = vsubq_s32(sum, vdupq_n_s32(8 * t.sums[at]));
    const uint16x4_t bits = vld1_u16(t.weight_scales + g * PANEL + output);
    const float32x4_t scale = vmulq_n_f32(vreinterpretq_f32_u32(vshll_n_u16(bits, 16)), t.scales[at]);
    float *y = t.y + r * PANEL + output;
    vst1q_f32(y, vfmaq_f32(vld1q_f32(y), vcvtq_f32_s32(sum), scale));
}

template <bool INT4, int ROWS> DOT_CODE static void tile_dot(const Tile &t, int first) {
    for (int g = 0; g < t.inputs / GROUP; g++)
        for (int output = 0; output < PANEL; output += 16) {
            int32x4_t sums[ROWS][4];
            for (int r = 0; r < ROWS; r++)
                for (int p = 0; p < 4; p++) sums[r][p] = vdupq_n_s32(0);
            for (int s = 0; s < STEPS; s += 2) {
                const uint8_t *w = t.weights + (g * STEPS + s) * 4 * PANEL / (INT4 ? 2 : 1) + output * 4;
                const int8_t *x = t.values + first * t.inputs + (g * STEPS + s) * 4;
                for (int p = 0; p < 4; p++) {
                    int8x16_t now, next;
                    two_steps<INT4>(w + p * 16, now, next);
                    for (int r = 0; r < ROWS; r++) {
                        const int8x8_t eight = vld1_s8(x + r * t.inputs);
                        sums[r][p] = vdotq_lane_s32(sums[r][p], now, eight, 0);
                        sums[r][p] = vdotq_lane_s32(sums[r][p], next, eight, 1);
                    }
                }
            }
            for (int r = 0; r < ROWS; r++)
                for (int p = 0; p < 4; p++) add_group<INT4>(t, first + r, g, output + p * 4, sums[r][p]);
        }
}

// Two rows from `first` on.
template <bool INT4> I8MM_CODE static void tile_i8mm(const Tile &t, int first) {
    for (int g = 0; g < t.inputs / GROUP; g++)
        for (int output = 0; output < PANEL; output += 16) {
            int32x4_t sums[4][2];  // of two outputs: this row's and the next one's, in turns
            for (int p = 0; p < 4; p++) sums[p][0] = sums[p][1] = vdupq_n_s32(0);
            for (int s = 0; s < STEPS; s += 2) {
                const uint8_t *w = t.weights + (g * STEPS + s) * 4 * PANEL / (INT4 ? 2 : 1) + output * 4;
                const int8_t *x = t.values + first * t.inputs + (g * STEPS + s) * 4;
                const int8x16_t rows = vcombine_s8(vld1_s8(x), vld1_s8(x + t.inputs));
                for (int p = 0; p < 4; p++) {
                    int8x16_t now, next;
                    two_steps<INT4>(w + p * 16, now, next);
                    const int32x4_t a = vreinterpretq_s32_s8(now), b = vreinterpretq_s32_s8(next);
                    sums[p][0] = vmmlaq_s32(sums[p][0], vreinterpretq_s8_s32(vzip1q_s32(a, b)), rows);
                    sums[p][1] = vmmlaq_s32(sums[p][1], vreinterpretq_s8_s32(vzip2q_s32(a, b)), rows);
                }
            }
            for (int p = 0; p < 4; p++) {
                add_group<INT4>(t, first, g, output + p * 4, vuzp1q_s32(sums[p][0], sums[p][1]));
                add_group<INT4>(t, first + 1, g, output + p * 4, vuzp2q_s32(sums[p][0], sums[p][1]));
            }
        }
}

template <bool INT4> static void tile_arm(const Tile &t, int rows) {
    std::memset(t.y, 0, sizeof(float) * rows * PANEL);
    int row = 0;
    if (kernel >= I8MM)
        for (; row + 2 <= rows; row += 2) tile_i8mm<INT4>(t, row);
    for (; row + 2 <= rows; row += 2) tile_dot<INT4, 2>(t, row);
    if (row < rows) tile_dot<INT4, 1>(t, row);
}
