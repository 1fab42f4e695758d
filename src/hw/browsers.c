/* Installed browsers, by their files: nothing is started. What each offers to models follows from its version and is said as "should";
 * what it really offers is seen when it is used. */
#include <stdlib.h>
#include <string.h>

#include "hw/big_file.h"
#include "hw/probes.h"

typedef enum family { CHROMIUM, FIREFOX, WEBKIT } family;

typedef struct browser {
    const char *name;
    family family;
    const char *const *files; /* where it lies when PATH does not have it; NULL-terminated */
    const char *const *commands;
    const char *const *packages; /* of Debian and its kin, for the version */
    const char *version_file;    /* with a line "Version=…", or only the version; NULL */
} browser;

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static const browser browsers[] = {
    {"Chromium", CHROMIUM,
     LIST("/usr/lib/chromium/chromium", "/usr/lib64/chromium-browser/chromium-browser", "/snap/bin/chromium"),
     LIST("chromium", "chromium-browser"), LIST("chromium", "chromium-browser"), NULL},
    {"Google Chrome", CHROMIUM, LIST("/opt/google/chrome/chrome"),
     LIST("google-chrome", "google-chrome-stable"), LIST("google-chrome-stable"), NULL},
    {"Microsoft Edge", CHROMIUM, LIST("/opt/microsoft/msedge/msedge"),
     LIST("microsoft-edge", "microsoft-edge-stable"), LIST("microsoft-edge-stable"), NULL},
    {"Firefox", FIREFOX,
     LIST("/usr/lib/firefox/firefox", "/usr/lib64/firefox/firefox", "/opt/firefox/firefox",
          "/snap/bin/firefox"),
     LIST("firefox"), LIST("firefox"), "/usr/lib/firefox/application.ini"},
    {"Firefox ESR", FIREFOX, LIST("/usr/lib/firefox-esr/firefox-esr"), LIST("firefox-esr"),
     LIST("firefox-esr"), "/usr/lib/firefox-esr/application.ini"},
    {"WebKitGTK", WEBKIT,
     LIST("/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
          "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.0/MiniBrowser",
          "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser", "/usr/libexec/webkit2gtk-4.1/MiniBrowser"),
     LIST("epiphany", "epiphany-browser", "MiniBrowser"),
     LIST("webkit2gtk-driver", "libwebkit2gtk-4.1-0", "epiphany-browser"), NULL},
};

/* ---- where and which version ------------------------------------------------------------------------------------------------- */

/* The first of the commands along PATH. */
static const char *along_path(hw_source *s, const char *const *commands, arena *a) {
    const char *path = hw_variable_value(s, "PATH");
    for (const char *at = path ? path : "/usr/local/bin:/usr/bin:/bin"; *at;) {
        size_t length = strcspn(at, ":");
        for (size_t i = 0; commands[i] && length > 0 && *at == '/'; i++) {
            const char *candidate = arena_printf(a, "%.*s/%s", (int)length, at, commands[i]);
            if (candidate && hw_exists(s, candidate))
                return candidate;
        }
        at += length + (at[length] == ':');
    }
    return NULL;
}

static const char *find(hw_source *s, const browser *b, arena *a) {
    for (size_t i = 0; b->files[i]; i++)
        if (hw_exists(s, b->files[i]))
            return b->files[i];
    return along_path(s, b->commands, a);
}

/* "Version: 156.0.1-1~deb12u1" of an installed package in dpkg's list. */
static char *find_package(const void *context, const char *bytes, size_t size, arena *a) {
    char key[96];
    size_t length = 0;
    str_format(key, sizeof key, "Package: %s\n", (const char *)context);
    const char *paragraph = memmem(bytes, size, key, strlen(key));
    if (!paragraph)
        return NULL;
    size_t left = size - (size_t)(paragraph - bytes);
    const char *end = memmem(paragraph, left, "\n\n", 2);
    left = end ? (size_t)(end - paragraph) : left;
    if (!memmem(paragraph, left, "Status: install ok installed", strlen("Status: install ok installed")))
        return NULL;
    const char *version = big_file_line(paragraph, left, "Version: ", &length);
    if (!version)
        return NULL;
    const char *start = version + strlen("Version: ");
    length -= strlen("Version: ");
    const char *epoch = memchr(start, ':', length);
    if (epoch) {
        length -= (size_t)(epoch + 1 - start);
        start = epoch + 1;
    }
    size_t upstream = 0; /* without Debian's own part */
    while (upstream < length && start[upstream] != '-' && start[upstream] != '~' && start[upstream] != '+')
        upstream++;
    return str_utf8_valid(start, upstream) ? arena_strndup(a, start, upstream) : NULL;
}

