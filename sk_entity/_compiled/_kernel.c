/* Parts of a batch through our decoder and back, and Adam's updates, for sk_entity.

   Rows go through in blocks of 8, which stay in the processor's cache: their vectors
   are read from the tables, decoded, and the gradients go back. Parts write to places
   of their own; nothing here knows how many threads there are. All numbers are float32
   and all matrices lie row by row. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_batch.h"

#define TARGET
#define LANES 4
#if defined(__aarch64__)
#define TILE 4
#else
#define TILE 2
#endif
#define VECTORS 4
#define NAME(name) name##_any
#include "_adam.h"
#include "_block.h"

#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 12)
#define X86_LEVELS

#define TARGET __attribute__((target("arch=x86-64-v3")))
#define LANES 8
#define TILE 2
#define VECTORS 4
#define NAME(name) name##_v3
#include "_adam.h"
#include "_block.h"

#define TARGET __attribute__((target("arch=x86-64-v4")))
#define LANES 16
#define TILE 8
#define VECTORS 2
#define NAME(name) name##_v4
#include "_adam.h"
#include "_block.h"
#endif

/* What is compiled for each kind of processor, and the kind that this one is. */
typedef struct {
    void (*run_block)(const Batch *, Scratch *, int64_t, int, float *);
    void (*predict_block)(const Batch *, Scratch *, int64_t, int);
    void (*add_column)(const Batch *, int64_t, float *);
    void (*update_part)(const Part *);
    void (*fetch_rows)(Rows *);
    void (*update_rows)(Rows *);
} Kind;

#define KIND(name)                                                                      \
    {run_block_##name,   predict_block_##name, add_column_##name,                       \
     update_part_##name, fetch_rows_##name,    update_rows_##name}

static Kind here = KIND(any);

static void find_kind(void) {
#ifdef X86_LEVELS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4"))
        here = (Kind)KIND(v4);
    else if (__builtin_cpu_supports("x86-64-v3"))
        here = (Kind)KIND(v3);
#endif
}

/* Lay out what a part works with; return the memory to free, or NULL. */
static float *make_scratch(const Batch *b, Scratch *s) {
    float *memory = calloc(lay_out(b, s, NULL) + PADDED, 4);
    if (!memory) return NULL;
    uintptr_t line = 4 * PADDED;
    lay_out(b, s, (float *)(((uintptr_t)memory + line - 1) / line * line));
    prepare(b, s);
    return memory;
}

/* Rows first .. last of a batch. Returns 0, or 1 without memory. */
static int run_part(const Batch *b, int64_t part, int64_t first, int64_t last) {
    Scratch s;
    int64_t L = b->n_layers;
    float *memory = make_scratch(b, &s), *sums = b->sums + part * b->n_sums;
    if (!memory) return 1;
    memset(sums, 0, 4 * b->n_sums);
    for (int64_t start = first; start < last; start += ROWS)
        here.run_block(b, &s, start, (int)(last - start < ROWS ? last - start : ROWS),
                       sums);
    float *out = sums + 1 + b->n_coordinates;
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

/* The outputs of rows first .. last, whose inputs are all numbers. */
static int predict_part(const Batch *b, int64_t first, int64_t last) {
    Scratch s;
    float *memory = make_scratch(b, &s);
    if (!memory) return 1;
    for (int64_t start = first; start < last; start += ROWS)
        here.predict_block(b, &s, start, (int)(last - start < ROWS ? last - start : ROWS));
    free(memory);
    return 0;
}

/* Add up what the parts left, in their order. */
static void join_parts(const Batch *b, int64_t n_parts, float *total) {
    memcpy(total, b->sums, 4 * b->n_sums);
    for (int64_t i = 1; i < n_parts; i++)
        for (int64_t k = 0; k < b->n_sums; k++) total[k] += b->sums[i * b->n_sums + k];
}

/* Read the numbers that a function was called with; -1 and an error if it cannot. */
static int read_numbers(const char *name, PyObject *const *given, Py_ssize_t n,
                        int64_t *into, int n_expected) {
    if (n != n_expected) {
        PyErr_Format(PyExc_TypeError, "%s takes %d numbers", name, n_expected);
        return -1;
    }
    for (int i = 0; i < n_expected; i++) into[i] = PyLong_AsLongLong(given[i]);
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *part(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[4];
    int failed = 0;
    if (read_numbers("part", given, n, a, 4)) return NULL;
    Py_BEGIN_ALLOW_THREADS failed = run_part((const Batch *)a[0], a[1], a[2], a[3]);
    Py_END_ALLOW_THREADS if (failed) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *predict(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[3];
    int failed = 0;
    if (read_numbers("predict", given, n, a, 3)) return NULL;
    Py_BEGIN_ALLOW_THREADS failed = predict_part((const Batch *)a[0], a[1], a[2]);
    Py_END_ALLOW_THREADS if (failed) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *column(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[4];
    if (read_numbers("column", given, n, a, 4)) return NULL;
    Py_BEGIN_ALLOW_THREADS memset((float *)a[2], 0, 4 * a[3]);
    here.add_column((const Batch *)a[0], a[1], (float *)a[2]);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyObject *join(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[3];
    if (read_numbers("join", given, n, a, 3)) return NULL;
    Py_BEGIN_ALLOW_THREADS join_parts((const Batch *)a[0], a[1], (float *)a[2]);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyObject *fetch(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[1];
    if (read_numbers("fetch", given, n, a, 1)) return NULL;
    Py_BEGIN_ALLOW_THREADS here.fetch_rows((Rows *)a[0]);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyObject *put_back(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[1];
    if (read_numbers("put_back", given, n, a, 1)) return NULL;
    Py_BEGIN_ALLOW_THREADS here.update_rows((Rows *)a[0]);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyObject *count(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[2];
    if (read_numbers("count", given, n, a, 2)) return NULL;
    count_step((Part *)a[0], a[1]);
    Py_RETURN_NONE;
}

static PyObject *update(PyObject *self, PyObject *const *given, Py_ssize_t n) {
    int64_t a[2];
    if (read_numbers("update", given, n, a, 2)) return NULL;
    Py_BEGIN_ALLOW_THREADS for (int64_t i = 0; i < a[1]; i++)
        here.update_part((const Part *)a[0] + i);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"part", (PyCFunction)(void (*)(void))part, METH_FASTCALL,
     "part(batch, number, first, last): pass rows of a batch."},
    {"predict", (PyCFunction)(void (*)(void))predict, METH_FASTCALL,
     "predict(batch, first, last): write the outputs of rows."},
    {"column", (PyCFunction)(void (*)(void))column, METH_FASTCALL,
     "column(batch, number, gradient, n_clear): add what a column's rows teach its "
     "table, after clearing so many numbers."},
    {"join", (PyCFunction)(void (*)(void))join, METH_FASTCALL,
     "join(batch, n_parts, total): add up what the parts of a batch left."},
    {"fetch", (PyCFunction)(void (*)(void))fetch, METH_FASTCALL,
     "fetch(rows): hand out the rows of a batch, up to date."},
    {"put_back", (PyCFunction)(void (*)(void))put_back, METH_FASTCALL,
     "put_back(rows): update the rows that were handed out."},
    {"count", (PyCFunction)(void (*)(void))count, METH_FASTCALL,
     "count(parts, number): count a step of parameters, and find its rate."},
    {"update", (PyCFunction)(void (*)(void))update, METH_FASTCALL,
     "update(parts, number): update parts of parameters."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_kernel",
                                    "Parts of a batch, through the decoder and back.", 0,
                                    methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernel(void) {
    find_kind();
    return PyModule_Create(&module);
}
