#include "engines/webgpu/ops/windows.h"

enum { WINDOW_DIMS = 3 };

bool gpu_window_read(gpu_lowering *l, const int64_t *kernel, bool transposed, window *out) {
    const shape *x = gpu_input_shape(l, 0);
    if (!l->failed && x->rank > WINDOW_DIMS + 2)
        gpu_fail(l, "no kernel for %d spatial dims", x->rank - 2);
    if (l->failed)
        return false;
    accel_status status = transposed ? window_read_transposed(&l->context, x, kernel, out)
                                     : window_read(&l->context, x, kernel, out);
    if (status != ACCEL_OK)
        gpu_fail(l, "%s", l->err->message);
    return !l->failed;
}

/* The window's dims are the last of the three. */
static void dims_words(gpu_lowering *l, const window *w, const int64_t *dims, int64_t missing) {
    for (int d = w->rank - WINDOW_DIMS; d < w->rank; d++)
        gpu_word(l, d < 0 ? missing : dims[d]);
    gpu_word(l, 0);
}

void gpu_window_words(gpu_lowering *l, const window *w) {
    dims_words(l, w, w->in, 1);
    dims_words(l, w, w->out, 1);
    dims_words(l, w, w->kernel, 1);
    dims_words(l, w, w->stride, 1);
    dims_words(l, w, w->dilation, 1);
    dims_words(l, w, w->pad_begin, 0);
}
