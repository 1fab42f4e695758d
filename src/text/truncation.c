#include "text/truncation.h"

accel_status text_truncation_read(const text_reader *r, text_object root, text_truncation *out) {
    static const char *const directions[] = {"Right", "Left"};
    static const char *const strategies[] = {"LongestFirst", "OnlyFirst", "OnlySecond"};
    text_object o;
    size_t direction = 0, strategy = 0;
    yyjson_val *value = yyjson_obj_get(root.value, "truncation");
    if (!value || yyjson_is_null(value)) {
        return ACCEL_OK;
    }
    ACCEL_TRY(text_read_object(r, root, "truncation", &o));
    ACCEL_TRY(text_read_size(r, o, "max_length", TEXT_REQUIRED, &out->max_length));
    ACCEL_TRY(text_read_word(r, o, "direction", TEXT_OPTIONAL, directions, 2, &direction));
    ACCEL_TRY(text_read_word(r, o, "strategy", TEXT_REQUIRED, strategies, 3, &strategy));
    out->left = direction == 1;
    out->strategy = (text_strategy)strategy;
    return ACCEL_OK;
}

static void cut(const text_truncation *t, text_ids *ids, size_t most) {
    if (ids->count > most) {
        if (t->left && most > 0) {
            memmove(ids->items, ids->items + (ids->count - most), most * sizeof *ids->items);
        }
        ids->count = most;
    }
}

/* The longer text is cut until both have the same length, then both are. */
static void cut_longest(const text_truncation *t, size_t most, text_ids *first, text_ids *second) {
    size_t shorter = first->count, longer;
    bool swapped = first->count > second->count;
    if (swapped) {
        shorter = second->count;
    }
    longer = shorter > most ? shorter : (most - shorter > shorter ? most - shorter : shorter);
    if (shorter + longer > most) {
        shorter = most / 2;
        longer = shorter + most % 2;
    }
    cut(t, first, swapped ? longer : shorter);
    cut(t, second, swapped ? shorter : longer);
}

accel_status text_truncate(const text_truncation *t, size_t most, text_ids *first, text_ids *second,
                           accel_error *err) {
    size_t total = first->count + (second ? second->count : 0);
    if (total <= most) {
        return ACCEL_OK;
    }
    if (t->strategy == TEXT_LONGEST_FIRST || most == 0) {
        if (second) {
            cut_longest(t, most, first, second);
        } else {
            cut(t, first, most);
        }
        return ACCEL_OK;
    }
    text_ids *target = t->strategy == TEXT_ONLY_FIRST ? first : second;
    if (!target) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "only the second text may be cut, and there is none");
    }
    if (target->count <= total - most) {
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "the %s text, which alone may be cut, is too short for %zu ids in all",
                         target == first ? "first" : "second", most);
    }
    cut(t, target, target->count - (total - most));
    return ACCEL_OK;
}
