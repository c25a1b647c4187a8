/* One part of a batch through our decoder and back, for sk_entity._learning.kernel.

   Rows go through in blocks of 8, which stay in the processor's cache: their vectors
   are read from the tables, decoded, and the gradients go back. Parts write to places
   of their own; nothing here knows how many threads there are. All numbers are float32
   and all matrices lie row by row. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 8   /* of a block */
#define LANES 16 /* of a vector; widths are padded to a multiple */
#define MOST_LAYERS 8

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && \
    !defined(__clang__) && __GNUC__ >= 12
#define FOR_EACH_PROCESSOR \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
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
    const float *numeric, *target, *weight, *own_weight, *strength;
    int64_t n_views;              /* tables that learn from each row, not its own */
    const int32_t *own, *first;   /* the table of each row, and where learners start */
    /* what comes back */
    float *output;                /* (n_rows, n_outputs) */
    float *gradient;              /* (n_rows, n_tables, n_coordinates) */
    float *sums;                  /* of each part: loss, priors, then the decoder */
    int64_t n_sums;
} Batch;

INLINE int64_t padded(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

/* c (8, n) = a (8, n_k) @ b (n_k, n) + start; n is padded. */
INLINE void multiply(const float *a, int64_t lda, const float *b, int64_t n_k, int64_t n,
                     const float *start, float *c) {
    int64_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES) {
        lanes s[ROWS][2];
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < 2; v++)
                s[r][v] = start ? *(const lanes *)(start + j + v * LANES) : (lanes){0};
        for (int64_t k = 0; k < n_k; k++) {
            lanes b0 = *(const lanes *)(b + k * n + j);
            lanes b1 = *(const lanes *)(b + k * n + j + LANES);
            for (int r = 0; r < ROWS; r++) {
                s[r][0] += a[r * lda + k] * b0;
                s[r][1] += a[r * lda + k] * b1;
            }
        }
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < 2; v++)
                *(lanes *)(c + r * n + j + v * LANES) = s[r][v];
    }
    for (; j < n; j += LANES) {
        lanes s[ROWS];
        for (int r = 0; r < ROWS; r++)
            s[r] = start ? *(const lanes *)(start + j) : (lanes){0};
        for (int64_t k = 0; k < n_k; k++) {
            lanes b0 = *(const lanes *)(b + k * n + j);
            for (int r = 0; r < ROWS; r++) s[r] += a[r * lda + k] * b0;
        }
        for (int r = 0; r < ROWS; r++) *(lanes *)(c + r * n + j) = s[r];
    }
}

/* c (n_out, n) += g (8, n_out).T @ x (8, n); n is padded. */
INLINE void multiply_across(const float *g, int64_t ldg, int64_t n_out, const float *x,
                            int64_t n, float *c) {
    for (int64_t j = 0; j < n; j += LANES) {
        lanes b[ROWS];
        for (int r = 0; r < ROWS; r++) b[r] = *(const lanes *)(x + r * n + j);
        for (int64_t k = 0; k < n_out; k++) {
            lanes s = *(lanes *)(c + k * n + j);
            for (int r = 0; r < ROWS; r++) s += g[r * ldg + k] * b[r];
            *(lanes *)(c + k * n + j) = s;
        }
    }
}

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

INLINE void go_forward(const Batch *b, Scratch *s) {
    int64_t L = b->n_layers, n_out = s->width[L];
    for (int64_t i = 0; i < L; i++) {
        multiply(s->hidden[i], s->width[i], s->forward[i], b->size[i], s->width[i + 1],
                 s->bias[i], s->hidden[i + 1]);
        if (i < L - 1)
            for (int64_t k = 0; k < ROWS * s->width[i + 1]; k++)
                s->hidden[i + 1][k] = s->hidden[i + 1][k] > 0 ? s->hidden[i + 1][k] : 0;
    }
    multiply(s->hidden[0], s->width[0], s->skip_forward, b->size[0], n_out, NULL,
             s->slope[L]);
    for (int64_t k = 0; k < ROWS * n_out; k++) s->hidden[L][k] += s->slope[L][k];
}

