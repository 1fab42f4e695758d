/* Where a vendor runtime may lie. Nothing is loaded here: files are only looked at. */
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "engines/engine.h"

enum { PROGRAM_FOLDER_LEVELS = 5, LOADER_FILE_BYTES = 64 * 1024 };

typedef struct finder {
    const char *package;
    const char *const *patterns;
    size_t pattern_count;
    str_buf *path;   /* the library, once found */
    str_buf *looked; /* a list, joined by "; " */
    bool no_memory;
} finder;

/* ---- one folder ------------------------------------------------------------------------------------------------- */

/* Compares names as people read versions: runs of digits by value, so that .so.1.9 comes before .so.1.10. */
static int compare_versions(const char *a, const char *b) {
    while (*a && *b) {
        size_t a_digits = strspn(a, "0123456789"), b_digits = strspn(b, "0123456789");
        if (a_digits && b_digits) {
            long long a_value = strtoll(a, NULL, 10), b_value = strtoll(b, NULL, 10);
            if (a_value != b_value) {
                return a_value < b_value ? -1 : 1;
            }
            a += a_digits;
            b += b_digits;
        } else if (*a != *b) {
            return *a < *b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return (*a != 0) - (*b != 0);
}

/* What a final * stands for must be a version: "libx.so.1.2", never "libx.so.1.2.backup". */
static bool name_matches(const char *name, const char *pattern) {
    size_t length = strlen(pattern);
    if (fnmatch(pattern, name, 0) != 0) {
        return false;
    }
    if (length == 0 || pattern[length - 1] != '*') {
        return true;
    }
    const char *rest = name + (length - 1);
    return rest[strspn(rest, "0123456789.")] == '\0';
}

typedef struct folder_search {
    const char *folder, *pattern;
    str_buf best; /* name of the newest match so far */
    bool no_memory;
} folder_search;

static accel_status visit_entry(void *context, const char *name, accel_error *err) {
    (void)err;
    folder_search *s = context;
    if (!name_matches(name, s->pattern) || (s->best.data && compare_versions(name, s->best.data) <= 0)) {
        return ACCEL_OK;
    }
    str_buf path = {0};
    file_join(&path, s->folder, name);
    /* Broken links and folders of that name are passed over. */
    bool is_file = !path.failed && file_exists(path.data) && !file_is_folder(path.data);
    s->no_memory |= path.failed;
    str_free(&path);
    if (is_file) {
        str_free(&s->best);
        str_append(&s->best, name);
        s->no_memory |= s->best.failed;
    }
    return ACCEL_OK;
}

/* Earlier patterns win over later ones; within a pattern the newest version wins. */
static bool search_folder(finder *f, const char *folder) {
    for (size_t i = 0; i < f->pattern_count && file_is_folder(folder); i++) {
        folder_search s = {.folder = folder, .pattern = f->patterns[i]};
        accel_status status = file_list(folder, visit_entry, &s, NULL); /* unreadable: as good as absent */
        f->no_memory |= s.no_memory || status == ACCEL_OUT_OF_MEMORY;
        bool found = status == ACCEL_OK && s.best.data && !s.no_memory;
        if (found) {
            file_join(f->path, folder, s.best.data);
        }
        str_free(&s.best);
        if (found) {
            return true;
        }
    }
    return false;
}

/* A folder that somebody named: the library may lie in it or where its wheel or archive puts it below. */
static bool search_tree(finder *f, const char *folder) {
    static const char *const places[] = {"", "capi", "libs", "lib", "lib64", "runtime/lib/intel64"};
    for (int with_package = 0; with_package < 2; with_package++) {
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            str_buf place = {0};
            str_append(&place, folder);
            if (with_package) {
                str_appendf(&place, "/%s", f->package);
            }
            if (places[i][0]) {
                str_appendf(&place, "/%s", places[i]);
            }
            bool found = !place.failed && search_folder(f, place.data);
            f->no_memory |= place.failed;
            str_free(&place);
            if (found) {
                return true;
            }
        }
    }
    return false;
}

/* Folders that a pattern names ("…/python3*\/site-packages"), newest first. */
static bool search_glob(finder *f, const char *pattern, bool tree) {
    glob_t matches;
    if (glob(pattern, GLOB_ONLYDIR, NULL, &matches) != 0) {
        return false;
    }
    bool found = false;
    for (size_t i = matches.gl_pathc; i-- > 0 && !found;) {
        found = tree ? search_tree(f, matches.gl_pathv[i]) : search_folder(f, matches.gl_pathv[i]);
    }
    globfree(&matches);
    return found;
}

static void note(finder *f, const char *where) {
    if (f->looked->length > 0) {
        str_append(f->looked, "; ");
    }
    str_append(f->looked, where);
}

/* ---- the places, in order --------------------------------------------------------------------------------------- */

static bool search_runtime_paths(finder *f, const engine_context *context) {
    for (size_t i = 0; context && i < context->runtime_path_count; i++) {
        note(f, "--runtime-path ");
        str_append(f->looked, context->runtime_paths[i]);
        if (search_tree(f, context->runtime_paths[i])) {
            return true;
        }
    }
    return false;
}

/* What the variable names is taken or refused; another copy is never taken in its place. */
static accel_status search_variable(finder *f, const char *variable, bool *found, accel_error *err) {
    const char *named = variable ? getenv(variable) : NULL;
    if (!named || !named[0]) {
        if (variable) {
            note(f, variable);
            str_append(f->looked, " (not set)");
        }
        return ACCEL_OK;
    }
    note(f, variable);
    str_appendf(f->looked, " (%s)", named);
    if (file_is_folder(named)) {
        *found = search_tree(f, named);
    } else if (file_exists(named)) {
        str_append(f->path, named);
        *found = true;
    }
    if (*found) {
        return ACCEL_OK;
    }
    return error_set(err, ACCEL_ABSENT, "%s names %s, where there is no %s", variable, named, f->patterns[0]);
}

/* .deps beside the program or in a folder above it, where `make deps` puts it; also lib/accel of an installed tree. The current
 * folder is not searched: a library must not be picked up from wherever somebody happens to stand. */
static bool search_deps(finder *f, const engine_context *context) {
    const char *data = getenv("ACCEL_DATA");
    str_buf folder = {0}, place = {0};
    bool found = false;
    if (data && data[0]) {
        str_appendf(&place, "%s/%s", data, f->package);
        found = !place.failed && search_tree(f, place.data);
        f->no_memory |= place.failed;
    }
    if (context && context->program_folder) {
        note(f, ".deps beside the program or above it");
        str_append(&folder, context->program_folder);
    }
    for (int level = 0; level < PROGRAM_FOLDER_LEVELS && folder.data && !found; level++) {
        str_free(&place);
        str_appendf(&place, "%s/.deps/%s", folder.data, f->package);
        found = !place.failed && search_tree(f, place.data);
        f->no_memory |= place.failed;
        str_append(&folder, "/..");
    }
    f->no_memory |= folder.failed;
    str_free(&folder);
    str_free(&place);
    return found;
}

static bool search_python_below(finder *f, const char *prefix) {
    static const char *const places[] = {"lib/python3*/site-packages", "lib64/python3*/site-packages",
                                         "lib/python3*/dist-packages", "lib/python3/dist-packages"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        str_buf pattern = {0};
        str_appendf(&pattern, "%s/%s/%s", prefix, places[i], f->package);
        bool found = !pattern.failed && search_glob(f, pattern.data, true);
        f->no_memory |= pattern.failed;
        str_free(&pattern);
        if (found) {
            return true;
        }
    }
    return false;
}

static bool search_python(finder *f) {
    static const char *const variables[] = {"VIRTUAL_ENV", "CONDA_PREFIX"};
    bool active = false;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *prefix = getenv(variables[i]);
        if (!prefix || !prefix[0]) {
            continue;
        }
        active = true;
        note(f, prefix);
        if (search_python_below(f, prefix)) {
            return true;
        }
    }
    if (!active) {
        note(f, "a Python environment (none is active)");
    }
    return false;
}

