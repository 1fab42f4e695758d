/* LSTM and GRU, each one call. Their gates stand in the order that WebNN expects by default. */
#include <string.h>

#include "engines/webnn/ops/families.h"

enum { X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES };

/* Of a bias [directions, 2 · width], the half that belongs to the input or to the state. */
static operand half_of(lowering *l, operand bias, int64_t half) {
    const shape s = *shape_of_operand(l, bias);
    const int64_t starts[2] = {0, half * s.dims[1] / 2}, sizes[2] = {s.dims[0], s.dims[1] / 2};
    return emit_slice(l, bias, starts, sizes, NULL);
}

static const char *activation_of(const char *name) {
    static const char *const known[][2] = {{"Sigmoid", "sigmoid"}, {"Tanh", "tanh"}, {"Relu", "relu"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i][0], name) == 0)
            return known[i][1];
    }
    return NULL;
}

/* Where the node says other than the usual; both directions have the same. */
static void option_activations(lowering *l, size_t functions) {
    const graph_attr *given = node_attr(l->node, "activations");
    const char *names[3];
    for (size_t i = 0; given != NULL && i < given->count; i++) {
        const char *name = activation_of(given->strings[i]);
        if (name == NULL || strcmp(given->strings[i], given->strings[i % functions]) != 0)
            lower_fail(l, "activations that WebNN's recurrent operators lack");
        names[i % functions] = name;
    }
    if (given != NULL && given->count > 0)
        option_texts(l, "activations", functions, names);
}

static void refuse_rarities(lowering *l) {
    if (has_input(l, LENGTHS))
        lower_fail(l, "WebNN has no sequences of different lengths");
    if (attr_int(l, "layout", 0) != 0)
        lower_fail(l, "layout 1");
    if (node_attr(l->node, "clip") != NULL)
        lower_fail(l, "WebNN does not clip inside of recurrent operators");
    if (attr_int(l, "input_forget", 0) != 0)
        lower_fail(l, "WebNN does not couple input and forget gates");
}

static const char *direction_of(const lowering *l) {
    const char *direction = attr_string(l, "direction", "forward");
    return strcmp(direction, "reverse") == 0         ? "backward"
           : strcmp(direction, "bidirectional") == 0 ? "both"
                                                     : direction;
}

/* What both have; the call ends with the states [directions, batch, hidden], then the sequence when it is wanted. */
static void recurrent(lowering *l, const char *method, size_t states) {
    bool is_lstm = states == 2;
    refuse_rarities(l);
    operand in[8];
    for (size_t i = 0; i < 8; i++)
        in[i] = has_input(l, i) && i != LENGTHS ? input_plain(l, i) : OPERAND_NONE;
    operand bias = in[B] == OPERAND_NONE ? OPERAND_NONE : half_of(l, in[B], 0);
    operand recurrent_bias = in[B] == OPERAND_NONE ? OPERAND_NONE : half_of(l, in[B], 1);
    if (l->failed)
        return;
    const shape x = *shape_of_operand(l, in[X]), r = *shape_of_operand(l, in[R]);
    const shape state = {.rank = 3, .dims = {r.dims[0], x.dims[1], r.dims[2]}};
    const shape sequence = {.rank = 4, .dims = {x.dims[0], r.dims[0], x.dims[1], r.dims[2]}};
    call_start(l, method);
    call_operand(l, "input", in[X]);
    call_operand(l, "weight", in[W]);
    call_operand(l, "recurrentWeight", in[R]);
    call_int(l, x.dims[0]);
    call_int(l, r.dims[2]);
    if (bias != OPERAND_NONE) {
        option_operand(l, "bias", bias);
        option_operand(l, "recurrentBias", recurrent_bias);
    }
    if (in[INITIAL_H] != OPERAND_NONE)
        option_operand(l, "initialHiddenState", in[INITIAL_H]);
    if (is_lstm && in[INITIAL_C] != OPERAND_NONE)
        option_operand(l, "initialCellState", in[INITIAL_C]);
    if (is_lstm && in[PEEPHOLES] != OPERAND_NONE)
        option_operand(l, "peepholeWeight", in[PEEPHOLES]);
    if (!is_lstm)
        option_bool(l, "resetAfter", attr_int(l, "linear_before_reset", 0) != 0);
    option_text(l, "direction", direction_of(l));
    option_activations(l, is_lstm ? 3 : 2);
    bool all = output_wanted(l, 0);
    if (all)
        option_bool(l, "returnSequence", true);
    const dtype t = type_of(l, in[X]), types[3] = {t, t, t};
    shape shapes[3] = {state, state, state};
    operand results[3];
    shapes[states] = sequence;
    call_end_n(l, states + (all ? 1 : 0), types, shapes, results);
    for (size_t i = 0; i < states; i++)
        set_output(l, i + 1, results[i]);
    if (all)
        set_output(l, 0, results[states]);
}

static void lower_lstm(lowering *l, const char *method) {
    recurrent(l, method, 2);
}
static void lower_gru(lowering *l, const char *method) {
    recurrent(l, method, 1);
}

static const lower_def ops[] = {
    {"LSTM", lower_lstm, "lstm", NULL},
    {"GRU", lower_gru, "gru", NULL},
};
LOWER_FAMILY(lower_recurrent, ops);
