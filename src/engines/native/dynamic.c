/* Steps whose shapes are known at run time only: a kernel is chosen and prepared for the shapes that the operands have now, and kept for
 * a few sets of shapes, since most come again. Everything is row-major here, but for kernels that want channels-last: they get copies. */
#include "engines/native/plan.h"

#include <string.h>

#include "base/mem.h"

enum { SHAPES_OF_A_STEP = 4 };

typedef struct operand_shape {
    dtype type;
    shape shape;
} operand_shape;

typedef struct plan_variant {
    bool used;
    operand_shape *operands; /* inputs, then outputs */
    uint64_t last_run;
    const kernel_def *kernel; /* NULL: none takes these shapes */
    kernel_call call;
    /* Where the kernel wants them channels-last, copies of input 0 and output 0, and the calls that convert; else layout is NULL. */
    const kernel_def *layout;
    kernel_value input, output;
    kernel_call to_channels_last, to_row_major;
} plan_variant;

struct plan_dynamic {
    plan_variant variants[SHAPES_OF_A_STEP];
    uint64_t runs;
};

accel_status native_plan_make_dynamic(plan *p, plan_step *s, accel_error *err) {
    size_t operands = s->call.input_count + s->call.output_count;
    s->dynamic = ARENA_NEW(p->arena, plan_dynamic);
    operand_shape *shapes = ARENA_ARRAY(p->arena, operand_shape, operands * SHAPES_OF_A_STEP);
    if (s->dynamic == NULL || shapes == NULL) {
        return error_no_memory(err, "the plan", operands * sizeof *shapes);
    }
    for (size_t i = 0; i < SHAPES_OF_A_STEP; i++) {
        s->dynamic->variants[i].operands = shapes + i * operands;
    }
    return ACCEL_OK;
}

static void release_variant(plan *p, plan_variant *v) {
    native_plan_release_call(p, &v->to_channels_last);
    native_plan_release_call(p, &v->to_row_major);
    native_plan_release_call(p, &v->call);
    v->to_channels_last = v->to_row_major = v->call = (kernel_call){0};
    v->used = false;
}

void native_plan_free_dynamic(plan *p, plan_step *s) {
    for (size_t i = 0; s->dynamic != NULL && i < SHAPES_OF_A_STEP; i++) {
        release_variant(p, &s->dynamic->variants[i]);
    }
}

/* ---- shapes ----------------------------------------------------------------------------------------------------------- */

static const kernel_value *operand(const plan_step *s, size_t i) {
    return i < s->call.input_count ? s->call.inputs[i] : s->call.outputs[i - s->call.input_count];
}

static bool has_shapes(const plan_step *s, const plan_variant *v) {
    for (size_t i = 0; i < s->call.input_count + s->call.output_count; i++) {
        const kernel_value *o = operand(s, i);
        if (o != NULL && (o->type != v->operands[i].type || !shape_equal(&o->shape, &v->operands[i].shape))) {
            return false;
        }
    }
    return v->used;
}

static void keep_shapes(const plan_step *s, plan_variant *v) {
    for (size_t i = 0; i < s->call.input_count + s->call.output_count; i++) {
        const kernel_value *o = operand(s, i);
        if (o != NULL) {
            v->operands[i] = (operand_shape){o->type, o->shape};
        }
    }
}

/* ---- channels-last ------------------------------------------------------------------------------------------------------ */

/* The value as it would be channels-last; its contents come later. */
static kernel_value turned(const kernel_value *from) {
    kernel_value to = *from;
    to.channels_last = true;
    to.pixel_stride = from->shape.rank >= 2 ? from->shape.dims[1] : 1;
    to.constant = false;
    to.data = NULL;
    return to;
}

/* Operands of the variant's own: the step's, but for input 0 and output 0. */
static accel_status turn_operands(const plan_step *s, plan_variant *v, bool plain_input) {
    size_t inputs = s->call.input_count, count = inputs + s->call.output_count;
    kernel_value **operands = kernel_state(&v->call, count * sizeof *operands);
    if (operands == NULL) {
        return kernel_no_memory(&v->call, count * sizeof *operands);
    }
    for (size_t i = 0; i < count; i++) {
        operands[i] = i < inputs ? s->call.inputs[i] : s->call.outputs[i - inputs];
    }
    v->input = turned(s->call.inputs[0]);
    v->output = turned(s->call.outputs[0]);
    operands[0] = plain_input ? operands[0] : &v->input;
    operands[inputs] = &v->output;
    v->call.inputs = operands;
    v->call.outputs = operands + inputs;
    return ACCEL_OK;
}

static accel_status give_memory(plan_variant *v, kernel_value *copy) {
    size_t bytes;
    ACCEL_TRY(tensor_size_bytes(copy->type, &copy->shape, "a value", &bytes, v->call.err));
    copy->data = kernel_state(&v->call, bytes);
    return copy->data != NULL ? ACCEL_OK : kernel_no_memory(&v->call, bytes);
}

static accel_status prepare_conversion(plan *p, plan_variant *v, kernel_value **from, kernel_value **to,
                                       kernel_call *c) {
    *c = (kernel_call){.graph = p->graph,
                       .input_count = 1,
                       .output_count = 1,
                       .inputs = from,
                       .outputs = to,
                       .precision = p->precision,
                       .extensions = p->extensions};
    return native_plan_prepare_call(p, v->layout, c, v->call.err);
}

static accel_status prepare_conversions(plan *p, const plan_step *s, plan_variant *v) {
    if (v->call.inputs[0] == &v->input) {
        ACCEL_TRY(give_memory(v, &v->input));
        ACCEL_TRY(prepare_conversion(p, v, s->call.inputs, v->call.inputs, &v->to_channels_last));
    }
    ACCEL_TRY(give_memory(v, &v->output));
    return prepare_conversion(p, v, v->call.outputs, s->call.outputs, &v->to_row_major);
}

