// Talker and code predictor on a CPU: whole passes through a stack of layers, and whole frames of the predictor, in one
// call. The arithmetic is that of `layers.py` in float32, with matrices in int8 or int4 (`int8.h`).

#include "context.h"
#include "sampling.h"

struct Layer {
    Matrix qkv, out, gate_up, down;  // gate_up: panels of 32 gates and their 32 ups
    const float *attention_norm, *mlp_norm, *qk_norm;
};

struct Stack {
    const Layer *layers;
    const float *norm, *inverse_frequencies;
    int32_t count, hidden, inner, heads, kv_heads, head_dim;
    float eps;
};

// Keys and values [layers, rows, kv_heads, positions, head_dim] with the strides, in elements, of the first three.
struct Cache {
    void *keys, *values;
    int64_t layer, row, head;
    int32_t is_bfloat16;
};

struct Predictor {
    Stack stack;
    Matrix projection;  // from the talker's width; without weights: the widths are equal
    const Matrix *heads;
    const void *const *embeddings;  // [codebooks][vocab, talker_hidden]
    int32_t codebooks, vocab, talker_hidden, is_bfloat16;
};

// The inputs of one pass: where in the cache each of them is.
struct Places {
    int count;
    const int32_t *rows;
    const int64_t *positions;
    bool is_run;  // some see others of the same pass
};

static float inverse_rms(const float *x, int size, float eps) {
    float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
    for (int i = 0; i < size; i++) squares += x[i] * x[i];
    return 1.0f / std::sqrt(squares / static_cast<float>(size) + eps);
}

static void normalise(const float *x, const float *weight, int size, float eps, float *y) {
    const float scale = inverse_rms(x, size, eps);
    for (int i = 0; i < size; i++) y[i] = weight[i] * (x[i] * scale);
}

static void round_one(const Rounded &into, int row, const float *x, int inputs) {
    const int groups = inputs / GROUP;
    round_row(x, inputs, into.values + static_cast<size_t>(row) * inputs, into.sums + row * groups,
              into.scales + row * groups);
}

// Norm and round: what stands before every matrix that reads the stream of a layer.
static Rounded normed(Context &c, const float *x, const float *weight, const Stack &s, int rows) {
    const int inputs = padded(s.hidden);
    const Rounded rounded = c.rounded(rows, inputs);
    c.pool.run(rows, [&](int row) {
        thread_local std::vector<float> y;
        y.assign(inputs, 0.0f);
        normalise(x + static_cast<size_t>(row) * s.hidden, weight, s.hidden, s.eps, y.data());
        round_one(rounded, row, y.data(), inputs);
    });
    return rounded;
}

static Rounded rounded(Context &c, const float *x, int rows, int inputs) {
    const Rounded into = c.rounded(rows, inputs);
    c.pool.run(rows, [&](int row) { round_one(into, row, x + static_cast<size_t>(row) * inputs, inputs); });
    return into;
}

// y[row] = or += x[row] times the matrix.
static void multiply(Context &c, const Matrix &m, const Rounded &x, int rows, float *y, int width, bool add) {
    c.pool.run(m.panels(), [&](int panel) {
        multiply_panel(m, x, rows, panel, [&](int row, int first, const float *part) {
            float *out = y + static_cast<size_t>(row) * width + first;
            const int some = std::min(PANEL, m.outputs - first);
            for (int o = 0; o < some; o++) out[o] = add ? out[o] + part[o] : part[o];
        });
    });
}

static void multiply_gated(Context &c, const Matrix &m, const Rounded &x, int rows, float *y, int width) {
    c.pool.run(m.panels(), [&](int panel) {
        multiply_panel(m, x, rows, panel, [&](int row, int first, const float *part) {
            float *out = y + static_cast<size_t>(row) * width + first / 2;
            for (int o = 0; o < PANEL / 2; o++)
                out[o] = part[o] / (1.0f + exponential(-part[o])) * part[o + PANEL / 2];
        });
    });
}

template <class T> static inline float read(T value) { return value; }
template <> inline float read(uint16_t value) { return from_bfloat16(value); }
template <class T> static inline T written(float value) { return value; }
template <> inline uint16_t written(float value) { return to_bfloat16(value); }

// Norm of one head, then rotation: dimension i turns with i + head_dim / 2.
static void turn(const Stack &s, const float *weight, const float *turns, float *x) {
    const int half = s.head_dim / 2;
    const float scale = inverse_rms(x, s.head_dim, s.eps);
    for (int i = 0; i < half; i++) {
        const float low = weight[i] * (x[i] * scale), high = weight[i + half] * (x[i + half] * scale);
        x[i] = low * turns[i] - high * turns[half + i];
        x[i + half] = high * turns[i] + low * turns[half + i];
    }
}

