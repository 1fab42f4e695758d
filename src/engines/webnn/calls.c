/* Calls as JSON, checked against what the browser takes. */
#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "engines/webnn/lower.h"

/* ---- checks ------------------------------------------------------------------------------------------------------- */

static void check_operand(lowering *l, const char *role, operand x) {
    const char *method = l->called_method;
    const dtype t = type_of(l, x);
    if (l->failed)
        return;
    if (!limits_take_type(l->limits, method, role, t)) {
        l->wants_narrow = l->wants_narrow || (l->wide && (t == DTYPE_I64 || t == DTYPE_U64));
        str_buf types = {0};
        limits_types(l->limits, method, role, &types);
        lower_fail(l, "the browser's %s takes %s as %s, not %s", method, str_text(&types), role,
                   dtype_name(t));
        str_free(&types);
    } else if (!limits_take_rank(l->limits, method, role, rank_of(l, x))) {
        lower_fail(l, "the browser's %s takes no %s of rank %d", method, role, rank_of(l, x));
    }
}

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

static void append_comma(lowering *l) {
    char before = l->calls.length > 0 ? l->calls.data[l->calls.length - 1] : 0;
    if (before != '[' && before != '{' && before != 0)
        str_append_char(&l->calls, ',');
}

void call_start(lowering *l, const char *method) {
    l->called_method = method;
    l->in_options = false;
    if (!l->failed && !limits_have_method(l->limits, method))
        lower_fail(l, "the browser's WebNN has no %s", method);
    if (l->failed)
        return;
    if (l->calls.length > 0)
        str_append_char(&l->calls, ',');
    str_appendf(&l->calls, "[\"%s\",[", method);
}

static void append_operand(lowering *l, operand x) {
    append_comma(l);
    l->operands[x].read = true;
    str_appendf(&l->calls, "\"#%d\"", (int)x);
}

static void append_ints(lowering *l, size_t count, const int64_t *values) {
    append_comma(l);
    str_append_char(&l->calls, '[');
    for (size_t i = 0; i < count; i++)
        str_appendf(&l->calls, "%s%lld", i > 0 ? "," : "", (long long)values[i]);
    str_append_char(&l->calls, ']');
}

void call_operand(lowering *l, const char *role, operand x) {
    check_operand(l, role, x);
    if (!l->failed)
        append_operand(l, x);
}

void call_operands(lowering *l, const char *role, size_t count, const operand *x) {
    for (size_t i = 0; i < count; i++)
        check_operand(l, role, x[i]);
    if (l->failed)
        return;
    append_comma(l);
    str_append_char(&l->calls, '[');
    for (size_t i = 0; i < count; i++)
        append_operand(l, x[i]);
    str_append_char(&l->calls, ']');
}

void call_ints(lowering *l, size_t count, const int64_t *values) {
    if (!l->failed)
        append_ints(l, count, values);
}

void call_int(lowering *l, int64_t value) {
    if (l->failed)
        return;
    append_comma(l);
    str_appendf(&l->calls, "%lld", (long long)value);
}

void call_text(lowering *l, const char *text) {
    if (l->failed)
        return;
    append_comma(l);
    str_appendf(&l->calls, "\"%s\"", text);
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

/* False when the node has failed. */
static bool option_start(lowering *l, const char *name) {
    if (l->failed)
        return false;
    append_comma(l);
    if (!l->in_options)
        str_append_char(&l->calls, '{');
    l->in_options = true;
    str_appendf(&l->calls, "\"%s\":", name);
    return true;
}

void option_operand(lowering *l, const char *name, operand x) {
    check_operand(l, name, x);
    if (!option_start(l, name))
        return;
    str_appendf(&l->calls, "\"#%d\"", (int)x);
    l->operands[x].read = true;
}

void option_ints(lowering *l, const char *name, size_t count, const int64_t *values) {
    if (!option_start(l, name))
        return;
    str_append_char(&l->calls, '[');
    for (size_t i = 0; i < count; i++)
        str_appendf(&l->calls, "%s%lld", i > 0 ? "," : "", (long long)values[i]);
    str_append_char(&l->calls, ']');
}

void option_int(lowering *l, const char *name, int64_t value) {
    if (option_start(l, name))
        str_appendf(&l->calls, "%lld", (long long)value);
}

void option_bool(lowering *l, const char *name, bool value) {
    if (option_start(l, name))
        str_append(&l->calls, value ? "true" : "false");
}

/* JSON has no infinity; where JavaScript wants a number, it reads this text as one. */
void option_real(lowering *l, const char *name, double value) {
    if (!option_start(l, name))
        return;
    if (isfinite(value))
        json_append_real(&l->calls, value);
    else
        str_append(&l->calls, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

void option_text(lowering *l, const char *name, const char *text) {
    if (option_start(l, name))
        str_appendf(&l->calls, "\"%s\"", text);
}

void option_texts(lowering *l, const char *name, size_t count, const char *const *texts) {
    if (!option_start(l, name))
        return;
    for (size_t i = 0; i < count; i++)
        str_appendf(&l->calls, "%c\"%s\"", i > 0 ? ',' : '[', texts[i]);
    str_append_char(&l->calls, ']');
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

void call_end_n(lowering *l, size_t count, const dtype *types, const shape *shapes, operand *results) {
    for (size_t i = 0; i < count; i++) {
        results[i] = add_operand(l, types[i], &shapes[i]);
        check_operand(l, "output", results[i]);
    }
    if (l->failed)
        return;
    str_append(&l->calls, l->in_options ? "}],[" : "],[");
    for (size_t i = 0; i < count; i++)
        str_appendf(&l->calls, "%s%d", i > 0 ? "," : "", (int)results[i]);
    str_append_char(&l->calls, ']');
    const char *name = l->node != NULL ? l->node_name : "";
    if (name != l->called_node) {
        str_append_char(&l->calls, ',');
        json_append_text(&l->calls, name);
        l->called_node = name;
    }
    str_append_char(&l->calls, ']');
}

operand call_end(lowering *l, dtype type, const shape *s) {
    operand result = OPERAND_NONE;
    call_end_n(l, 1, &type, s, &result);
    return result;
}
