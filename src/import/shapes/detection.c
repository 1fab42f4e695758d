/* What a machine has, as another tool saw it. */
#include <string.h>

#include "base/hash.h"
#include "import/shapes/shapes.h"
#include "import/simulated.h"
#include "import/value.h"

#define PLACES                                                                                               \
    "hardware|hardware_info|hardware_details|platforms|available_hardware|hardware_detection|hardware_availability"

/* How many platforms have a flag of their own. */
static size_t count_flags(yyjson_val *v) {
    size_t i, n, flags = 0;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(v))
        return 0;
    yyjson_obj_foreach(v, i, n, key, value) flags +=
        value_platform(json_text(key)) != NULL && yyjson_is_bool(value);
    return flags;
}

static yyjson_val *flags_of(yyjson_val *root) {
    if (count_flags(root) >= 2)
        return root;
    yyjson_val *inner = value_any(root, PLACES);
    return count_flags(inner) >= 2 ? inner : NULL;
}

static bool is_detection(yyjson_val *root) {
    return yyjson_is_obj(root) && flags_of(root) != NULL;
}

/* The machine, without its name: a hash of what the file says of it. */
static const char *machine_of(import_context *c, yyjson_val *root, accel_error *err) {
    char hex[SHA256_HEX_BYTES];
    yyjson_val *system = value_any(root, "system|system_info|platform_info");
    yyjson_val *name = value_any(system, "hostname|node|machine_name");
    const char *text = value_json(c, name != NULL ? name : system != NULL ? system : root);
    if (text == NULL || sha256_bytes(text, strlen(text), hex, err) != ACCEL_OK)
        return NULL;
    return arena_strndup(c->arena, hex, 16);
}

static store_seen *add(import_context *c, const char *platform, const char *device, int available,
                       const char *machine, import_rows *rows) {
    store_seen *row = import_add_seen(rows);
    row->hardware_type = platform;
    row->device = device;
    row->is_available = available;
    row->detection_method = "imported file";
    row->detected_at = c->started_at;
    row->machine_id = machine;
    return row;
}

static void add_devices(import_context *c, yyjson_val *devices, const char *platform, const char *machine,
                        import_rows *rows) {
    size_t i, n;
    yyjson_val *d;
    if (!yyjson_is_arr(devices))
        return;
    yyjson_arr_foreach(devices, i, n, d) {
        const char *name =
            yyjson_is_str(d) ? value_text(c, d) : value_text(c, value_any(d, "name|device_name"));
        if (name == NULL)
            continue;
        store_seen *row =
            add(c, platform, n > 1 ? arena_printf(c->arena, "%zu: %s", i, name) : name, 1, machine, rows);
        row->is_simulated = simulated_evidence(c, d, platform) != NULL;
        row->detection_details = yyjson_is_obj(d) ? value_json(c, d) : NULL;
    }
}

/* All that the file says of one platform: cuda_device_count, rocm_error, … */
static const char *details_of(import_context *c, yyjson_val *flags, const char *platform) {
    str_buf text = {0};
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(flags, i, n, key, value) {
        const char *name = yyjson_get_str(key), *own = value_json(c, value);
        if (!str_equal(value_platform_prefix(name), platform) || value_platform(name) != NULL || own == NULL)
            continue;
        str_append(&text, text.length > 0 ? "," : "{");
        str_append_json(&text, name, yyjson_get_len(key));
        str_appendf(&text, ":%s", own);
    }
    str_append(&text, text.length > 0 ? "}" : "");
    const char *copy =
        text.length > 0 && !text.failed ? arena_strndup(c->arena, text.data, text.length) : NULL;
    str_free(&text);
    return copy;
}

static accel_status read_detection(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    size_t i, n;
    yyjson_val *key, *value, *flags = flags_of(root);
    bool simulated = simulated_around(c, root) != NULL;
    const char *machine = machine_of(c, root, err);
    if (machine == NULL)
        return error_no_memory(err, "a machine's id", SHA256_HEX_BYTES);
    yyjson_obj_foreach(flags, i, n, key, value) {
        const char *platform = value_platform(json_text(key));
        char devices[64];
        if (platform == NULL || !yyjson_is_bool(value))
            continue;
        store_seen *row = add(c, platform, "", yyjson_get_bool(value), machine, rows);
        row->detection_details = details_of(c, flags, platform);
        row->is_simulated = simulated || simulated_evidence(c, flags, platform) != NULL;
        str_format(devices, sizeof devices, "%.32s_devices", yyjson_get_str(key));
        if (yyjson_get_bool(value))
            add_devices(c, value_any(flags == root ? root : flags, devices), platform, machine, rows);
    }
    return ACCEL_OK;
}

const import_shape shape_detection = {"hardware detection", "hardware", is_detection, read_detection};