// Softmax over all positions up to its own, for the queries that share one key head.
template <class T>
static void attend(const Stack &s, const float *queries, const T *keys, const T *values, int64_t seen, float *y) {
    thread_local std::vector<float> weights;
    const int group = s.heads / s.kv_heads, size = s.head_dim;
    const float scale = 1.0f / std::sqrt(static_cast<float>(size));
    weights.resize(seen);
    for (int q = 0; q < group; q++) {
        const float *query = queries + q * size;
        float most = -INFINITY, total = 0.0f;
        for (int64_t at = 0; at < seen; at++) {
            const T *key = keys + at * size;
            float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
            for (int i = 0; i < size; i++) sum += query[i] * read(key[i]);
            weights[at] = sum * scale;
            most = std::fmax(most, weights[at]);
        }
        float *out = y + q * size;
        std::memset(out, 0, sizeof(float) * size);
        for (int64_t at = 0; at < seen; at++) {
            const float weight = exponential(weights[at] - most);
            const T *value = values + at * size;
            total += weight;
            for (int i = 0; i < size; i++) out[i] += weight * read(value[i]);
        }
        for (int i = 0; i < size; i++) out[i] /= total;
    }
}

template <class T>
static void attention(Context &c, const Stack &s, const Layer &layer, int index, const Places &places,
                      const Cache &cache, float *qkv, const float *turns, float *y) {
    const int group = s.heads / s.kv_heads, size = s.head_dim, width = (s.heads + 2 * s.kv_heads) * size;
    const int out_width = padded(s.heads * size);
    auto line = [&](void *base, int input, int head) {
        return static_cast<T *>(base) + index * cache.layer + places.rows[input] * cache.row + head * cache.head;
    };
    auto remember = [&](int input, int head) {
        float *mine = qkv + static_cast<size_t>(input) * width;
        float *key = mine + (s.heads + head) * size;
        const float *value = mine + (s.heads + s.kv_heads + head) * size, *angles = turns + input * size;
        for (int q = head * group; q < (head + 1) * group; q++)
            turn(s, layer.qk_norm + q * size, angles, mine + q * size);
        turn(s, layer.qk_norm + (s.heads + head) * size, angles, key);
        T *keys = line(cache.keys, input, head) + places.positions[input] * size;
        T *values = line(cache.values, input, head) + places.positions[input] * size;
        for (int i = 0; i < size; i++) keys[i] = written<T>(key[i]), values[i] = written<T>(value[i]);
    };
    auto look = [&](int input, int head) {
        attend(s, qkv + static_cast<size_t>(input) * width + head * group * size, line(cache.keys, input, head),
               line(cache.values, input, head), places.positions[input] + 1,
               y + static_cast<size_t>(input) * out_width + head * group * size);
    };
    const int tasks = places.count * s.kv_heads;
    if (places.is_run) {
        c.pool.run(tasks, [&](int task) { remember(task / s.kv_heads, task % s.kv_heads); });
        c.pool.run(tasks, [&](int task) { look(task / s.kv_heads, task % s.kv_heads); });
    } else {
        c.pool.run(tasks, [&](int task) {
            remember(task / s.kv_heads, task % s.kv_heads);
            look(task / s.kv_heads, task % s.kv_heads);
        });
    }
}

// All layers: x [count, hidden] becomes what stands before the final norm.
static void run_stack(Context &c, const Stack &s, const Places &places, const Cache &cache, float *x) {
    const int rows = places.count, width = (s.heads + 2 * s.kv_heads) * s.head_dim;
    const int attended_width = padded(s.heads * s.head_dim), inner_width = padded(s.inner), half = s.head_dim / 2;
    float *qkv = c.wide.of(static_cast<size_t>(rows) * width);
    float *attended = c.attended.of(static_cast<size_t>(rows) * attended_width);
    float *inner = c.inner.of(static_cast<size_t>(rows) * inner_width);
    float *turns = c.turns.of(static_cast<size_t>(rows) * s.head_dim);
    std::memset(attended, 0, sizeof(float) * rows * attended_width);
    std::memset(inner, 0, sizeof(float) * rows * inner_width);
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < half; i++) {
            const float angle = static_cast<float>(places.positions[row]) * s.inverse_frequencies[i];
            turns[row * s.head_dim + i] = std::cos(angle);
            turns[row * s.head_dim + half + i] = std::sin(angle);
        }
    for (int index = 0; index < s.count; index++) {
        const Layer &layer = s.layers[index];
        multiply(c, layer.qkv, normed(c, x, layer.attention_norm, s, rows), rows, qkv, width, false);
        if (cache.is_bfloat16) attention<uint16_t>(c, s, layer, index, places, cache, qkv, turns, attended);
        else attention<float>(c, s, layer, index, places, cache, qkv, turns, attended);
        multiply(c, layer.out, rounded(c, attended, rows, attended_width), rows, x, s.hidden, true);
        multiply_gated(c, layer.gate_up, normed(c, x, layer.mlp_norm, s, rows), rows, inner, inner_width);
        multiply(c, layer.down, rounded(c, inner, rows, inner_width), rows, x, s.hidden, true);
    }
}