/* From the slopes of the outputs to those of the inputs, which are left in slope[0]. */
INLINE void go_backward(const Batch *b, Scratch *s, int learns) {
    int64_t L = b->n_layers, n_out = b->size[L], w = s->width[0];
    if (learns)
        multiply_across(s->slope[L], s->width[L], n_out, s->hidden[0], w, s->of_skip);
    for (int64_t i = L - 1; i >= 0; i--) {
        float *g = s->slope[i + 1], *into = s->slope[i];
        int64_t m = s->width[i + 1];
        if (learns) {
            multiply_across(g, m, b->size[i + 1], s->hidden[i], s->width[i],
                            s->of_weight[i]);
            for (int r = 0; r < ROWS; r++)
                for (int64_t k = 0; k < m; k++) s->of_bias[i][k] += g[r * m + k];
        }
        multiply(g, m, s->backward[i], b->size[i + 1], s->width[i], NULL, into);
        if (i)
            for (int64_t k = 0; k < ROWS * s->width[i]; k++)
                into[k] = s->hidden[i][k] > 0 ? into[k] : 0;
    }
    /* What the skip sends back is added where the first layer's stands. */
    for (int r = 0; r < ROWS; r++)
        for (int64_t o = 0; o < n_out; o++) {
            float g = s->slope[L][r * s->width[L] + o];
            for (int64_t k = 0; k < w; k++)
                s->slope[0][r * w + k] += g * s->skip_backward[o * w + k];
        }
}

/* Put the vectors of each row in one table, and its numbers, where the decoder reads. */
INLINE void put_inputs(const Batch *b, Scratch *s, int64_t start, int n,
                       const int32_t *table) { /* of each row of the block */
    int64_t w = s->width[0], d = b->n_coordinates, first = 0;
    for (int64_t j = 0; j < b->n_columns; j++) {
        int64_t dim = b->dim[j], size = b->n_tables * dim;
        for (int r = 0; r < n; r++) {
            const float *row = b->table[j] + b->place[j][start + r] * size;
            float *x = s->hidden[0] + r * w + first;
            row += table[r] * dim;
            for (int64_t c = 0; c < dim; c++) x[c] = row[c] + b->prior[first + c];
        }
        first += dim;
    }
    for (int r = 0; r < n; r++)
        memcpy(s->hidden[0] + r * w + d, b->numeric + (start + r) * b->n_numeric,
               4 * b->n_numeric);
}

/* The table that learns from a row in some step: neighbours in a ring without its own.
   Divisions would take longer than all else that is done for a row and a column. */
INLINE int64_t learner(const Batch *b, int64_t row, int64_t step) {
    int64_t n_folds = b->n_tables - 1, turn = b->first[row] + step, t;
    if (turn >= n_folds) turn -= n_folds;
    t = b->own[row] + 1 + turn;
    return t >= b->n_tables ? t - b->n_tables : t;
}

/* Set the slopes of a block's outputs; return the sum of the losses. */
INLINE float set_slopes(const Batch *b, Scratch *s, int64_t start, int n,
                        const float *weight, float scale) {
    int64_t L = b->n_layers, n_out = b->size[L], m = s->width[L];
    float sum = 0;
    memset(s->slope[L], 0, 4 * ROWS * m);
    for (int r = 0; r < n; r++) {
        float *g = s->slope[L] + r * m, by = weight[start + r] * scale;
        sum += by * slopes_of(b, n_out, s->hidden[L] + r * m, b->target[start + r], g);
        for (int64_t o = 0; o < n_out; o++) g[o] *= by;
    }
    return sum;
}

FOR_EACH_PROCESSOR
static void run_block(const Batch *b, Scratch *s, int64_t start, int n, float *sums) {
    int64_t L = b->n_layers, n_out = b->size[L], m = s->width[L], w = s->width[0];
    int64_t d = b->n_coordinates, T = b->n_tables;
    int32_t table[ROWS] = {0};
    if (n < ROWS) memset(s->hidden[0], 0, 4 * ROWS * w);
    /* The decoder learns from tables that have not seen the rows ... */
    put_inputs(b, s, start, n, b->own + start);
    go_forward(b, s);
    for (int r = 0; r < n; r++)
        memcpy(b->output + (start + r) * n_out, s->hidden[L] + r * m, 4 * n_out);
    sums[0] += set_slopes(b, s, start, n, b->own_weight, 1.0f / (float)b->n_rows);
    go_backward(b, s, 1);
    for (int r = 0; r < n; r++) {
        float *into = b->gradient + (start + r) * T * d;
        for (int64_t c = 0; c < d; c++) sums[1 + c] += s->slope[0][r * w + c];
        memset(into, 0, 4 * T * d);
        if (T == 1) memcpy(into, s->slope[0] + r * w, 4 * d);
    }
    /* ... and tables that may see them from a decoder that stands still. */
    for (int64_t step = 0; step < b->n_views; step++) {
        for (int r = 0; r < n; r++) table[r] = (int32_t)learner(b, start + r, step);
        put_inputs(b, s, start, n, table);
        go_forward(b, s);
        set_slopes(b, s, start, n, b->weight, 1.0f / (float)(b->n_rows * b->n_views));
        go_backward(b, s, 0);
        for (int r = 0; r < n; r++)
            memcpy(b->gradient + ((start + r) * T + table[r]) * d, s->slope[0] + r * w,
                   4 * d);
    }
}

