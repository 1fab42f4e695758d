#include <string.h>

#include "base/mem.h"
#include "engines/webgpu/lower.h"
#include "graph/infer.h"
#include "graph/passes.h"

enum { FOLD_GROWTH_BYTES = 1 << 22 };

static accel_status fold(graph *g, accel_error *err) {
    return graph_fold_but_weights(g, FOLD_GROWTH_BYTES, err);
}

/* What has no kernel of its own becomes what has; the forms of WebNN come nearest. */
static accel_status to_form(graph *g, accel_error *err) {
    return pass_apply_form(g, FORM_WEBNN, err);
}

static accel_status keep_attention(graph *g, accel_error *err) {
    (void)err;
    for (size_t i = 0; i < g->node_count; i++) {
        graph_node *n = g->nodes[i];
        if (n->dead || n->domain[0] != 0 || strcmp(n->op_type, "Attention") != 0 ||
            !gpu_takes_attention(g, n))
            continue;
        n->domain = "accel";
        n->op = op_find(n->domain, n->op_type);
    }
    return ACCEL_OK;
}

/* In this order. */
static const graph_pass passes[] = {
    pass_widen_half,         /* float16 and bfloat16: weights are held as f32 */
    pass_inline_if,          /* branches that are known */
    pass_simplify_pow,       /* Pow by 1, 2, -1 */
    pass_expand_einsum,      /* as products */
    pass_eliminate,          /* what changes nothing */
    fold,                    /* shape arithmetic, weights that are computed */
    pass_fold_batch_norm,    /* into the convolution before it */
    pass_expand_contributed, /* com.microsoft in ONNX's own words */
    pass_fuse_activations,   /* what exporters spell out */
    pass_fuse_norms,         /* likewise */
    pass_fuse_attention,     /* likewise */
    pass_share,              /* what is there twice */
    keep_attention,          /* what there is a kernel for */
    to_form,
    fold,
};

static bool widens_constant(const graph *g, const graph_node *n) {
    if (n->dead || n->domain[0] != 0 || strcmp(n->op_type, "Cast") != 0 ||
        g->values[n->outputs[0]].type.type != DTYPE_F32 || !graph_value_is_constant(g, n->inputs[0]))
        return false;
    dtype from = g->values[n->inputs[0]].type.type;
    return from == DTYPE_F16 || from == DTYPE_BF16;
}

static bool is_output(const graph *g, value_id v) {
    for (size_t i = 0; i < g->output_count; i++)
        if (g->outputs[i] == v)
            return true;
    return false;
}

/* Constants of float16 and bfloat16 behind a Cast that is not folded: whoever reads the Cast reads the constant, for lowerings take
 * whatever lies as a float. The graph's types do not say that: nothing infers them after this. */
static accel_status read_as_they_lie(graph *g, accel_error *err) {
    value_id *cast_of = mem_alloc((g->value_count + 1) * sizeof *cast_of);
    if (cast_of == NULL)
        return error_no_memory(err, "a plan", g->value_count * sizeof *cast_of);
    for (size_t v = 0; v < g->value_count; v++)
        cast_of[v] = (value_id)v;
    for (size_t i = 0; i < g->node_count; i++) {
        graph_node *n = g->nodes[i];
        if (!widens_constant(g, n))
            continue;
        cast_of[n->outputs[0]] = n->inputs[0];
        n->dead = !is_output(g, n->outputs[0]);
    }
    for (size_t i = 0; i < g->node_count; i++)
        for (size_t k = 0; k < g->nodes[i]->input_count; k++)
            if (g->nodes[i]->inputs[k] != VALUE_NONE)
                g->nodes[i]->inputs[k] = cast_of[g->nodes[i]->inputs[k]];
    mem_free(cast_of);
    return ACCEL_OK;
}

accel_status gpu_rewrite(const graph *g, graph **out, accel_error *err) {
    ACCEL_TRY(graph_rewrite(g, passes, sizeof passes / sizeof passes[0], out, err));
    return read_as_they_lie(*out, err);
}
