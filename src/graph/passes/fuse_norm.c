/* Normalisations over the last axis that exporters spell out. */
#include "graph/passes.h"

#include "graph/passes/form.h"
#include "graph/passes/match.h"

/* d / sqrt(mean(d²) + e), as division or as product with the inverse. */
#define SQUARE(d)    "{Pow(" d ",2)|Mul(" d "," d ")}"
#define VARIANCE(d)  "Add(MeanLast(" SQUARE(d) "),#e)"
#define ROOT(d)      "{Sqrt(" VARIANCE(d) ")|Pow(" VARIANCE(d) ",0.5)}"
#define INVERSE(d)   "{Div(1," ROOT(d) ")|Reciprocal(" ROOT(d) ")|Pow(" VARIANCE(d) ",-0.5)}"
#define NORMAL(x, d) "{Div(" x "," ROOT(d) ")|Mul(" x "," INVERSE(d) ")}"
#define CENTRED      "Sub(x,MeanLast(x))"

/* TensorFlow multiplies out: x·g + (b - mean·g) with g = s / sqrt(variance + e). */
#define GAIN "Mul(s," INVERSE(CENTRED) ")"

typedef struct spelling {
    const char *pattern, *op_type;
} spelling;

/* Larger patterns before those that they contain; s and b scale and shift. */
static const spelling spellings[] = {
    {"Add(Mul(s," NORMAL(CENTRED, CENTRED) "),b)", "LayerNormalization"},
    {"Add(Mul(x," GAIN "),Sub(b,Mul(MeanLast(x)," GAIN ")))", "LayerNormalization"},
    {"Mul(s," NORMAL(CENTRED, CENTRED) ")", "LayerNormalization"},
    {NORMAL(CENTRED, CENTRED), "LayerNormalization"},
    {"Mul(s," NORMAL("x", "x") ")", "RMSNormalization"},
    {NORMAL("x", "x"), "RMSNormalization"},
};

/* A vector over the last axis of x, alone or behind dims of 1. */
static bool is_vector_for(const graph *g, value_id v, value_id x) {
    const shape *s = shape_of(g, v), *of = shape_of(g, x);
    int64_t elements;
    return s->rank >= 1 && s->rank <= of->rank && s->dims[s->rank - 1] == of->dims[of->rank - 1] &&
           shape_elements(s, &elements) && elements == s->dims[s->rank - 1] &&
           g->values[v].type.type == g->values[x].type.type;
}

static value_id as_vector(editor *e, value_id v) {
    return shape_of(e->g, v)->rank == 1 ? v
                                        : FORM_VALUE(e, "Reshape", v, build_i64s(&e->b, 1, &(int64_t){-1}));
}

static bool fits(const editor *e, const pattern_match *m) {
    value_id x = pattern_value(m, 'x'), s = pattern_value(m, 's'), b = pattern_value(m, 'b');
    const shape *of = shape_of(e->g, x);
    return of->rank >= 1 && of->dims[of->rank - 1] > 0 && pattern_number(m, 'e') >= 0 &&
           (s == VALUE_NONE || is_vector_for(e->g, s, x)) && (b == VALUE_NONE || is_vector_for(e->g, b, x));
}

static accel_status fuse_spelling(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    pattern_match m;
    enum { MEAN_STEPS = 7 };
    if (!has_above(e->g, n->outputs[0], "ReduceMean", MEAN_STEPS)) {
        return ACCEL_OK;
    }
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        if (!pattern_find(e, n->outputs[0], spellings[i].pattern, &m) || !fits(e, &m)) {
            continue;
        }
        value_id x = pattern_value(&m, 'x'), y = n->outputs[0], s = pattern_value(&m, 's'),
                 b = pattern_value(&m, 'b');
        const shape *of = shape_of(e->g, x);
        int64_t width = of->dims[of->rank - 1];
        s = s != VALUE_NONE ? as_vector(e, s)
                            : FORM_VALUE(e, "Expand", form_scalar(e, x, 1), build_i64s(&e->b, 1, &width));
        b = b == VALUE_NONE ? b : as_vector(e, b);
        pattern_retire(e, &m);
        form_into(e, false, spellings[i].op_type, b == VALUE_NONE ? 2 : 3, (value_id[]){x, s, b}, 2,
                  (build_attr[]){BUILD_INT("axis", -1), BUILD_FLOAT("epsilon", pattern_number(&m, 'e'))}, y);
        return ACCEL_OK;
    }
    return ACCEL_OK;
}

accel_status pass_fuse_norms(graph *g, accel_error *err) {
    static const rewrite_rule rules[] = {fuse_spelling};
    return rewrite_nodes(g, rules, sizeof rules / sizeof rules[0], err);
}
