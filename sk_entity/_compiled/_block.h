/* How a block of rows goes through the decoder and back on one kind of processor.

   Included once for each, with a NAME for what is of this kind, the TARGET of the
   compiler, the number of LANES of a vector, and how many rows (TILE) and VECTORS of a
   product are summed at once: as many as the processor has registers for. What is summed
   in what order depends on none of them. */

#define lanes NAME(lanes)
#define tile NAME(tile)
#define multiply NAME(multiply)
#define multiply_across NAME(multiply_across)
#define go_forward NAME(go_forward)
#define go_backward NAME(go_backward)
#define put_inputs NAME(put_inputs)
#define set_slopes NAME(set_slopes)
#define keep_gradients NAME(keep_gradients)
#define run_block NAME(run_block)
#define predict_block NAME(predict_block)
#define add_column NAME(add_column)

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* Columns j .. j + n_vectors * LANES of c (8, n) = a (8, n_k) @ b (n_k, n) + start. */
TARGET INLINE void tile(const float *a, int64_t lda, const float *b, int64_t n_k,
                       int64_t n, const float *start, float *c, int64_t j,
                       const int n_vectors) {
    for (int top = 0; top < ROWS; top += TILE) {
        lanes s[TILE][VECTORS];
        for (int r = 0; r < TILE; r++)
            for (int v = 0; v < n_vectors; v++)
                s[r][v] = start ? *(const lanes *)(start + j + v * LANES) : (lanes){0};
        for (int64_t k = 0; k < n_k; k++) {
            lanes of_b[VECTORS];
            for (int v = 0; v < n_vectors; v++)
                of_b[v] = *(const lanes *)(b + k * n + j + v * LANES);
            for (int r = 0; r < TILE; r++)
                for (int v = 0; v < n_vectors; v++)
                    s[r][v] += a[(top + r) * lda + k] * of_b[v];
        }
        for (int r = 0; r < TILE; r++)
            for (int v = 0; v < n_vectors; v++)
                *(lanes *)(c + (top + r) * n + j + v * LANES) = s[r][v];
    }
}

/* c (8, n) = a (8, n_k) @ b (n_k, n) + start; n is padded. */
TARGET INLINE void multiply(const float *a, int64_t lda, const float *b, int64_t n_k,
                           int64_t n, const float *start, float *c) {
    int64_t j = 0;
    for (; j + VECTORS * LANES <= n; j += VECTORS * LANES)
        tile(a, lda, b, n_k, n, start, c, j, VECTORS);
    if (j < n) tile(a, lda, b, n_k, n, start, c, j, PADDED / LANES);
}

