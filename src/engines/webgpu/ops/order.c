/* Operators that compare the elements of a row: ArgMax, ArgMin, TopK. */
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "engines/webgpu/ops/rows.h"

enum { LONG = 1024 }; /* a row that a workgroup looks at together */

static bool by_groups(const gpu_lowering *l, const gpu_lines *r) {
    return r->size >= LONG && r->count <= (int64_t)l->limits->groups;
}

/* `better`: ">" or "<". Of equal ones the first, or the last. */
static void lower_arg(gpu_lowering *l, const char *better) {
    const shape *s = gpu_input_shape(l, 0);
    gpu_lines r = gpu_lines_along(s, gpu_axis(l, gpu_attr_int(l, "axis", 0), s->rank));
    char compare[4];
    str_format(compare, sizeof compare, "%s%s", better,
               gpu_attr_int(l, "select_last_index", 0) != 0 ? "=" : "");
    bool together = by_groups(l, &r);
    gpu_call(l, together ? "arg_row" : "arg");
    gpu_define(l, "T", gpu_type_name(l, gpu_input_type(l, 0)));
    gpu_define(l, "BETTER", compare);
    gpu_define(l, "STRICT", better);
    gpu_define(l, "NEARER", strlen(compare) > 1 ? ">" : "<");
    gpu_read(l, gpu_input(l, 0));
    gpu_write(l, gpu_output(l, 0));
    const int64_t words[] = {r.count, r.size, r.step};
    gpu_words(l, 3, words, 4, 0);
    if (together)
        gpu_run_groups(l, (size_t)r.count, 1, 1);
    else
        gpu_run(l, (size_t)r.count);
}

static void lower_top(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0), *to = gpu_output_shape(l, gpu_has_output(l, 0) ? 0 : 1);
    int axis = gpu_axis(l, gpu_attr_int(l, "axis", -1), s->rank);
    gpu_lines r = gpu_lines_along(s, axis);
    (void)detail;
    bool together = by_groups(l, &r);
    gpu_call(l, together ? "topk_row" : "topk");
    gpu_define(l, "T", gpu_type_name(l, gpu_input_type(l, 0)));
    gpu_define(l, "BETTER", gpu_attr_int(l, "largest", 1) != 0 ? ">" : "<");
    gpu_read(l, gpu_input(l, 0));
    for (size_t i = 0; i < 2; i++) /* both are written; nobody may want one of them */
        gpu_write(l, gpu_has_output(l, i) ? gpu_output(l, i) : gpu_scratch(l, gpu_elements(to), VALUE_NONE));
    const int64_t words[] = {r.count, r.size, r.step, to->dims[axis]};
    gpu_words(l, 4, words, 4, 0);
    size_t rows = to->dims[axis] > 0 ? (size_t)r.count : 0;
    if (together)
        gpu_run_groups(l, rows, 1, 1);
    else
        gpu_run(l, rows);
}

static const gpu_lower_def ops[] = {
    {"ArgMax", lower_arg, ">", NULL},
    {"ArgMin", lower_arg, "<", NULL},
    {"TopK", lower_top, NULL, NULL},
};
GPU_FAMILY(gpu_order, ops);
