/* Browsers as devices: a model in a tab of a browser that accel starts, or of another device. Its platforms are those that the page itself finds. */
#include <string.h>

#include "base/thread.h"
#include "base/version.h"
#include "browsers/browsers.h"
#include "engines/browser/hub.h"
#include "engines/browser/session.h"
#include "engines/browser/user_agent.h"
#include "engines/browser/web_files.h"

static const platform platforms[] = {PLATFORM_WASM, PLATFORM_WEBNN, PLATFORM_WEBGPU};
enum { PLATFORMS = sizeof platforms / sizeof *platforms, MOST_AGENTS = 64 };

static const char *device_title(arena *a, const browser_info *info) {
    str_buf text = {0};
    str_appendf(&text, "%s%s%s", info->title, info->version != NULL ? " " : "",
                info->version != NULL ? info->version : "");
    const char *copy = text.failed ? NULL : arena_strdup(a, str_text(&text));
    str_free(&text);
    return copy;
}

/* In fp16 a GPU's kernels hold values in types that not every one has. */
static void take_features(yyjson_val *adapter, engine_device *d) {
    yyjson_val *feature;
    size_t i, n;
    if (d->platform != PLATFORM_WEBGPU || !yyjson_is_obj(adapter))
        return;
    d->lacks = "its GPU lacks the feature shader-f16, which fp16 needs";
    yyjson_arr_foreach(yyjson_obj_get(adapter, "features"), i, n, feature) {
        if (!str_equal(yyjson_get_str(feature), "shader-f16"))
            continue;
        d->precisions |= 1U << PRECISION_FP16;
        d->lacks = NULL;
    }
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
        yyjson_val *adapter = yyjson_obj_get(item, "adapter"); /* of WebGPU */
        take_features(adapter, d);
        d->driver = json_get_text(adapter, "name", a, &ok);
        d->note =
            yyjson_is_true(yyjson_obj_get(adapter, "fallback")) ? "software: runs on the processor" : NULL;
    }
}

/* Opens a tab to ask it; a browser that ended meanwhile is asked once more, for that may have been chance. */
static accel_status open_to_ask(const engine_context *context, const char *name, tab **t, accel_error *why) {
    accel_status status = tab_open(context, name, t, why);
    bool ended = status == ACCEL_CRASHED || status == ACCEL_RUNTIME; /* with the page, or before it came */
    return ended ? tab_open(context, name, t, why) : status;
}

