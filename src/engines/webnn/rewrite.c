#include "engines/webnn/rewrite.h"

#include "engines/webnn/limits.h"
#include "graph/infer.h"
#include "graph/passes.h"

enum { FOLD_GROWTH_BYTES = 1 << 22 };

static accel_status fold(graph *g, accel_error *err) {
    return graph_fold_constants(g, FOLD_GROWTH_BYTES, err);
}

static accel_status to_form(graph *g, accel_error *err) {
    return pass_to_form(g, FORM_WEBNN, err);
}

/* In this order. */
static const graph_pass passes[] = {
    pass_inline_if,          /* branches that are known */
    pass_simplify_pow,       /* Pow by 1, 2, -1 */
    pass_expand_einsum,      /* as products */
    pass_eliminate,          /* what changes nothing */
    fold,                    /* shape arithmetic, weights that are computed */
    pass_fold_batch_norm,    /* into the convolution before it */
    pass_expand_contributed, /* com.microsoft in ONNX's own words */
    pass_fuse_activations,   /* what exporters spell out and WebNN has in one word */
    pass_fuse_norms,         /* likewise */
    pass_share,              /* what is there twice */
    to_form,                 /* what WebNN has no word for */
};

/* bfloat16 is nowhere in WebNN; float16 where the browser has it. */
static bool is_too_narrow(const graph *g, const webnn_limits *limits) {
    bool half = limits_take_type(limits, NULL, "input", DTYPE_F16) &&
                limits_take_type(limits, NULL, "constant", DTYPE_F16);
    for (size_t i = 0; i < g->value_count; i++) {
        dtype t = g->values[i].type.type;
        if (t == DTYPE_BF16 || (t == DTYPE_F16 && !half))
            return true;
    }
    return false;
}

accel_status webnn_rewrite(const graph *g, const webnn_limits *limits, graph **out, accel_error *err) {
    graph *copy = NULL;
    ACCEL_TRY(graph_clone(g, &copy, err));
    accel_status status = graph_infer(copy, err);
    if (status == ACCEL_OK && is_too_narrow(copy, limits))
        status = pass_widen_half(copy, err);
    for (size_t i = 0; i < sizeof passes / sizeof passes[0] && status == ACCEL_OK; i++)
        status = passes[i](copy, err);
    if (status == ACCEL_OK)
        status = graph_infer(copy, err);
    if (status != ACCEL_OK) {
        graph_destroy(copy);
        return status;
    }
    *out = copy;
    return ACCEL_OK;
}