static const char *version_of(hw_source *s, const browser *b, arena *a) {
    static const char *const status[] = {"/var/lib/dpkg/status", NULL};
    const char *text = b->version_file ? hw_read_lines(s, b->version_file, "Version=") : NULL;
    const char *at = text ? strstr(text, "Version=") : NULL;
    for (; at && at != text && at[-1] != '\n';
         at = strstr(at + 1, "Version=")) /* "MinVersion=" is another line */
        continue;
    if (at)
        return arena_strndup(a, at + strlen("Version="), strcspn(at + strlen("Version="), "\n"));
    for (size_t i = 0; b->packages[i]; i++) {
        char name[96];
        str_format(name, sizeof name, "dpkg %s", b->packages[i]);
        const char *version = big_file_answer(s, name, status, find_package, b->packages[i], a);
        if (version)
            return version;
    }
    return NULL;
}

/* ---- what it should offer -------------------------------------------------------------------------------------------------------- */

static accel_status should(hw_report *r, hw_device *d, const char *interface, const char *what) {
    if (str_equal(what, "yes"))
        ACCEL_TRY(hw_report_interface(r, d, interface));
    return hw_report_fact(r, d, arena_printf(r->arena, "should offer %s", interface), "%s", what);
}

static accel_status offers(hw_report *r, hw_device *d, family f, const char *version) {
    long major = version ? strtol(version, NULL, 10) : 0, minor = 0;
    const char *dot = version ? strchr(version, '.') : NULL;
    minor = dot ? strtol(dot + 1, NULL, 10) : 0;
    if (major <= 0)
        return hw_report_fact(r, d, "should offer", "unknown: its files do not tell its version");
    if (f == CHROMIUM) {
        ACCEL_TRY(should(r, d, "wasm", major >= 91 ? "yes" : "without SIMD"));
        ACCEL_TRY(should(r, d, "webgpu", major >= 113 ? "behind --enable-unsafe-webgpu on Linux" : "no"));
        return should(r, d, "webnn",
                      major >= 112 ? "behind --enable-features=WebMachineLearningNeuralNetwork" : "no");
    }
    if (f == FIREFOX) {
        ACCEL_TRY(should(r, d, "wasm", major >= 89 ? "yes" : "without SIMD"));
        ACCEL_TRY(should(r, d, "webgpu", major >= 128 ? "behind dom.webgpu.enabled on Linux" : "no"));
        return should(r, d, "webnn", "no");
    }
    ACCEL_TRY(should(r, d, "wasm", major > 2 || minor >= 38 ? "yes" : "without SIMD"));
    ACCEL_TRY(should(r, d, "webgpu", "no"));
    return should(r, d, "webnn", "no");
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)options;
    (void)err;
    for (size_t i = 0; i < sizeof browsers / sizeof *browsers; i++) {
        const browser *b = &browsers[i];
        const char *file = find(s, b, r->arena);
        if (!file) {
            ACCEL_TRY(hw_report_evidence(r, "browsers", false, b->name,
                                         "absent: neither %s nor %s along PATH", b->files[0],
                                         b->commands[0]));
            continue;
        }
        hw_device *d = hw_report_device(r, NULL);
        if (!d)
            return ACCEL_OUT_OF_MEMORY;
        const char *version = version_of(s, b, r->arena);
        d->kind = HW_BROWSER;
        d->probe = "browsers";
        d->name = b->name;
        d->id = arena_strdup(r->arena, file);
        d->driver_version = version;
        d->reason = "browsers are not started to be looked at";
        ACCEL_TRY(offers(r, d, b->family, version));
        ACCEL_TRY(hw_report_evidence(r, "browsers", true, file, "%s %s", b->name,
                                     version ? version : "of unknown version"));
    }
    return ACCEL_OK;
}

const hw_probe probe_browsers = {
    .name = "browsers", .priority = 90, .summary = "installed browsers", .run = run};