/* ---- choosing --------------------------------------------------------------------------------------------------------------- */

static bool is_image(const kernel_value *v) {
    return v != NULL && v->shape.rank >= 3 && !v->constant;
}

/* Whether the kernel takes the step; the variant's operands are then as it wants them. */
static accel_status try_kernel(plan *p, const plan_step *s, const kernel_def *kernel, plan_variant *v,
                               accel_error *err) {
    v->call = s->call;
    v->call.err = err;
    v->layout = NULL;
    if ((kernel->flags & KERNEL_CHANNELS_LAST) != 0) {
        if (!is_image(s->call.inputs[0]) || !is_image(s->call.outputs[0])) {
            return ACCEL_OK;
        }
        ACCEL_TRY(turn_operands(s, v, (kernel->flags & KERNEL_PLAIN_INPUT) != 0));
        kernel_call both = {.input_count = 1, .output_count = 1, .inputs = s->call.inputs};
        both.outputs = (kernel_value *[]){&v->input};
        v->layout = native_plan_find_kernel(p, "accel", "Layout", &both);
        if (v->layout == NULL) {
            return ACCEL_OK;
        }
    }
    v->kernel = kernel->accepts(&v->call) ? kernel : NULL;
    return ACCEL_OK;
}

static accel_status choose_kernel(plan *p, const plan_step *s, plan_variant *v, accel_error *err) {
    v->kernel = NULL;
    for (size_t f = 0; f < p->table->count; f++) {
        const kernel_family *family = p->table->families[f];
        for (size_t k = 0; k < family->count && v->kernel == NULL; k++) {
            const kernel_def *kernel = &family->kernels[k];
            if (strcmp(kernel->name, s->name) == 0 && strcmp(kernel->domain, s->domain) == 0) {
                native_plan_release_call(p, &v->call);
                ACCEL_TRY(try_kernel(p, s, kernel, v, err));
            }
        }
    }
    return ACCEL_OK;
}

/* Nothing is computed of operands without elements: the reference does that as well, and no kernel need think of them. */
static bool has_elements(const plan_step *s) {
    for (size_t i = 0; i < s->call.input_count + s->call.output_count; i++) {
        const kernel_value *o = operand(s, i);
        int64_t elements = 0;
        if (o != NULL && shape_elements(&o->shape, &elements) && elements == 0) {
            return false;
        }
    }
    return true;
}

static accel_status prepare_variant(plan *p, const plan_step *s, plan_variant *v, accel_error *err) {
    keep_shapes(s, v);
    v->used = true;
    v->kernel = NULL;
    if (!has_elements(s)) {
        return ACCEL_OK;
    }
    ACCEL_TRY(choose_kernel(p, s, v, err));
    if (v->kernel == NULL) {
        return ACCEL_OK;
    }
    ACCEL_TRY(native_plan_prepare_call(p, v->kernel, &v->call, err));
    return v->layout == NULL ? ACCEL_OK : prepare_conversions(p, s, v);
}

/* The variant for the shapes of now; the one that was not run for longest makes room. */
static accel_status find_variant(plan *p, plan_step *s, plan_variant **out, accel_error *err) {
    plan_dynamic *d = s->dynamic;
    plan_variant *oldest = &d->variants[0];
    for (size_t i = 0; i < SHAPES_OF_A_STEP; i++) {
        plan_variant *v = &d->variants[i];
        if (has_shapes(s, v)) {
            *out = v;
            return ACCEL_OK;
        }
        oldest = !v->used || v->last_run < oldest->last_run ? v : oldest;
    }
    release_variant(p, oldest);
    *out = oldest;
    accel_status status = prepare_variant(p, s, oldest, err);
    if (status != ACCEL_OK) {
        release_variant(p, oldest);
    }
    return status;
}

/* ---- running --------------------------------------------------------------------------------------------------------------- */

static accel_status grow_workspace(plan *p, size_t size_bytes, accel_error *err) {
    if (size_bytes <= p->workspace_bytes) {
        return ACCEL_OK;
    }
    mem_free_aligned(p->workspace, p->workspace_bytes);
    p->workspace_bytes = 0;
    p->workspace = mem_alloc_aligned(size_bytes, PLAN_ALIGNMENT, true);
    if (p->workspace == NULL) {
        return error_no_memory(err, "the workspace", size_bytes);
    }
    p->workspace_bytes = size_bytes;
    return ACCEL_OK;
}

static accel_status run_call(plan *p, const kernel_def *kernel, kernel_call *c, accel_error *err) {
    ACCEL_TRY(grow_workspace(p, c->workspace_bytes, err));
    c->err = err;
    c->workspace = p->workspace;
    return kernel->run(c);
}

accel_status native_plan_run_dynamic(plan *p, plan_step *s, bool *done, accel_error *err) {
    plan_variant *v = NULL;
    ACCEL_TRY(find_variant(p, s, &v, err));
    v->last_run = ++s->dynamic->runs;
    *done = v->kernel != NULL;
    s->call.variant = *done ? v->call.variant : NULL;
    if (!*done) {
        return ACCEL_OK;
    }
    if (v->to_channels_last.inputs != NULL) {
        ACCEL_TRY(run_call(p, v->layout, &v->to_channels_last, err));
    }
    ACCEL_TRY(run_call(p, v->kernel, &v->call, err));
    return v->layout == NULL ? ACCEL_OK : run_call(p, v->layout, &v->to_row_major, err);
}
