#include "cli/detect_save.h"

#include <stdio.h>

#include "base/json.h"
#include "store/store.h"

/* ---- sightings -------------------------------------------------------------------------------------------------------- */

typedef struct sightings {
    arena *arena;
    store_sighting *items;
    size_t count;
    bool failed;
} sightings;

/* {"name": …}, of those that are known. */
static const char *details_of(sightings *all, size_t count, const char *const (*members)[2]) {
    str_buf out = {0};
    str_append(&out, "{");
    for (size_t i = 0; i < count; i++) {
        if (members[i][1] == NULL)
            continue;
        str_appendf(&out, "%s\"%s\": ", out.length > 1 ? ", " : "", members[i][0]);
        json_append_text(&out, members[i][1]);
    }
    str_append(&out, "}");
    const char *text = out.failed ? NULL : arena_strdup(all->arena, str_text(&out));
    str_free(&out);
    return text;
}

static const char *figure_text(sightings *all, int64_t figure) {
    return figure > 0 ? arena_printf(all->arena, "%lld", (long long)figure) : NULL;
}

static void add_sighting(sightings *all, const char *type, const char *device, const char *method,
                         const char *details, bool is_available) {
    if (type == NULL || device == NULL || method == NULL || details == NULL) {
        all->failed = true; /* memory ended on the way */
        return;
    }
    all->items[all->count++] = (store_sighting){type, device, method, details, is_available};
}

/* The platform that a device stands for, else what kind of device it is. */
static const char *type_of(const hw_device *d) {
    platform p;
    for (size_t i = 0; i < d->interface_count && d->kind != HW_BROWSER; i++)
        if (platform_from_name(d->interfaces[i], &p))
            return d->interfaces[i];
    return hw_kind_name(d->kind);
}

static void add_device(sightings *all, const hw_device *d) {
    const char *where = d->pci != NULL ? d->pci : d->id != NULL ? d->id : d->name;
    const char *const members[][2] = {{"name", d->name},
                                      {"vendor", d->vendor},
                                      {"state", hw_state_name(d->state)},
                                      {"driver", d->driver},
                                      {"driver_version", d->driver_version},
                                      {"memory_bytes", figure_text(all, d->memory_bytes)},
                                      {"copy_to_mb_per_s", figure_text(all, d->copy_to_mb_per_s)},
                                      {"copy_from_mb_per_s", figure_text(all, d->copy_from_mb_per_s)},
                                      {"reason", d->reason}};
    const char *device = d->pci != NULL && d->partition >= 0
                             ? arena_printf(all->arena, "%s part %lld", where, (long long)d->partition)
                             : arena_printf(all->arena, "%s", where != NULL ? where : "unnamed");
    add_sighting(all, type_of(d), device, arena_printf(all->arena, "probe %s", d->probe),
                 details_of(all, sizeof members / sizeof *members, members), d->state == HW_USABLE);
}

static void add_engine_device(sightings *all, const probe_entry *e, const engine_device *d) {
    const char *const members[][2] = {{"name", d->name},
                                      {"engine", e->engine->name},
                                      {"driver", d->driver},
                                      {"engine_version", e->report.version},
                                      {"reason", d->reason},
                                      {"memory_bytes", figure_text(all, (int64_t)d->memory_bytes)},
                                      {"library", d->available ? e->report.library : NULL}};
    add_sighting(all, platform_name(d->platform), arena_printf(all->arena, "%s %s", e->engine->name, d->id),
                 arena_printf(all->arena, "engine %s", e->engine->name),
                 details_of(all, sizeof members / sizeof *members, members), d->available);
}

/* {"measured": […]} */
static const char *measured_details(sightings *all, const measured_machine *measured) {
    str_buf out = {0};
    str_append(&out, "{\"measured\": ");
    measured_machine_json(measured, &out);
    str_append(&out, "}");
    const char *text = out.failed ? NULL : arena_strdup(all->arena, str_text(&out));
    str_free(&out);
    return text;
}

static void add_platforms(sightings *all, const bool drives[PLATFORM_COUNT],
                          const measured_machine *measured) {
    for (int p = 0; p < PLATFORM_COUNT; p++) {
        const char *const members[][2] = {{"reason", drives[p] ? NULL : "no engine found here drives it"}};
        const char *details = p == PLATFORM_CPU && measured->count > 0 ? measured_details(all, measured)
                                                                       : details_of(all, 1, members);
        add_sighting(all, platform_name((platform)p), "", "detect", details, drives[p]);
    }
}

static accel_status collect(const hw_report *machine, const probe_list *engines,
                            const measured_machine *measured, sightings *all, accel_error *err) {
    bool drives[PLATFORM_COUNT] = {false};
    size_t most = machine->device_count + PLATFORM_COUNT;
    for (size_t i = 0; i < engines->count; i++)
        most += engines->entries[i].report.device_count;
    all->items = ARENA_ARRAY(all->arena, store_sighting, most);
    if (all->items == NULL)
        return error_no_memory(err, "what was found", most * sizeof *all->items);
    for (size_t i = 0; i < machine->device_count; i++)
        add_device(all, &machine->devices[i]);
    for (size_t i = 0; i < engines->count; i++) {
        const probe_entry *e = &engines->entries[i];
        for (size_t d = 0; e->report.present && d < e->report.device_count; d++) {
            add_engine_device(all, e, &e->report.devices[d]);
            drives[e->report.devices[d].platform] |= e->report.devices[d].available;
        }
    }
    add_platforms(all, drives, measured);
    return all->failed ? error_no_memory(err, "what was found", 1) : ACCEL_OK;
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

static accel_status tell_events(const command_line *line, const char *path, const char *machine_id,
                                const char *detected_at, accel_error *err) {
    store_result *events = NULL;
    const char *sql = arena_printf(
        line->arena,
        "SELECT event, hardware_type, device, detection_details->>'name' FROM hardware_availability_events WHERE machine_id = '%s' AND "
        "detected_at = CAST(replace('%s', 'Z', '') AS TIMESTAMP) ORDER BY id",
        machine_id, detected_at);
    if (sql == NULL)
        return error_no_memory(err, "a question", 1);
    ACCEL_TRY(store_query(path, sql, 0, &events, err));
    for (size_t i = 0; i < events->row_count; i++) {
        const store_cell *row = &events->cells[i * events->column_count];
        const char *device = row[2].text, *name = row[3].type == STORE_NULL ? NULL : row[3].text;
        fprintf(stderr, "%s since the last detection: %s%s%s%s%s%s\n", row[0].text, row[1].text,
                *device != '\0' ? " " : "", device, name != NULL ? " (" : "", name != NULL ? name : "",
                name != NULL ? ")" : "");
    }
    store_result_destroy(events);
    return ACCEL_OK;
}

accel_status detect_save(const command_line *line, const hw_report *machine, const probe_list *engines,
                         const measured_machine *measured, accel_error *err) {
    char detected_at[CLOCK_UTC_TEXT_BYTES];
    bool is_first = false;
    record r;
    sightings all = {.arena = line->arena};
    const char *path = store_default_path(line_text(line, "db", NULL));
    record_init(&r);
    ACCEL_TRY(machine_describe(line->arena, &r, err));
    ACCEL_TRY(collect(machine, engines, measured, &all, err));
    ACCEL_TRY(
        store_log_availability(path, -1, r.machine_id, all.items, all.count, detected_at, &is_first, err));
    fprintf(stderr, "%zu rows in hardware_availability_log of %s\n", all.count, path);
    return is_first ? ACCEL_OK : tell_events(line, path, r.machine_id, detected_at, err);
}
