/* A library of that name which is something else. */
__attribute__((visibility("default"))) int something_else(void);
int something_else(void) {
    return 0;
}
