#include "engines/native/rewrite.h"

#include "graph/infer.h"
#include "graph/passes.h"

/* In this order. To add one: its file in graph/passes/, and a line here. */
static const graph_pass passes[] = {
    pass_widen_half,         /* float16 and bfloat16 between operators */
    pass_inline_if,          /* branches that are known */
    pass_simplify_pow,       /* Pow by 1, 2, -1 */
    pass_expand_einsum,      /* as products, which the rest knows */
    pass_eliminate,          /* what changes nothing */
    graph_fold_found,        /* shape arithmetic, which would read what others want to join */
    pass_join_quantised,     /* what quantisers write */
    pass_expand_contributed, /* before the rest, which knows ONNX's own operators */
    pass_fuse_activations,   /* what exporters spell out */
    pass_fuse_norms,         /* likewise */
    pass_fuse_attention,     /* likewise, with its masks and caches */
    pass_fuse_rotary,        /* likewise */
    pass_view_transposes,    /* what moves nothing */
    pass_sink_views,         /* views between a product and what it could take along */
    pass_share,              /* what exporters, and the passes before, write for every layer anew */
};

accel_status native_rewrite(const graph *g, graph **out, accel_error *err) {
    return graph_rewrite(g, passes, sizeof passes / sizeof passes[0], out, err);
}
