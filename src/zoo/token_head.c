/* The choice of the next token as the end of a graph that writes text. measure/sample_token.h says what is chosen. */
#include "graph/infer.h"
#include "zoo/blocks.h"

static value_id running_sums(builder *b, value_id x, int64_t exclusive) {
    return build_op(b, "CumSum", 2, (value_id[]){x, build_i64(b, 1)}, 1, &BUILD_INT("exclusive", exclusive));
}

static value_id sum(builder *b, value_id x) {
    return build_op(b, "ReduceSum", 2, (value_id[]){x, build_i64s(b, 1, &(int64_t){1})}, 1,
                    &BUILD_INT("keepdims", 1));
}

/* Chances, likeliest first, without those that are not among the fewest which hold top_p of all. */
static value_id cut(builder *b, value_id chances, double top_p) {
    value_id most = BUILD(b, "Mul", sum(b, chances), build_f32(b, (float)top_p));
    value_id kept = BUILD(b, "Less", running_sums(b, chances, 1), most);
    return BUILD(b, "Mul", chances, zoo_cast(b, kept, DTYPE_F32));
}

/* One draw of the softmax of logits/temperature over the k likeliest: logits [batch, vocabulary] → i64 [batch]. */
static value_id drawn(builder *b, const zoo_choice *how, value_id logits, int64_t vocabulary) {
    int64_t k = how->top_k < vocabulary ? how->top_k : vocabulary;
    value_id best[2] = {VALUE_NONE, VALUE_NONE};
    value_id draw = build_input(b, ZOO_DRAW, DTYPE_F32, 2, (int64_t[]){DIM_UNKNOWN, 1},
                                (const char *const[]){"batch", NULL});
    build_op_n(b, "TopK", 2, (value_id[]){logits, build_i64s(b, 1, &k)}, 0, NULL, 2, best);
    value_id below = BUILD(b, "Sub", best[0], zoo_slice(b, best[0], 1, 0, 1));
    value_id chances = BUILD(b, "Exp", BUILD(b, "Div", below, build_f32(b, (float)how->temperature)));
    if (how->top_p > 0 && how->top_p < 1)
        chances = cut(b, chances, how->top_p);
    value_id sums = running_sums(b, chances, 0);
    value_id before =
        BUILD(b, "LessOrEqual", sums, BUILD(b, "Mul", draw, zoo_slice(b, sums, 1, -1, INT64_MAX)));
    value_id place = BUILD(b, "Min", sum(b, zoo_cast(b, before, DTYPE_F32)), build_f32(b, (float)(k - 1)));
    value_id token = build_op(b, "GatherElements", 2, (value_id[]){best[1], zoo_cast(b, place, DTYPE_I64)}, 1,
                              &BUILD_INT("axis", 1));
    return zoo_squeeze(b, token, 1);
}

accel_status zoo_choose_token(zoo_model *m, const zoo_choice *how, accel_error *err) {
    graph *g = m->graph;
    size_t at = 0;
    while (at < g->output_count && !str_equal(g->values[g->outputs[at]].name, "logits"))
        at++;
    if (at == g->output_count)
        return ACCEL_OK;
    builder b = {.graph = g, .scope = "token."};
    const shape *s = &g->values[g->outputs[at]].type.shape;
    int64_t vocabulary = s->rank == 3 ? s->dims[2] : DIM_UNKNOWN;
    if (vocabulary == DIM_UNKNOWN)
        return error_set(err, ACCEL_INTERNAL, "the graph gives no logits of one position");
    value_id logits = zoo_squeeze(&b, g->outputs[at], 1);
    value_id token = how->temperature > 0
                         ? drawn(&b, how, logits, vocabulary)
                         : build_op(&b, "ArgMax", 1, &logits, 2,
                                    (build_attr[]){BUILD_INT("axis", 1), BUILD_INT("keepdims", 0)});
    if (b.error.status != ACCEL_OK)
        return error_set(err, b.error.status, "%s", b.error.message);
    g->outputs[at] = token;
    ACCEL_TRY(graph_rename_value(g, token, "token", err));
    ACCEL_TRY(graph_check(g, err));
    return graph_infer(g, err);
}
