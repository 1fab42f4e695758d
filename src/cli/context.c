#include "cli/context.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/version.h"
#include "browsers/browsers.h"
#include "cli/cache_folder.h"
#include "cli/interrupt.h"
#include "engines/tuning_file.h"
#include "measure/measure.h"

static const char *program_folder(arena *a) {
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return NULL;
    path[length] = 0;
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return NULL;
    *slash = 0;
    return arena_strdup(a, path);
}

const char *const *cli_browsers(const command_line *line, size_t *count) {
    size_t named, places;
    const char *const *names = line_list(line, "browser", &named);
    const char *const *on = line_list(line, "on", &places);
    const char **all = ARENA_ARRAY(line->arena, const char *, named + places + 1);
    *count = 0;
    for (size_t i = 0; all != NULL && i < named + places; i++) {
        const char *name = i < named ? names[i] : strchr(on[i - named], '@');
        size_t k = 0;
        while (name != NULL && k < *count && !str_equal(all[k], name))
            k++;
        if (name != NULL && k == *count) /* a device of two platforms is one */
            all[(*count)++] = name;
    }
    return all;
}

accel_status cli_browsers_check(const command_line *line, accel_error *err) {
    const char *known[32];
    size_t count, kinds = 0;
    const char *const *names = line_list(line, "browser", &count);
    for (; kinds < browser_kind_count() && kinds < sizeof known / sizeof *known; kinds++)
        known[kinds] = browser_kind_name(kinds);
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < kinds && !str_equal(known[k], names[i]))
            k++;
        if (k < kinds || *names[i] == '@')
            continue; /* of another device: whether it is connected is found out later */
        const char *near = str_nearest(names[i], known, kinds);
        return error_set(err, ACCEL_INVALID_ARGUMENT, "--browser: there is no browser '%s'%s%s", names[i],
                         near != NULL ? ", did you mean " : "", near != NULL ? near : "");
    }
    return ACCEL_OK;
}

engine_context cli_engine_context(const command_line *line) {
    engine_context c = {0};
    c.runtime_paths = line_list(line, "runtime-path", &c.runtime_path_count);
    c.browsers = cli_browsers(line, &c.browser_count);
    c.program_folder = program_folder(line->arena);
    c.tuning_path = cache_file(line->arena, CACHE_TUNING);
    accel_error why = {0};
    if (tuning_file_check(c.tuning_path, &why) != ACCEL_OK)
        log_warning("GPU kernels run as usual: %s", why.message);
    return c;
}

/* The folder of `make deps` for a program that was built but not installed, from whichever folder it is called: .deps in
 * a folder above the program. NULL leaves the search to the zoo. */
static const char *data_folder(arena *a) {
    const char *folder = program_folder(a);
    if (getenv("ACCEL_DATA") != NULL || file_is_folder(".deps"))
        return NULL;
    for (int up = 0; up < 4 && folder != NULL; up++) {
        const char *candidate = arena_printf(a, "%s/.deps", folder);
        if (candidate != NULL && file_is_folder(candidate))
            return candidate;
        folder = arena_printf(a, "%s/..", folder);
    }
    return NULL;
}

/* The command as it was typed, for records. */
static const char *command_text(const command_line *line) {
    const char *text = arena_printf(line->arena, "accel %s", line->command->name);
    for (int i = 0; i < line->argc && text != NULL; i++)
        text = arena_printf(line->arena, "%s %s", text, line->argv[i]);
    return text;
}

measure_host cli_measure_host(const command_line *line, const engine_context *context) {
    return (measure_host){.context = context,
                          .data_folder = data_folder(line->arena),
                          .command_line = command_text(line),
                          .git_commit = accel_git_commit()};
}

static accel_status pick_device(const engine_report *report, const char *id, cli_engine *out,
                                accel_error *err) {
    const char *name = out->engine->name;
    for (size_t i = 0; report->present && i < report->device_count; i++) {
        const engine_device *d = &report->devices[i];
        if (id != NULL ? !str_equal(d->id, id) : !d->available)
            continue;
        if (!d->available)
            return error_set(err, ACCEL_ABSENT, "%s cannot use %s: %s", name, d->id,
                             d->reason != NULL ? d->reason : "no reason given");
        out->device = d;
        return ACCEL_OK;
    }
    return error_set(err, ACCEL_ABSENT, "%s has no %s here%s%s", name, id != NULL ? id : "usable device",
                     report->reason != NULL ? ": " : "",
                     report->reason != NULL ? report->reason : "; `accel detect` shows what was found");
}

