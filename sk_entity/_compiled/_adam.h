/* Adam's updates on one kind of processor: of parameters, and of the rows of tables.

   Included before _block.h, once for each kind, with a NAME and the TARGET of the
   compiler. `LazyAdam` says what is done to rows, and does the same in torch. */

#ifndef ADAM_TYPES
#define ADAM_TYPES

#include <math.h>
#include <stdint.h>
#include <string.h>

#define TINY 1e-30f /* keeps a row that no batch has touched where it is */
#define AHEAD 12    /* rows are asked for so early: memory is slow */
#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) (void)(address)
#endif

/* Rows of a table while a batch works on them. */
typedef struct {
    int64_t width, n_cells, n_distinct;
    float *memory;        /* of each row: weight, both moments, step of the last visit */
    int32_t *slot;        /* of each row: where it may stand among the batch's */
    const int32_t *index; /* the row of each cell */
    int32_t *place;       /* of each cell: where its row stands among the batch's */
    int32_t *row;         /* the batch's rows, each once */
    float *weight, *gradient; /* of the batch's rows */
    float *reach;         /* of each step: what a gradient there has moved since, over
                             what it moved first */
    const float *decay;   /* of each number of steps: what is left of both moments */
    const float *powers;  /* of what a gradient moves, later .. sooner */
    int64_t n_powers, steps;
    float rate, share_1, share_2, keep_2, eps, late_eps; /* late: for steps that were missed */
} Rows;

/* A part of a parameter and of its state. */
typedef struct {
    int64_t n;
    float *weight;
    const float *gradient;
    float *mean, *square;
    float *step; /* NULL: the parameter is that of the part before */
    double lr, beta_1, beta_2, eps, decay;
    double rate, root; /* with the corrections of this step */
} Part;

/* Count a step, and find its rate: for all parts before any of them is updated. */
static void count_step(Part *parts, int64_t n_parts) {
    for (int64_t i = 0; i < n_parts; i++) {
        Part *p = parts + i;
        if (!p->n) continue; /* it has no gradient */
        if (p->step) {
            double step = *p->step += 1;
            p->rate = p->lr / (1 - pow(p->beta_1, step));
            p->root = sqrt(1 - pow(p->beta_2, step));
        } else {
            p->rate = p[-1].rate;
            p->root = p[-1].root;
        }
    }
}

#endif

#define update_part NAME(update_part)
#define catch_up NAME(catch_up)
#define fetch_rows NAME(fetch_rows)
#define update_rows NAME(update_rows)

TARGET static void update_part(const Part *p) {
    float *restrict weight = p->weight, *restrict mean = p->mean;
    float *restrict square = p->square;
    const float *restrict gradient = p->gradient;
    float share_1 = (float)(1 - p->beta_1), share_2 = (float)(1 - p->beta_2);
    float keep_2 = (float)p->beta_2, rate = (float)p->rate, root = (float)p->root;
    float eps = (float)p->eps, decay = (float)p->decay;
    for (int64_t i = 0; i < p->n; i++) {
        float g = gradient[i] + decay * weight[i];
        mean[i] += share_1 * (g - mean[i]);
        square[i] = keep_2 * square[i] + share_2 * g * g;
        weight[i] -= rate * mean[i] / (sqrtf(square[i]) / root + eps);
    }
}

/* Make up for the steps that a row missed: without gradients, moments only shrink. */
TARGET static inline void catch_up(const Rows *t, float *restrict weight) {
    int64_t w = t->width, last = (int64_t)weight[3 * w], missed = t->steps - last;
    float *restrict mean = weight + w, *restrict square = weight + 2 * w;
    float reach, keep_1, keep_2, eps = t->late_eps + TINY;
    if (!missed) return;
    reach = t->reach[last];
    keep_1 = t->decay[2 * missed];
    keep_2 = t->decay[2 * missed + 1];
    for (int64_t c = 0; c < w; c++) {
        weight[c] -= mean[c] * reach / (sqrtf(square[c]) + eps);
        mean[c] *= keep_1;
        square[c] *= keep_2;
    }
    weight[3 * w] = (float)t->steps;
}

/* Find the rows of a batch, bring them up to date and hand their weights out. */
TARGET static void fetch_rows(Rows *t) {
    int64_t n = 0, w = t->width, size = 3 * w + 1;
    for (int64_t i = 0; i < t->n_cells; i++) {
        int32_t row = t->index[i], place = t->slot[row];
        if (i + AHEAD < t->n_cells) PREFETCH(t->slot + t->index[i + AHEAD]);
        /* A slot may be of an earlier batch: then another row, or none, stands there. */
        if (place >= n || t->row[place] != row) {
            place = t->slot[row] = (int32_t)n;
            t->row[n++] = row;
        }
        t->place[i] = place;
    }
    t->n_distinct = n;
    for (int64_t k = 0; k < n; k++) {
        float *weight = t->memory + t->row[k] * size;
        if (k + AHEAD < n) {
            const float *later = t->memory + t->row[k + AHEAD] * size;
            for (int64_t c = 0; c < size; c += 16) PREFETCH(later + c);
            PREFETCH(later + size - 1);
        }
        catch_up(t, weight);
        memcpy(t->weight + k * w, weight, 4 * w);
    }
    memset(t->gradient, 0, 4 * n * w);
}

/* Move the rows that were fetched, by their gradients, and count the step. */
TARGET static void update_rows(Rows *t) {
    int64_t w = t->width, size = 3 * w + 1, n;
    float share_1 = t->share_1, share_2 = t->share_2, keep_2 = t->keep_2;
    float rate = t->rate, eps = t->eps;
    t->steps++;
    for (int64_t k = 0; k < t->n_distinct; k++) {
        float *restrict weight = t->memory + t->row[k] * size;
        float *restrict mean = weight + w, *restrict square = weight + 2 * w;
        const float *restrict gradient = t->gradient + k * w;
        if (k + AHEAD < t->n_distinct)
            for (int64_t c = 0; c < size; c += 16)
                PREFETCH(t->memory + t->row[k + AHEAD] * size + c);
        for (int64_t c = 0; c < w; c++) {
            float g = gradient[c];
            mean[c] += share_1 * (g - mean[c]);
            square[c] = keep_2 * square[c] + share_2 * g * g;
            weight[c] -= rate * mean[c] / (sqrtf(square[c]) + eps);
        }
        weight[3 * w] = (float)t->steps;
    }
    /* This step's move belongs to the series of all steps before it. */
    n = t->steps < t->n_powers ? t->steps : t->n_powers;
    for (int64_t i = 0; i < n; i++)
        t->reach[t->steps - n + i] += rate * t->powers[t->n_powers - n + i];
}

#undef update_part
#undef catch_up
#undef fetch_rows
#undef update_rows
