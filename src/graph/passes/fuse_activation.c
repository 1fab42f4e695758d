/* Activations that exporters spell out. */
#include "graph/passes.h"

#include "graph/passes/form.h"
#include "graph/passes/match.h"

/* A product of three factors, however it is bracketed. */
#define PRODUCT(a, b, c)                                                                                     \
    "{Mul(" a ",Mul(" b "," c "))|Mul(" b ",Mul(" a "," c "))|Mul(" c ",Mul(" a "," b "))}"
#define HALF_OF_X_TIMES(a)                                                                                   \
    "{" PRODUCT("x", "0.5", a) "|Mul(Div(x,2)," a ")|Div(Mul(x," a "),2)|Mul(x,Div(" a ",2))}"

#define ERF HALF_OF_X_TIMES("Add(1,Erf({Div(x,1.4142135624)|Mul(x,0.7071067812)}))")

/* sqrt(2/π) · (x + 0.044715 x³), or with x taken out of the bracket. */
#define CUBE "{Mul(0.044715,Pow(x,3))|" PRODUCT("0.044715", "x", "Mul(x,x)") "|Mul(x,Mul(x,Mul(0.044715,x)))}"
#define INNER                                                                                                \
    PRODUCT("x", "0.7978845608", "Add(1,{Mul(0.044715,{Mul(x,x)|Pow(x,2)})|Mul(x,Mul(0.044715,x))})")
#define TANH HALF_OF_X_TIMES("Add(1,Tanh({Mul(0.7978845608,Add(x," CUBE "))|" INNER "}))")

#define CLIPPED "Clip(Add(x,3),0,6)"

typedef struct spelling {
    const char *pattern, *core; /* an operator of the pattern at most CORE_STEPS above its root */
    const char *op_type;
    size_t attr_count;
    build_attr attrs[2];
    bool reads_alpha; /* #a of the pattern is the attribute alpha */
} spelling;

enum { CORE_STEPS = 4 };

/* Larger patterns before those that they contain. */
static const spelling spellings[] = {
    {ERF, "Erf", "Gelu", 0, {{0}}, false},
    {TANH, "Tanh", "Gelu", 1, {{.name = "approximate", .kind = ATTR_STRING, .s = "tanh"}}, false},
    {"Mul(x,Sigmoid(Mul(x,#a)))", "Sigmoid", "Swish", 0, {{0}}, true},
    {"Mul(x,Sigmoid(x))", "Sigmoid", "Swish", 0, {{0}}, false},
    {"{" PRODUCT("x", "0.1666666667", CLIPPED) "|Div(Mul(x," CLIPPED "),6)|Mul(x,Div(" CLIPPED ",6))}",
     "Clip",
     "HardSwish",
     0,
     {{0}},
     false},
    {"{Div(" CLIPPED ",6)|Mul(" CLIPPED ",0.1666666667)}",
     "Clip",
     "HardSigmoid",
     2,
     {{.name = "alpha", .kind = ATTR_FLOAT, .f = 1.0 / 6}, {.name = "beta", .kind = ATTR_FLOAT, .f = 0.5}},
     false},
    {"Mul(x,Tanh(Softplus(x)))", "Softplus", "Mish", 0, {{0}}, false},
    {"Log(Add(1,Exp(x)))", "Exp", "Softplus", 0, {{0}}, false},
};

static accel_status fuse_spelling(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    pattern_match m;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        const spelling *s = &spellings[i];
        if (!has_above(e->g, n->outputs[0], s->core, CORE_STEPS) ||
            !pattern_find(e, n->outputs[0], s->pattern, &m)) {
            continue;
        }
        value_id x = pattern_value(&m, 'x'), y = n->outputs[0];
        build_attr alpha = BUILD_FLOAT("alpha", pattern_number(&m, 'a'));
        pattern_retire(e, &m);
        form_into(e, false, s->op_type, 1, &x, s->reads_alpha ? 1 : s->attr_count,
                  s->reads_alpha ? &alpha : s->attrs, y);
        return ACCEL_OK;
    }
    return ACCEL_OK;
}

accel_status pass_fuse_activations(graph *g, accel_error *err) {
    static const rewrite_rule rules[] = {fuse_spelling};
    return rewrite_nodes(g, rules, sizeof rules / sizeof rules[0], err);
}
