/* Which variant of a kernel runs where. */
#include <string.h>

#include "base/mem.h"
#include "engines/webgpu/lower.h"

static gpu_choice *find_choice(gpu_lowering *l, const gpu_class *c) {
    for (size_t i = 0; i < l->choice_count; i++)
        if (l->choices[i].class.kernel == c->kernel &&
            memcmp(l->choices[i].class.sizes, c->sizes, sizeof c->sizes) == 0)
            return &l->choices[i];
    if (!mem_grow((void **)&l->choices, &l->choice_capacity, l->choice_count + 1, sizeof *l->choices)) {
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at %zu choices of a plan", l->choice_count);
        return NULL;
    }
    l->choices[l->choice_count] = (gpu_choice){.class = *c, .node = l->node};
    return &l->choices[l->choice_count++];
}

const gpu_variant *gpu_choose(gpu_lowering *l, gpu_tuned kernel, int64_t a, int64_t b, int64_t c) {
    const gpu_class class = gpu_class_of(kernel, a, b, c);
    const gpu_variant *usual = gpu_variant_usual(&class, l->limits->soon),
                      *v = gpu_tuning_find(l->limits->tuning, &class);
    gpu_choice *choice = l->failed ? NULL : find_choice(l, &class);
    if (v != NULL && v->subgroup > l->limits->subgroup)
        v = NULL;
    if (choice == NULL)
        return v != NULL ? v : usual;
    if (choice->steps++ == 0) {
        const int64_t sizes[GPU_SIZES] = {a, b, c};
        memcpy(choice->sizes, sizes, sizeof sizes);
        choice->tuned = v != NULL;
        choice->variant = v != NULL ? v : usual;
    }
    return choice->variant;
}

void gpu_define_enable(gpu_lowering *l, const gpu_variant *v) {
    const char *directive = l->limits->subgroup_directive;
    gpu_define(l, "ENABLE", v->subgroup > 0 && directive != NULL ? directive : "");
}

/* ---- for people ---------------------------------------------------------------------------------------------------------- */

/* Steps by v where that is not usual. */
static size_t steps_of(const gpu_plan *p, const gpu_variant *v) {
    size_t steps = 0;
    for (size_t i = 0; i < p->choice_count; i++) {
        const gpu_choice *c = &p->choices[i];
        steps += c->variant == v && v != gpu_variant_usual(&c->class, p->soon) ? c->steps : 0;
    }
    return steps;
}

void gpu_plan_describe_tuning(const gpu_plan *p, char *out, size_t size) {
    str_buf text = {0};
    size_t tuned = 0;
    for (size_t i = 0; i < p->choice_count; i++)
        tuned += p->choices[i].tuned;
    str_appendf(&text, "tuned=%zu of %zu%s", tuned, p->choice_count,
                p->precision == PRECISION_FP16 ? ", values=fp16, sums=fp32" : "");
    for (size_t i = 0; i < gpu_variant_count(); i++) {
        const gpu_variant *v = gpu_variant_at(i);
        size_t steps = steps_of(p, v);
        if (steps > 0)
            str_appendf(&text, ", %s/%s %zu", gpu_tuned_name(v->kernel), v->name, steps);
    }
    str_format(out, size, "%s", str_text(&text));
    str_free(&text);
}
