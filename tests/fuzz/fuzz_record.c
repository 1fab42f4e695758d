/* Whatever is read as a record is written as JSON that is read back to the same text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "measure/record.h"

static void check_one(const record *r) {
    str_buf first = {0}, second = {0};
    arena *a = arena_create();
    record back;
    record_write_json(r, &first);
    if (a && !first.failed && record_read_json(first.data, first.length, a, &back, NULL) == ACCEL_OK) {
        record_write_json(&back, &second);
        if (!second.failed && strcmp(str_text(&first), str_text(&second)) != 0)
            abort();
    } else if (a && !first.failed) {
        abort(); /* our own JSON was refused */
    }
    (void)record_validate(r, NULL);
    str_free(&first);
    str_free(&second);
    arena_destroy(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    arena *a = arena_create();
    record one, *many = NULL;
    size_t count = 0;
    if (!a)
        return 0;
    if (record_read_json((const char *)data, size, a, &one, NULL) == ACCEL_OK)
        check_one(&one);
    if (record_read_json_array((const char *)data, size, a, &many, &count, NULL) == ACCEL_OK)
        for (size_t i = 0; i < count; i++)
            check_one(&many[i]);
    arena_destroy(a);
    return 0;
}
