/* Vendor libraries under AddressSanitizer. It ends the process when one is loaded with RTLD_DEEPBIND, as OpenVINO's thread library
 * asks for; and it takes what an unloaded plugin left behind for a leak without a name. So in sanitized builds these two stand
 * before the system's: dlopen drops the flag, dlclose keeps everything loaded. */
#ifdef ACCEL_SANITIZED
#include <dlfcn.h>
#include <string.h>

/* Vendor libraries must see them in place of the sanitizer's: the build hides symbols otherwise. */
#define SEEN __attribute__((visibility("default")))

SEEN void *dlopen(const char *path, int flags) {
    static void *(*next)(const char *, int);
    if (!next) {
        void *address = dlsym(RTLD_NEXT, "dlopen");
        memcpy(&next, &address, sizeof next);
    }
    return next(path, flags & ~RTLD_DEEPBIND);
}

SEEN int dlclose(void *handle) {
    (void)handle;
    return 0;
}
#endif
