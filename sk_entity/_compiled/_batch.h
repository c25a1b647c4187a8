/* What the kernel reads and writes, and what is the same on every processor. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 8    /* of a block */
#define PADDED 16 /* widths are padded to a multiple: 64 bytes */
#define MOST_LAYERS 8

#define INLINE static inline __attribute__((always_inline))

enum { SQUARED, ABSOLUTE, HUBER, PINBALL, LOGISTIC, SOFTMAX, POISSON, GAMMA, TWEEDIE };

typedef struct {
    /* the decoder: weights (n_out, n_in) as torch has them */
    int64_t n_layers;
    int64_t size[MOST_LAYERS + 1]; /* inputs, hidden units, outputs */
    const float *matrix[MOST_LAYERS], *bias[MOST_LAYERS];
    const float *skip, *skip_bias;
    /* the loss */
    int64_t loss;
    float parameter, scale;
    const float *class_weight;
    /* the tables: rows of n_tables vectors of each column */
    int64_t n_columns, n_tables, n_coordinates;
    const int64_t *dim;           /* of each column */
    const float *const *table;    /* of each column */
    const int32_t *const *place;  /* of each column: the table's row, of each cell */
    const int32_t *const *code;   /* of each column: the code of each cell */
    const float *const *share;    /* of each column: a row's, of each code's penalty */
    const float *prior;           /* of each coordinate */
    /* the batch */
    int64_t n_rows, n_numeric;
    const float *numeric, *target, *weight, *own_weight;
    float strength;               /* of the penalty, of a row of weight one */
    int64_t n_views;              /* tables that learn from each row, not its own */
    const int32_t *own, *first;   /* the table of each row, and where learners start */
    const int32_t *part;          /* of each row */
    const uint8_t *teaches;       /* (n_parts, n_tables); NULL: all but a row's own */
    /* what comes back */
    float *output;                /* (n_rows, n_outputs) */
    float *gradient;              /* of each column: (n_rows, n_views, dim) */
    float *sums;                  /* of each part: loss, priors, then the decoder */
    int64_t n_sums;
} Batch;

INLINE int64_t padded(int64_t n) { return (n + PADDED - 1) / PADDED * PADDED; }

/* The loss of one row, its slopes for each output. */
INLINE float slopes_of(const Batch *b, int64_t n_outputs, const float *raw, float target,
                       float *slope) {
    float o = raw[0], p = b->parameter, e, low, high, a, c;
    switch (b->loss) {
    case SQUARED:
        slope[0] = o - target;
        return 0.5f * slope[0] * slope[0];
    case ABSOLUTE:
        e = o - target;
        slope[0] = (float)((e > 0) - (e < 0));
        return fabsf(e);
    case HUBER:
        e = o - target;
        a = fabsf(e);
        slope[0] = (a <= p ? e : (e > 0 ? p : -p)) * b->scale;
        return (a <= p ? 0.5f * e * e : p * (a - 0.5f * p)) * b->scale;
    case PINBALL:
        e = target - o;
        /* At zero both sides count by half, as autograd's maximum has it. */
        slope[0] = -(e > 0 ? 2 * p : e < 0 ? 2 * (p - 1) : 2 * p - 1);
        return 2 * (e > 0 ? p * e : (p - 1) * e);
    case LOGISTIC:
        a = expf(-fabsf(o));
        slope[0] = (o >= 0 ? 1 : a) / (1 + a) - target;
        e = (o > 0 ? o : 0) - o * target + log1pf(a);
        if (b->class_weight) {
            c = b->class_weight[(int64_t)target];
            slope[0] *= c;
            e *= c;
        }
        return e;
    case SOFTMAX: {
        float most = raw[0], total = 0;
        int64_t own = (int64_t)target;
        for (int64_t k = 1; k < n_outputs; k++) most = raw[k] > most ? raw[k] : most;
        for (int64_t k = 0; k < n_outputs; k++) total += slope[k] = expf(raw[k] - most);
        c = b->class_weight ? b->class_weight[own] : 1;
        for (int64_t k = 0; k < n_outputs; k++)
            slope[k] = c * (slope[k] / total - (k == own));
        return c * (logf(total) + most - raw[own]);
    }
    case POISSON:
        a = expf(o);
        slope[0] = (a - target) * b->scale;
        return (a - target * o) * b->scale;
    case GAMMA:
        a = target * expf(-o);
        slope[0] = (1 - a) * b->scale;
        return (a + o) * b->scale;
    default: /* TWEEDIE */
        low = 1 - p;
        high = 2 - p;
        a = expf(high * o);
        c = target * expf(low * o);
        slope[0] = (a - c) * b->scale;
        return (a / high - c / low) * b->scale;
    }
}