/* The folders of the system's loader: its variable, its configuration, its built-in ones. */
static bool search_configured(finder *f, const char *file) {
    char *text = NULL;
    size_t length = 0;
    accel_status status = file_read(file, LOADER_FILE_BYTES, &text, &length, NULL);
    if (status != ACCEL_OK) {
        f->no_memory |= status == ACCEL_OUT_OF_MEMORY;
        return false;
    }
    bool found = false;
    char *rest = NULL;
    for (char *line = strtok_r(text, " \t\r\n", &rest); line && !found;
         line = strtok_r(NULL, " \t\r\n", &rest)) {
        found = line[0] == '/' && search_folder(f, line);
    }
    mem_free(text);
    return found;
}

static bool search_loader_configuration(finder *f) {
    glob_t files;
    bool found = search_configured(f, "/etc/ld.so.conf");
    if (found || glob("/etc/ld.so.conf.d/*.conf", 0, NULL, &files) != 0) {
        return found;
    }
    for (size_t i = 0; i < files.gl_pathc && !found; i++) {
        found = search_configured(f, files.gl_pathv[i]);
    }
    globfree(&files);
    return found;
}

static bool search_path_list(finder *f, const char *variable) {
    const char *at = getenv(variable);
    bool found = false;
    while (at && *at && !found) {
        size_t length = strcspn(at, ":");
        str_buf folder = {0};
        str_append_bytes(&folder, at, length);
        found = length > 0 && !folder.failed && search_folder(f, folder.data);
        f->no_memory |= folder.failed;
        str_free(&folder);
        at += length + (at[length] == ':');
    }
    return found;
}

static bool search_system(finder *f) {
    static const char *const folders[] = {"/usr/local/lib", "/lib64",   "/usr/lib64",
                                          "/lib",           "/usr/lib", "/opt/homebrew/lib"};
    note(f, "the system's library folders");
    if (search_path_list(f, "LD_LIBRARY_PATH") || search_loader_configuration(f)) {
        return true;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (search_folder(f, folders[i])) {
            return true;
        }
    }
    return search_glob(f, "/opt/intel/openvino*", true) || search_python_below(f, "/usr/local") ||
           search_python_below(f, "/usr");
}

/* Without "..", links and the folder that the program was started in: what a record can show and a later call compare. */
static void resolve(str_buf *path) {
    char *real = path->failed ? NULL : realpath(str_text(path), NULL);
    if (real) {
        str_free(path);
        str_append(path, real);
    }
    free(real);
}

accel_status engine_find_library(const engine_context *context, const char *environment, const char *package,
                                 const char *const *patterns, size_t pattern_count, str_buf *path,
                                 str_buf *looked, accel_error *err) {
    finder f = {.package = package,
                .patterns = patterns,
                .pattern_count = pattern_count,
                .path = path,
                .looked = looked};
    bool found = search_runtime_paths(&f, context);
    if (!found) {
        ACCEL_TRY(search_variable(&f, environment, &found, err));
    }
    found = found || search_deps(&f, context) || search_python(&f) || search_system(&f);
    if (found) {
        resolve(path);
    }
    if (f.no_memory || path->failed || looked->failed) {
        return error_no_memory(err, "the path of a library", path->length);
    }
    if (!found) {
        return error_set(err, ACCEL_ABSENT, "no %s found; looked in: %s", patterns[0], str_text(looked));
    }
    return ACCEL_OK;
}
