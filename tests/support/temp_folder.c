#include "support/temp_folder.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

int temp_folder_setup(void **state) {
    str_buf path = {0};
    accel_error err;
    if (file_make_temp_folder("accel-test-", &path, &err) != ACCEL_OK) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    *state = path.data;
    return 0;
}

int temp_folder_teardown(void **state) {
    str_buf path = {.data = *state};
    accel_status status = file_remove_tree(path.data, NULL);
    str_free(&path);
    return status == ACCEL_OK ? 0 : -1;
}

const char *temp_path(void **state, const char *name) {
    static char paths[8][4096];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name);
    return path;
}

const char *temp_file(void **state, const char *name, const char *text) {
    const char *path = temp_path(state, name);
    FILE *file = fopen(path, "wb");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        perror(path);
        abort();
    }
    return path;
}