/* One row a platform of a browser: as its page says, or why it could not be asked. */
static accel_status probe_browser(const engine_context *context, arena *a, const browser_info *info,
                                  engine_device *rows, accel_error *err) {
    accel_error why = {0};
    tab *t = NULL;
    const char *title = device_title(a, info);
    accel_status status = info->available ? open_to_ask(context, info->name, &t, &why) : ACCEL_ABSENT;
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
                                  .crashed = status == ACCEL_CRASHED,
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

static accel_status probe_browsers(const engine_context *context, arena *a, engine_report *out,
                                   accel_error *err) {
    for (size_t i = 0; i < browser_kind_count(); i++) {
        browser_info info = {0};
        if (!is_asked_for(context, browser_kind_name(i)))
            continue;
        ACCEL_TRY(browser_find(browser_kind_name(i), a, &info, err));
        ACCEL_TRY(probe_browser(context, a, &info, out->devices + out->device_count, err));
        out->device_count += PLATFORMS;
    }
    return ACCEL_OK;
}

/* ---- other devices --------------------------------------------------------------------------------------------------------- */

/* Rows of an agent; `agent` is its entry in the hub's list, NULL: it was named and is not there. */
static accel_status probe_agent(arena *a, const char *id, yyjson_val *agent, const char *reason,
                                engine_device *rows, accel_error *err) {
    bool ok = true;
    yyjson_val *hello = yyjson_obj_get(agent, "hello");
    const char *user_agent = json_get_text(hello, "user_agent", a, &ok);
    char title[USER_AGENT_TITLE_BYTES];
    user_agent_title(user_agent != NULL ? user_agent : id, title);
    const char *name = arena_strdup(a, title);
    if (name == NULL)
        return error_no_memory(err, "an agent's description", sizeof title);
    for (size_t p = 0; p < PLATFORMS; p++) {
        rows[p] = (engine_device){.platform = platforms[p],
                                  .id = id,
                                  .name = name,
                                  .reason = reason,
                                  .elsewhere = true,
                                  .precisions = 1U << PRECISION_FP32};
        if (agent != NULL)
            take_platform(yyjson_obj_get(hello, "capabilities"), a, &rows[p]);
    }
    return ok ? ACCEL_OK : error_no_memory(err, "an agent's description", 0);
}

static yyjson_val *find_agent(yyjson_val *agents, const char *name) {
    yyjson_val *one;
    size_t i, count;
    yyjson_arr_foreach(agents, i, count, one) {
        if (str_equal(yyjson_get_str(yyjson_obj_get(one, "name")), name))
            return one;
    }
    return NULL;
}

/* Those that were named, connected or not. */
static accel_status probe_named_agents(const engine_context *context, arena *a, yyjson_val *agents,
                                       const char *reason, engine_report *out, accel_error *err) {
    for (size_t i = 0; i < context->browser_count; i++) {
        const char *id = context->browsers[i];
        if (*id != TAB_AGENT_MARK)
            continue;
        const char *copy = arena_strdup(a, id);
        if (copy == NULL)
            return error_no_memory(err, "an agent's name", strlen(id));
        ACCEL_TRY(
            probe_agent(a, copy, find_agent(agents, id + 1), reason, out->devices + out->device_count, err));
        out->device_count += PLATFORMS;
    }
    return ACCEL_OK;
}

static accel_status probe_all_agents(arena *a, yyjson_val *agents, engine_report *out, accel_error *err) {
    yyjson_val *one;
    size_t i, count;
    yyjson_arr_foreach(agents, i, count, one) {
        const char *name = yyjson_get_str(yyjson_obj_get(one, "name"));
        const char *id = arena_printf(a, "%c%s", TAB_AGENT_MARK, name != NULL ? name : "");
        if (i == MOST_AGENTS)
            break;
        if (id == NULL)
            return error_no_memory(err, "an agent's name", 1);
        ACCEL_TRY(probe_agent(a, id, one, NULL, out->devices + out->device_count, err));
        out->device_count += PLATFORMS;
    }
    return ACCEL_OK;
}

static accel_status probe_agents(const engine_context *context, arena *a, engine_report *out,
                                 accel_error *err) {
    yyjson_doc *doc = NULL;
    accel_error why = {0};
    bool listed = hub_list(&doc, &why) == ACCEL_OK; /* no hub is no error: few machines have one */
    yyjson_val *agents = yyjson_obj_get(yyjson_doc_get_root(doc), "agents");
    const char *reason = arena_strdup(
        a, listed ? "no agent of this name is connected to `accel serve --agents`" : why.message);
    accel_status status = ACCEL_OK;
    if (reason == NULL)
        status = error_no_memory(err, "a reason", sizeof why);
    else if (context != NULL && context->browser_count > 0)
        status = probe_named_agents(context, a, agents, reason, out, err);
    else
        status = probe_all_agents(a, agents, out, err);
    yyjson_doc_free(doc);
    return status;
}

/* ---- the engine -------------------------------------------------------------------------------------------------------------- */

static accel_status probe(const engine_context *context, arena *a, engine_report *out, accel_error *err) {
    accel_error why = {0};
    str_buf web = {0};
    size_t most = browser_kind_count() + MOST_AGENTS + (context != NULL ? context->browser_count : 0);
    *out = (engine_report){.version = accel_version_text()};
    accel_status status = web_files_find(context, &web, &why);
    str_free(&web);
    if (status != ACCEL_OK) {
        out->reason = arena_strdup(a, why.message);
        return out->reason != NULL ? ACCEL_OK : error_no_memory(err, "a reason", sizeof why);
    }
    out->present = true;
    out->devices = ARENA_ARRAY(a, engine_device, most * PLATFORMS);
    if (out->devices == NULL)
        return error_no_memory(err, "browsers", most * PLATFORMS * sizeof *out->devices);
    ACCEL_TRY(probe_browsers(context, a, out, err));
    return probe_agents(context, a, out, err);
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
        "models in a tab of Chromium, Firefox or WebKit: accel as WebAssembly or on WebGPU, and the browser's own WebNN",
    .needs_file = true,
    .form = FORM_HOUSE,
    .probe_in_child = true,
    .by_request = 1U << PLATFORM_WASM | 1U << PLATFORM_WEBNN | 1U << PLATFORM_WEBGPU,
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
    .profile = page_profile,
    .start = page_start,
    .generate = page_generate,
    .unload = page_unload,
    .tuner = &page_tuner,
};