/* Rows first .. last of a batch. Returns 0, or 1 without memory. */
static int run_part(const Batch *b, int64_t part, int64_t first, int64_t last) {
    Scratch s;
    int64_t L = b->n_layers, d = b->n_coordinates, n = lay_out(b, &s, NULL);
    float *memory = calloc(n + LANES, 4), *sums = b->sums + part * b->n_sums;
    if (!memory) return 1;
    float *aligned = (float *)(((uintptr_t)memory + 4 * LANES - 1) / (4 * LANES) *
                               (4 * LANES));
    lay_out(b, &s, aligned);
    prepare(b, &s);
    memset(sums, 0, 4 * b->n_sums);
    for (int64_t start = first; start < last; start += ROWS)
        run_block(b, &s, start, (int)(last - start < ROWS ? last - start : ROWS), sums);
    float *out = sums + 1 + d;
    for (int64_t i = 0; i < L; i++)
        for (int64_t k = 0; k < b->size[i + 1]; k++, out += b->size[i])
            memcpy(out, s.of_weight[i] + k * s.width[i], 4 * b->size[i]);
    for (int64_t i = 0; i < L; i++, out += b->size[i])
        memcpy(out, s.of_bias[i], 4 * b->size[i + 1]);
    for (int64_t o = 0; o < b->size[L]; o++, out += b->size[0])
        memcpy(out, s.of_skip + o * s.width[0], 4 * b->size[0]);
    free(memory);
    return 0;
}

/* Add the gradients of one column, and the penalty's, to those of its table. */
FOR_EACH_PROCESSOR
static void add_column(const Batch *b, int64_t j, float *into) {
    int64_t T = b->n_tables, d = b->n_coordinates, dim = b->dim[j], start = 0;
    int64_t n_views = T > 1 ? b->n_views : 1;
    for (int64_t i = 0; i < j; i++) start += b->dim[i];
    for (int64_t row = 0; row < b->n_rows; row++) {
        float share = b->share[j][b->code[j][row]];
        float penalty = share * b->strength[row] / (float)n_views;
        int64_t place = (int64_t)b->place[j][row] * T * dim;
        if (share <= 0) continue; /* unknown, or not to be learned */
        for (int64_t step = 0; step < n_views; step++) {
            int64_t t = T > 1 ? learner(b, row, step) : 0;
            const float *g = b->gradient + (row * T + t) * d + start;
            for (int64_t c = 0; c < dim; c++) {
                int64_t k = place + t * dim + c;
                into[k] += g[c] + penalty * b->table[j][k];
            }
        }
    }
}

static PyObject *part(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[4];
    int failed = 0;
    if (n != 4) return PyErr_SetString(PyExc_TypeError, "part takes 4 numbers"), NULL;
    for (int i = 0; i < 4; i++) a[i] = PyLong_AsLongLong(given[i]);
    if (PyErr_Occurred()) return NULL;
    Py_BEGIN_ALLOW_THREADS failed = run_part((const Batch *)a[0], a[1], a[2], a[3]);
    Py_END_ALLOW_THREADS if (failed) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *column(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[3];
    if (n != 3) return PyErr_SetString(PyExc_TypeError, "column takes 3 numbers"), NULL;
    for (int i = 0; i < 3; i++) a[i] = PyLong_AsLongLong(given[i]);
    if (PyErr_Occurred()) return NULL;
    Py_BEGIN_ALLOW_THREADS add_column((const Batch *)a[0], a[1], (float *)a[2]);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"part", (PyCFunction)(void (*)(void))part, METH_FASTCALL,
     "part(batch, number, first, last): pass rows of a batch."},
    {"column", (PyCFunction)(void (*)(void))column, METH_FASTCALL,
     "column(batch, number, gradient): add what a column's rows teach its table."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_kernel",
                                    "Parts of a batch, through the decoder and back.", 0,
                                    methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModule_Create(&module); }