// x [rows, outputs] of the matrix, for rows that are not padded.
static void project(Context &c, const Matrix &m, const float *x, int rows, int width, float *y) {
    const Rounded into = c.rounded(rows, m.inputs);
    std::vector<float> line(m.inputs, 0.0f);
    for (int row = 0; row < rows; row++) {
        std::memcpy(line.data(), x + static_cast<size_t>(row) * width, sizeof(float) * width);
        round_one(into, row, line.data(), m.inputs);
    }
    multiply(c, m, into, rows, y, m.outputs, false);
}

static void add_row(const Predictor &p, int book, int64_t code, float *row, float *sum) {
    const size_t at = static_cast<size_t>(code) * p.talker_hidden;
    const auto *halves = static_cast<const uint16_t *>(p.embeddings[book]) + at;
    const auto *floats = static_cast<const float *>(p.embeddings[book]) + at;
    for (int i = 0; i < p.talker_hidden; i++) {
        row[i] = p.is_bfloat16 ? from_bfloat16(halves[i]) : floats[i];
        sum[i] += row[i];
    }
}

extern "C" {

Context *qwen3tts_open(int threads) { return new Context(threads < 1 ? 1 : threads); }

void qwen3tts_close(Context *context) { delete context; }

// The instructions in use, a number of `Kernel`; after a wish from 0 on. Asking for more than the processor has gives
// what it has.
int qwen3tts_kernel(int wish) {
    if (wish >= 0) kernel = at_most(wish);
    return kernel;
}

// [rows, width] float32 times the matrix: [rows, outputs].
void qwen3tts_multiply(Context *c, const Matrix *m, const float *x, int rows, int width, float *y) {
    const std::lock_guard<std::mutex> alone(c->busy);
    project(*c, *m, x, rows, width, y);
}

// x [count, hidden] through all layers and the final norm, in place.
void qwen3tts_stack(Context *c, const Stack *s, const Cache *cache, const int32_t *rows, const int64_t *positions,
                    int count, int is_run, float *x) {
    const std::lock_guard<std::mutex> alone(c->busy);
    run_stack(*c, *s, {count, rows, positions, is_run != 0}, *cache, x);
    c->pool.run(count, [&](int row) {
        float *mine = x + static_cast<size_t>(row) * s->hidden;
        normalise(mine, s->norm, s->hidden, s->eps, mine);
    });
}

int qwen3tts_choose(const float *scores, int size, const Draw *draw, int64_t seed, int64_t counter) {
    return choose(scores, size, *draw, seed, counter);
}

// One frame of `batch` rows: from the talker's states and the embeddings of code 0, both [batch, talker_hidden], the
// other codes [batch, codebooks] and the sum of all embeddings [batch, talker_hidden]. `counters` [batch] is the random
// counter of each row's frame, to which the number of the codebook is added.
void qwen3tts_predict(Context *c, const Predictor *p, int batch, const float *hidden, const float *embedding,
                      const Draw *draw, const int64_t *seeds, const int64_t *counters, int64_t *codes, float *sum) {
    const std::lock_guard<std::mutex> alone(c->busy);
    const Stack &s = p->stack;
    const int wide = p->talker_hidden, positions = p->codebooks + 1;
    const int64_t head = static_cast<int64_t>(positions) * s.head_dim, row = head * s.kv_heads, layer = row * batch;
    const size_t room = static_cast<size_t>(layer) * s.count;
    const Cache cache{c->keys.of(room), c->cached_values.of(room), layer, row, head, 0};
    float *states = c->states.of(static_cast<size_t>(2 * batch) * (wide + s.hidden));
    float *x = states + static_cast<size_t>(2 * batch) * wide;
    float *logits = c->logits.of(static_cast<size_t>(batch) * p->vocab);
    int32_t *rows = c->places.of(2 * batch);
    int64_t *at = c->positions.of(2 * batch);
    for (int b = 0; b < batch; b++) {  // first all states, then all embeddings of code 0
        rows[b] = rows[batch + b] = b;
        at[b] = 0;
        at[batch + b] = 1;
    }
    std::memcpy(states, hidden, sizeof(float) * batch * wide);
    std::memcpy(states + static_cast<size_t>(batch) * wide, embedding, sizeof(float) * batch * wide);
    std::memcpy(sum, embedding, sizeof(float) * batch * wide);
    for (int book = 0; book < p->codebooks; book++) {
        const int count = book == 0 ? 2 * batch : batch;
        if (p->projection.weights) project(*c, p->projection, states, count, wide, x);
        else std::memcpy(x, states, sizeof(float) * count * wide);
        run_stack(*c, s, {count, rows, at, book == 0}, cache, x);
        const float *last = x + static_cast<size_t>(count - batch) * s.hidden;
        multiply(*c, p->heads[book], normed(*c, last, s.norm, s, batch), batch, logits, p->vocab, false);
        c->pool.run(batch, [&](int b) {
            const int code = choose(logits + static_cast<size_t>(b) * p->vocab, p->vocab, *draw, seeds[b],
                                    counters[b] + book + 1);
            codes[static_cast<int64_t>(b) * p->codebooks + book] = code;
            add_row(*p, book, code, states + static_cast<size_t>(b) * wide, sum + static_cast<size_t>(b) * wide);
            at[b] = book + 2;
        });
    }
}
}
