#include "engines/browser/web_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static bool try_folder(const char *folder, const char *below, str_buf *out) {
    str_buf probe = {0};
    out->length = 0;
    if (below != NULL)
        file_join(out, folder, below);
    else
        str_append(out, folder);
    file_join(&probe, str_text(out), "package/index.js");
    bool found = !probe.failed && !out->failed && file_exists(str_text(&probe));
    str_free(&probe);
    return found;
}

accel_status web_files_find(const engine_context *context, str_buf *folder, accel_error *err) {
    static const char *const below[] = {"web", "../web", "../share/accel/web"};
    const char *given = getenv("ACCEL_WEB");
    if (given != NULL && *given != '\0') {
        if (try_folder(given, NULL, folder))
            return ACCEL_OK;
        return error_set(err, ACCEL_ABSENT, "ACCEL_WEB is %s, where there is no package/index.js", given);
    }
    const char *program = context != NULL && context->program_folder != NULL ? context->program_folder : ".";
    for (size_t i = 0; i < sizeof below / sizeof *below; i++)
        if (try_folder(program, below[i], folder))
            return ACCEL_OK;
    return error_set(
        err, ACCEL_ABSENT,
        "accel's web files are not here (looked for web/package, ../web/package and ../share/accel/web/package beside "
        "%s); `make web` builds them, ACCEL_WEB names another place",
        program);
}

static const char *type_of(const char *path) {
    static const struct {
        const char *ending, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".wasm", "application/wasm"},
                 {".json", "application/json"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".txt", "text/plain; charset=utf-8"}};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n = strlen(types[i].ending);
        if (length > n && strcmp(path + length - n, types[i].ending) == 0)
            return types[i].type;
    }
    return NULL;
}

bool web_files_answer(const char *folder, const net_request *request, net_response *response) {
    static const char *const roots[] = {"/agent/", "/package/", "/example/"};
    bool ours = false;
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        ours = ours || str_starts_with(request->path, roots[i]);
    if (!ours || strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0)
        return false;
    const char *type = type_of(request->path);
    if (type == NULL)
        return true; /* 404: nothing of another kind is given out */
    file_join(&response->file, folder, request->path + 1);
    response->type = type;
    response->status = 200;
    return true;
}
