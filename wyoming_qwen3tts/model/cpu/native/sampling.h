// Drawing a code from its scores: the same rules, order and random numbers as `sampling.py`, which explains them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

struct Draw {
    int32_t greedy, top_k;
    float temperature, top_p;
};

static inline uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
}

constexpr uint64_t STRIDE = 0x9E3779B97F4A7C15;

// The Gumbel number of one id, from the key of its (seed, frame, codebook).
static inline float gumbel(uint64_t key, int id) {
    const uint64_t bits = mix(key + static_cast<uint64_t>(id) * STRIDE) >> 41;
    const float uniform = (static_cast<float>(bits) + 0.5f) * 0x1p-23f;
    return -std::log(-std::log(uniform));
}

struct Candidate {
    float score;
    int id;
};

// Everything outside top-p leaves; the best stays whatever it weighs.
static inline void keep_top_p(std::vector<Candidate> &candidates, float top_p) {
    std::stable_sort(candidates.begin(), candidates.end(), [](auto a, auto b) { return a.score < b.score; });
    double total = 0.0, below = 0.0;
    for (const auto &c : candidates) total += std::exp(static_cast<double>(c.score - candidates.back().score));
    size_t outside = 0;
    for (; outside + 1 < candidates.size(); outside++) {
        below += std::exp(static_cast<double>(candidates[outside].score - candidates.back().score)) / total;
        if (below > 1.0 - top_p) break;
    }
    candidates.erase(candidates.begin(), candidates.begin() + outside);
}

static inline int choose(const float *scores, int size, const Draw &draw, int64_t seed, int64_t counter) {
    if (draw.greedy) return static_cast<int>(std::max_element(scores, scores + size) - scores);
    float least = -INFINITY;
    std::vector<float> scaled(size);
    for (int i = 0; i < size; i++) scaled[i] = scores[i] / draw.temperature;
    if (draw.top_k > 0 && draw.top_k < size) {
        std::vector<float> order = scaled;
        std::nth_element(order.begin(), order.begin() + draw.top_k - 1, order.end(), std::greater<float>());
        least = order[draw.top_k - 1];
    }
    std::vector<Candidate> candidates;
    for (int i = 0; i < size; i++)
        if (scaled[i] >= least) candidates.push_back({scaled[i], i});
    if (draw.top_p < 1.0f && !candidates.empty()) keep_top_p(candidates, draw.top_p);
    const uint64_t key = mix(mix(static_cast<uint64_t>(seed)) + static_cast<uint64_t>(counter) * STRIDE);
    int best = 0;
    float most = -INFINITY;
    for (const auto &c : candidates) {
        const float noisy = c.score + gumbel(key, c.id);
        if (noisy > most || (noisy == most && c.id < best)) most = noisy, best = c.id;
    }
    return best;
}
