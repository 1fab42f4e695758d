#include "base/mem.h"
#include "zoo/class.h"

const tensor *zoo_given_find(const zoo_given_list *given, const char *name) {
    for (size_t i = 0; i < given->count; i++)
        if (str_equal(given->items[i].name, name))
            return &given->items[i].value;
    return NULL;
}

accel_status zoo_given_need(const zoo_given_list *given, const char *name, dtype type, int rank,
                            const tensor **out, accel_error *err) {
    const tensor *t = zoo_given_find(given, name);
    char text[128];
    *out = t;
    if (t && (t->type != type || t->shape.rank != rank))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' is %s %s; it must be %s with %d dimensions",
                         name, dtype_name(t->type), shape_text(&t->shape, text, sizeof text),
                         dtype_name(type), rank);
    return ACCEL_OK;
}

accel_status zoo_given_known(const zoo_model *m, const zoo_given_list *given, const char *const *names,
                             accel_error *err) {
    for (size_t i = 0; i < given->count; i++) {
        const char *name = given->items[i].name;
        bool known = false;
        for (size_t k = 0; k < m->graph->input_count && !known; k++)
            known = str_equal(m->graph->values[m->graph->inputs[k]].name, name);
        for (const char *const *n = names; n && *n && !known; n++)
            known = str_equal(*n, name);
        if (!known)
            return error_set(err, ACCEL_INVALID_ARGUMENT, "the model has no input '%s'", name);
    }
    return ACCEL_OK;
}

accel_status zoo_given_add(zoo_given_list *given, const char *name, dtype type, int rank, const int64_t *dims,
                           tensor **out, accel_error *err) {
    shape s = shape_make(rank, dims);
    if (!mem_grow((void **)&given->items, &given->capacity, given->count + 1, sizeof *given->items))
        return error_no_memory(err, name, sizeof *given->items);
    zoo_given *item = &given->items[given->count];
    *item = (zoo_given){.name = name, .owned = true};
    ACCEL_TRY(tensor_create(type, &s, &item->value, err));
    given->count++;
    *out = &item->value;
    return ACCEL_OK;
}

accel_status zoo_given_replace(zoo_given_list *given, const char *name, int rank, const int64_t *dims,
                               tensor *old, tensor **out, accel_error *err) {
    for (size_t i = 0; i < given->count; i++) {
        zoo_given *item = &given->items[i];
        if (!str_equal(item->name, name))
            continue;
        shape s = shape_make(rank, dims);
        tensor made;
        ACCEL_TRY(tensor_create(item->value.type, &s, &made, err));
        *old = item->value;
        item->value = made;
        *out = &item->value;
        return ACCEL_OK;
    }
    return error_set(err, ACCEL_INTERNAL, "'%s' is not given", name);
}

void zoo_given_free(zoo_given_list *given) {
    for (size_t i = 0; i < given->count; i++)
        if (given->items[i].owned)
            tensor_free(&given->items[i].value);
    mem_free(given->items);
    *given = (zoo_given_list){0};
}
