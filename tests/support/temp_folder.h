/* A folder of its own for a test; removed with everything in it. */
#ifndef ACCEL_TESTS_SUPPORT_TEMP_FOLDER_H
#define ACCEL_TESTS_SUPPORT_TEMP_FOLDER_H

/* For cmocka_unit_test_setup_teardown: *state is the folder's path (char *). */
int temp_folder_setup(void **state);
int temp_folder_teardown(void **state);

/* "<folder>/<name>", valid until the eighth call after this one. */
const char *temp_path(void **state, const char *name);
/* Writes text at that path, with plain stdio, and returns the path. */
const char *temp_file(void **state, const char *name, const char *text);

#endif