/* c (n_out, n) += g (8, n_out).T @ x (8, n); n is padded. */
TARGET INLINE void multiply_across(const float *g, int64_t ldg, int64_t n_out,
                                  const float *x, int64_t n, float *c) {
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

TARGET INLINE void go_forward(const Batch *b, Scratch *s) {
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
TARGET INLINE void go_backward(const Batch *b, Scratch *s, int learns) {
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
TARGET INLINE void put_inputs(const Batch *b, Scratch *s, int64_t start, int n,
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

/* Set the slopes of a block's outputs; return the sum of the losses. */
TARGET INLINE float set_slopes(const Batch *b, Scratch *s, int64_t start, int n,
                        const float *weight, /* of each row of the block */
                        float scale) {
    int64_t L = b->n_layers, n_out = b->size[L], m = s->width[L];
    float sum = 0;
    memset(s->slope[L], 0, 4 * ROWS * m);
    for (int r = 0; r < n; r++) {
        float *g = s->slope[L] + r * m, by = weight[r] * scale;
        sum += by * slopes_of(b, n_out, s->hidden[L] + r * m, b->target[start + r], g);
        for (int64_t o = 0; o < n_out; o++) g[o] *= by;
    }
    return sum;
}

/* Put the slopes of a block's vectors where each column reads its own in a row. */
TARGET INLINE void keep_gradients(const Batch *b, const Scratch *s, int64_t start, int n,
                                 int64_t step, int64_t n_views) {
    int64_t first = 0, w = s->width[0];
    for (int64_t j = 0; j < b->n_columns; j++) {
        int64_t dim = b->dim[j];
        float *into = b->gradient + b->n_rows * n_views * first;
        for (int r = 0; r < n; r++) {
            const float *slope = s->slope[0] + r * w + first;
            int64_t k = ((start + r) * n_views + step) * dim;
            for (int64_t c = 0; c < dim; c++) into[k + c] = slope[c];
        }
        first += dim;
    }
}

TARGET static void run_block(const Batch *b, Scratch *s, int64_t start, int n, float *sums) {
    int64_t L = b->n_layers, n_out = b->size[L], m = s->width[L], w = s->width[0];
    int64_t d = b->n_coordinates;
    int32_t table[ROWS] = {0};
    float weight[ROWS];
    if (n < ROWS) memset(s->hidden[0], 0, 4 * ROWS * w);
    /* The decoder learns from tables that have not seen the rows ... */
    put_inputs(b, s, start, n, b->own + start);
    go_forward(b, s);
    for (int r = 0; r < n; r++)
        memcpy(b->output + (start + r) * n_out, s->hidden[L] + r * m, 4 * n_out);
    sums[0] += set_slopes(b, s, start, n, b->own_weight + start, 1.0f / (float)b->n_rows);
    go_backward(b, s, 1);
    for (int r = 0; r < n; r++)
        for (int64_t c = 0; c < d; c++) sums[1 + c] += s->slope[0][r * w + c];
    if (b->n_tables == 1) keep_gradients(b, s, start, n, 0, 1);
    /* ... and tables that may see them from a decoder that stands still. */
    for (int64_t step = 0; step < b->n_views; step++) {
        for (int r = 0; r < n; r++) {
            table[r] = (int32_t)learner(b, start + r, step);
            weight[r] = may_learn(b, start + r, table[r]) ? b->weight[start + r] : 0.0f;
        }
        put_inputs(b, s, start, n, table);
        go_forward(b, s);
        set_slopes(b, s, start, n, weight, 1.0f / (float)(b->n_rows * b->n_views));
        go_backward(b, s, 0);
        keep_gradients(b, s, start, n, step, b->n_views);
    }
}

/* The outputs of a block of rows that are all numbers. */
TARGET static void predict_block(const Batch *b, Scratch *s, int64_t start, int n) {
    int64_t L = b->n_layers, n_out = b->size[L], w = s->width[0];
    if (n < ROWS) memset(s->hidden[0], 0, 4 * ROWS * w);
    for (int r = 0; r < n; r++)
        memcpy(s->hidden[0] + r * w, b->numeric + (start + r) * b->n_numeric,
               4 * b->n_numeric);
    go_forward(b, s);
    for (int r = 0; r < n; r++)
        memcpy(b->output + (start + r) * n_out, s->hidden[L] + r * s->width[L],
               4 * n_out);
}

/* Add the gradients of one column, and the penalty's, to those of its table. */
TARGET static void add_column(const Batch *b, int64_t j, float *into) {
    int64_t T = b->n_tables, dim = b->dim[j], start = 0;
    int64_t n_views = T > 1 ? b->n_views : 1;
    const float *g = b->gradient;
    for (int64_t i = 0; i < j; i++) start += b->dim[i];
    g += b->n_rows * n_views * start;
    for (int64_t row = 0; row < b->n_rows; row++, g += n_views * dim) {
        float share = b->share[j][b->code[j][row]];
        float penalty = share * (b->weight[row] * b->strength) / (float)n_views;
        int64_t place = (int64_t)b->place[j][row] * T * dim;
        if (share <= 0) continue; /* unknown, or not to be learned */
        for (int64_t step = 0; step < n_views; step++) {
            int64_t t = T > 1 ? learner(b, row, step) : 0;
            if (!may_learn(b, row, t)) continue;
            for (int64_t c = 0; c < dim; c++) {
                int64_t k = place + t * dim + c;
                into[k] += g[step * dim + c] + penalty * b->table[j][k];
            }
        }
    }
}

#undef lanes
#undef tile
#undef multiply
#undef multiply_across
#undef go_forward
#undef go_backward
#undef put_inputs
#undef set_slopes
#undef keep_gradients
#undef run_block
#undef predict_block
#undef add_column
#undef NAME
#undef TARGET
#undef LANES
#undef TILE
#undef VECTORS
