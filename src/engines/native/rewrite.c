#include "engines/native/rewrite.h"

#include "graph/infer.h"
#include "graph/passes.h"

/* In this order. To add one: its file in graph/passes/, and a line here. */
typedef accel_status (*graph_pass)(graph *g, accel_error *err);
static const graph_pass passes[] = {
    pass_widen_half,       pass_inline_if,      pass_simplify_pow,
    pass_eliminate,        pass_join_quantised, pass_expand_contributed,
    pass_fuse_activations, pass_fuse_norms,     pass_fuse_attention,
    pass_sink_views,       pass_share,
};

accel_status native_rewrite(const graph *g, graph **out, accel_error *err) {
    graph *copy = NULL;
    ACCEL_TRY(graph_clone(g, &copy, err));
    accel_status status = graph_infer(copy, err);
    for (size_t i = 0; i < sizeof passes / sizeof passes[0] && status == ACCEL_OK; i++) {
        status = passes[i](copy, err);
    }
    if (status == ACCEL_OK) {
        status = graph_infer(copy, err);
    }
    if (status != ACCEL_OK) {
        graph_destroy(copy);
        return status;
    }
    *out = copy;
    return ACCEL_OK;
}
