#include <dlfcn.h>
#include <string.h>

#include "base/library.h"
#include "base/mem.h"
#include "base/str.h"

struct library {
    void *handle;
    char *path;
};

static const char *loader_words(void) {
    const char *words = dlerror();
    return words ? words : "the system's loader gives no reason";
}

accel_status library_open(const char *path, library **out, accel_error *err) {
    *out = NULL;
    if (!path || !path[0]) { /* dlopen would take the program itself */
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the name of a library to load is empty");
    }
    library *l = mem_calloc(1, sizeof *l);
    str_buf name = {0};
    str_append(&name, path);
    if (!l || name.failed) {
        mem_free(l);
        str_free(&name);
        return error_no_memory(err, path, sizeof *l);
    }
    /* Lazy: a function that we never call may be missing. Local: two runtimes may carry the same names. */
    l->handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!l->handle) {
        accel_status status = error_set(err, ACCEL_ABSENT, "%s", loader_words());
        str_free(&name);
        mem_free(l);
        return status;
    }
    l->path = name.data;
    *out = l;
    return ACCEL_OK;
}

void library_close(library *l) {
    if (!l) {
        return;
    }
    dlclose(l->handle);
    mem_free(l->path);
    mem_free(l);
}

bool library_find(const library *l, const char *name, void *pointer) {
    void *address = dlsym(l->handle, name);
    if (!address) {
        return false;
    }
    /* ISO C has no cast from object to function pointer; POSIX promises that the bytes are the same. */
    memcpy(pointer, &address, sizeof address);
    return true;
}

accel_status library_bind(const library *l, const char *name, void *pointer, accel_error *err) {
    if (library_find(l, name, pointer)) {
        return ACCEL_OK;
    }
    return error_set(err, ACCEL_ABSENT, "%s has no function %s: it is another library or too old", l->path,
                     name);
}