/* What one part works with, in the order in which it lies in memory. */
typedef struct {
    int64_t width[MOST_LAYERS + 1]; /* padded sizes */
    float *forward[MOST_LAYERS];    /* weights (n_in, padded n_out) */
    float *backward[MOST_LAYERS];   /* weights (n_out, padded n_in) */
    float *bias[MOST_LAYERS];
    float *skip_forward, *skip_backward;
    float *of_weight[MOST_LAYERS];  /* gradients (n_out, padded n_in) */
    float *of_skip, *of_bias[MOST_LAYERS];
    float *hidden[MOST_LAYERS + 1]; /* of a block: inputs of each layer, then outputs */
    float *slope[MOST_LAYERS + 1];  /* of a block: gradients of the same */
} Scratch;

static int64_t lay_out(const Batch *b, Scratch *s, float *memory) {
    int64_t n = 0, L = b->n_layers, n_out = b->size[L];
#define TAKE(pointer, count) \
    do { (pointer) = memory ? memory + n : NULL; n += padded(count); } while (0)
    for (int64_t i = 0; i <= L; i++) s->width[i] = padded(b->size[i]);
    for (int64_t i = 0; i < L; i++) {
        TAKE(s->forward[i], b->size[i] * s->width[i + 1]);
        TAKE(s->backward[i], b->size[i + 1] * s->width[i]);
        TAKE(s->bias[i], s->width[i + 1]);
        TAKE(s->of_weight[i], b->size[i + 1] * s->width[i]);
        TAKE(s->of_bias[i], s->width[i + 1]);
    }
    TAKE(s->skip_forward, b->size[0] * s->width[L]);
    TAKE(s->skip_backward, n_out * s->width[0]);
    TAKE(s->of_skip, n_out * s->width[0]);
    for (int64_t i = 0; i <= L; i++) {
        TAKE(s->hidden[i], ROWS * s->width[i]);
        TAKE(s->slope[i], ROWS * s->width[i]);
    }
#undef TAKE
    return n;
}

/* Write a matrix (n, m) as (m, padded n) and as (n, padded m). */
INLINE void pack(const float *w, int64_t n, int64_t m, float *across, float *along) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < m; k++) {
            across[k * padded(n) + i] = w[i * m + k];
            along[i * padded(m) + k] = w[i * m + k];
        }
}

INLINE void prepare(const Batch *b, Scratch *s) {
    int64_t L = b->n_layers, n_out = b->size[L];
    for (int64_t i = 0; i < L; i++) {
        pack(b->matrix[i], b->size[i + 1], b->size[i], s->forward[i], s->backward[i]);
        memcpy(s->bias[i], b->bias[i], 4 * b->size[i + 1]);
    }
    for (int64_t o = 0; o < n_out; o++)
        if (b->skip_bias) s->bias[L - 1][o] += b->skip_bias[o];
    pack(b->skip, n_out, b->size[0], s->skip_forward, s->skip_backward);
}

/* The table that learns from a row in some step: neighbours in a ring without its own.
   Divisions would take longer than all else that is done for a row and a column. */
INLINE int64_t learner(const Batch *b, int64_t row, int64_t step) {
    int64_t n_folds = b->n_tables - 1, turn = b->first[row] + step, t;
    if (turn >= n_folds) turn -= n_folds;
    t = b->own[row] + 1 + turn;
    return t >= b->n_tables ? t - b->n_tables : t;
}

/* Whether a table learns from a row. */
INLINE int may_learn(const Batch *b, int64_t row, int64_t table) {
    return !b->teaches || b->teaches[b->part[row] * b->n_tables + table];
}
