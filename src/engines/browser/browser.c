/* Browsers as devices: a model in a tab of a browser that accel starts. Its platforms are those that the page itself finds. */
#include <string.h>

#include "base/thread.h"
#include "base/version.h"
#include "browsers/browsers.h"
#include "engines/browser/session.h"
#include "engines/browser/web_files.h"

static const platform platforms[] = {PLATFORM_WASM, PLATFORM_WEBNN};
enum { PLATFORMS = sizeof platforms / sizeof *platforms };

static const char *device_title(arena *a, const browser_info *info) {
    str_buf text = {0};
    str_appendf(&text, "%s%s%s", info->title, info->version != NULL ? " " : "",
                info->version != NULL ? info->version : "");
    const char *copy = text.failed ? NULL : arena_strdup(a, str_text(&text));
    str_free(&text);
    return copy;
}

/* What the page says of a platform, into d. */
static void take_platform(yyjson_val *capabilities, arena *a, engine_device *d) {
    yyjson_val *list = yyjson_obj_get(capabilities, "platforms"), *item;
    size_t i, n;
    bool ok = true;
    d->reason = "the page says nothing about it";
    yyjson_arr_foreach(list, i, n, item) {
        const char *name = yyjson_get_str(yyjson_obj_get(item, "name"));
        if (!str_equal(name, platform_name(d->platform)))
            continue;
        d->available = yyjson_get_bool(yyjson_obj_get(item, "available"));
        const char *reason = json_get_text(item, "reason", a, &ok);
        d->reason = d->available ? NULL : reason != NULL ? reason : "the page gives no reason";
    }
}

/* One row a platform of a browser: as its page says, or why it could not be asked. */
static accel_status probe_browser(const engine_context *context, arena *a, const browser_info *info,
                                  engine_device *rows, accel_error *err) {
    accel_error why = {0};
    tab *t = NULL;
    const char *title = device_title(a, info);
    accel_status status = info->available ? tab_open(context, info->name, &t, &why) : ACCEL_ABSENT;
    const char *reason = info->available ? arena_strdup(a, why.message) : info->reason;
    if (title == NULL || (status != ACCEL_OK && reason == NULL)) {
        tab_close(t);
        return error_no_memory(err, "a browser's description", 0);
    }
    for (size_t p = 0; p < PLATFORMS; p++) {
        rows[p] = (engine_device){.platform = platforms[p],
                                  .id = info->name,
                                  .name = title,
                                  .reason = reason,
                                  .precisions = 1U << PRECISION_FP32};
        if (status == ACCEL_OK)
            take_platform(tab_capabilities(t), a, &rows[p]);
    }
    tab_close(t);
    return ACCEL_OK;
}

static bool is_asked_for(const engine_context *context, const char *name) {
    for (size_t i = 0; context != NULL && i < context->browser_count; i++)
        if (str_equal(context->browsers[i], name))
            return true;
    return context == NULL || context->browser_count == 0;
}

static accel_status probe(const engine_context *context, arena *a, engine_report *out, accel_error *err) {
    accel_error why = {0};
    str_buf web = {0};
    size_t kinds = browser_kind_count();
    *out = (engine_report){.version = accel_version_text()};
    accel_status status = web_files_find(context, &web, &why);
    str_free(&web);
    if (status != ACCEL_OK) {
        out->reason = arena_strdup(a, why.message);
        return out->reason != NULL ? ACCEL_OK : error_no_memory(err, "a reason", sizeof why);
    }
    out->present = true;
    out->devices = ARENA_ARRAY(a, engine_device, kinds * PLATFORMS);
    if (out->devices == NULL)
        return error_no_memory(err, "browsers", kinds * PLATFORMS * sizeof *out->devices);
    for (size_t i = 0; i < kinds; i++) {
        browser_info info = {0};
        if (!is_asked_for(context, browser_kind_name(i)))
            continue;
        ACCEL_TRY(browser_find(browser_kind_name(i), a, &info, err));
        ACCEL_TRY(probe_browser(context, a, &info, out->devices + out->device_count, err));
        out->device_count += PLATFORMS;
    }
    return ACCEL_OK;
}

static void timing(const engine_session *s, engine_timing *out) {
    *out = s->timing;
}

static void ran(const engine_session *s, engine_ran *out) {
    *out = s->ran;
}

const engine_def engine_browser = {
    .name = "browser",
    .summary =
        "models in a tab of Chromium, Firefox or WebKit: accel as WebAssembly, and the browser's own WebNN",
    .needs_file = true,
    .form = FORM_HOUSE,
    .probe_in_child = true,
    .by_request = 1U << PLATFORM_WASM | 1U << PLATFORM_WEBNN,
    .probe = probe,
    .load = page_load,
    .bind = page_bind,
    .run = page_run,
    .sample = page_sample,
    .outputs = page_outputs,
    .timing = timing,
    .memory = page_memory,
    .ran = ran,
    .web = page_web,
    .unload = page_unload,
};