/* --on: the first engine with an available device of the platform, among those that --engine and --browser leave. */
static accel_status find_platform(const command_line *line, const char *name, cli_engine *out,
                                  accel_error *err) {
    const char *engine = line_text(line, "engine", NULL), *id = line_text(line, "device", NULL);
    const char *reason = NULL;
    platform wanted = PLATFORM_CPU;
    name = arena_strndup(line->arena, name, strcspn(name, "@"));
    if (name == NULL || !platform_from_name(name, &wanted))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "--on: there is no platform '%s'; `accel detect` lists them", name ? name : "");
    ACCEL_TRY(cli_browsers_check(line, err));
    bench_request request = {.platforms = &wanted, .platform_count = 1};
    request.browsers = cli_browsers(line, &request.browser_count);
    if (engine == NULL && request.browser_count > 0)
        engine = "browser";
    request.engines = &engine;
    request.engine_count = engine != NULL;
    measure_host host = cli_measure_host(line, &out->context);
    ACCEL_TRY(probe_requested(&host, &request, cli_interrupt_flag(), &out->probes, err));
    for (size_t i = 0; i < out->probes->count && out->device == NULL; i++) {
        const probe_entry *e = &out->probes->entries[i];
        for (size_t k = 0; e->report.present && k < e->report.device_count && out->device == NULL; k++) {
            const engine_device *d = &e->report.devices[k];
            if (d->platform != wanted || (id != NULL && !str_equal(id, d->id)))
                continue;
            reason = reason != NULL ? reason : d->reason;
            out->engine = e->engine;
            out->device = d->available ? d : NULL;
        }
    }
    accel_status status = out->device != NULL
                              ? ACCEL_OK
                              : error_set(err, ACCEL_ABSENT, "nothing can be run on %s here: %s", name,
                                          reason != NULL ? reason : "no engine that was found offers it");
    if (status != ACCEL_OK)
        probe_list_destroy(out->probes);
    return status;
}

accel_status cli_engine_find(const command_line *line, const char *name, cli_engine *out, accel_error *err) {
    const char *on = line_text(line, "on", NULL);
    if (on == NULL && line_text(line, "browser", NULL) != NULL)
        on = platform_name(PLATFORM_WASM); /* what every browser has, as for bench */
    *out = (cli_engine){.engine = engine_find(name), .context = cli_engine_context(line)};
    if (on != NULL)
        return find_platform(line, on, out, err);
    if (out->engine == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "there is no engine '%s'; `accel detect` lists them",
                         name);
    const engine_def *only[] = {out->engine};
    measure_host host = cli_measure_host(line, &out->context);
    host.engines = only;
    host.engine_count = 1;
    ACCEL_TRY(probe_all(&host, 0, cli_interrupt_flag(), &out->probes, err));
    accel_status status =
        pick_device(&out->probes->entries[0].report, line_text(line, "device", NULL), out, err);
    if (status != ACCEL_OK)
        probe_list_destroy(out->probes);
    return status;
}

static char *environment(const char *name) {
    return getenv(name);
}

zoo_options cli_zoo_options(const command_line *line) {
    return (zoo_options){.seed = (uint64_t)line_integer(line, "seed", 0),
                         .data_folder = data_folder(line->arena),
                         .environment = environment};
}

accel_status cli_dims(const command_line *line, const zoo_dim **out, size_t *count, accel_error *err) {
    const char *const *texts = line_list(line, "dim", count);
    zoo_dim *dims = ARENA_ARRAY(line->arena, zoo_dim, *count);
    if (dims == NULL)
        return error_no_memory(err, "options", *count * sizeof *dims);
    for (size_t i = 0; i < *count; i++)
        if (!zoo_dim_parse(texts[i], line->arena, &dims[i]))
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "--dim takes NAME=N, for instance sequence=128, not '%s'", texts[i]);
    *out = dims;
    return ACCEL_OK;
}

bool cli_input_options(const command_line *line, zoo_input_options *out) {
    *out = (zoo_input_options){.batch = line_integer(line, "batch", 0),
                               .sequence = line_integer(line, "seq", 0),
                               .seed = (uint64_t)line_integer(line, "seed", 0)};
    accel_error err = {0};
    if (cli_dims(line, &out->dims, &out->dim_count, &err) == ACCEL_OK)
        return true;
    cli_fail(&err);
    return false;
}

static const option_def shape_options[] = {
    CLI_OPTION_BATCH,
    CLI_OPTION_SEQ,
    CLI_OPTION_DIM,
    CLI_OPTION_SEED,
};
const option_group options_shapes = {"Shapes", shape_options, 4};
