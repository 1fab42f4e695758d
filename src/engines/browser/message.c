#include "engines/browser/message.h"

#include <math.h>
#include <string.h>

static const size_t most_hello_bytes = 65536, most_text_bytes = 1024;
static const double most_number = 9007199254740991.0; /* 2^53 - 1: what JavaScript counts to */

static accel_status bad(const char *what, accel_error *err) {
    return error_set(err, ACCEL_BAD_FILE, "an agent's message breaks the protocol: %s", what);
}

/* ---- members ------------------------------------------------------------------------------------------------------------ */

static bool is_control(char c) {
    return (unsigned char)c < ' ' || c == 0x7f;
}

/* Copies a text, cut at a character where it is too long, with blanks for control characters. False when v is no text. */
static bool copy_text(yyjson_val *v, char *out, size_t size) {
    const char *text = yyjson_get_str(v);
    if (!text)
        return false;
    size_t length = yyjson_get_len(v);
    if (length >= size)
        for (length = size - 1; length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80;)
            length--;
    for (size_t i = 0; i < length; i++)
        out[i] = is_control(text[i]) ? ' ' : text[i];
    out[length] = '\0';
    return true;
}

/* A number in [0, 2^53); absent and null are 0. */
static bool read_number(yyjson_val *object, const char *key, double *out) {
    bool ok = true;
    *out = json_get_real(object, key, 0, &ok);
    return ok && *out >= 0 && *out <= most_number; /* not a NaN either */
}

static bool read_id(yyjson_val *root, int64_t *out) {
    bool ok = true;
    *out = json_get_int(root, "id", 0, &ok);
    return ok && *out >= 1 && (double)*out <= most_number;
}

/* Names stand in commands, addresses and file names. */
static bool is_name(const char *text) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return *text != '\0' && *text != '-' && *text != '.' && text[strspn(text, allowed)] == '\0';
}

static bool read_visibility(yyjson_val *object, bool *hidden) {
    const char *text = json_text(yyjson_obj_get(object, "visibility"));
    *hidden = str_equal(text, "hidden");
    return *hidden || str_equal(text, "visible");
}

/* ---- capabilities ------------------------------------------------------------------------------------------------------- */

static bool text_is_fine(const char *text, size_t length) {
    if (length > most_text_bytes)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (is_control(text[i]) && text[i] != '\n' && text[i] != '\r' && text[i] != '\t')
            return false;
    }
    return true;
}

/* Texts, keys and numbers at every depth: the document's values lie one after the other. */
static bool values_are_fine(yyjson_val *value) {
    yyjson_val *end = unsafe_yyjson_get_next(value);
    for (; value < end; value++) {
        if (yyjson_is_str(value) && !text_is_fine(yyjson_get_str(value), yyjson_get_len(value)))
            return false;
        if (yyjson_is_real(value) && !isfinite(yyjson_get_real(value)))
            return false;
    }
    return true;
}

static bool devices_are_fine(yyjson_val *devices) {
    size_t i, count;
    yyjson_val *device;
    if (!yyjson_is_arr(devices))
        return devices == NULL || yyjson_is_null(devices);
    yyjson_arr_foreach(devices, i, count, device) {
        if (json_text(device) == NULL)
            return false;
    }
    return count <= AGENT_MOST_DEVICES;
}

static bool platform_is_fine(yyjson_val *platform) {
    yyjson_val *reason = yyjson_obj_get(platform, "reason");
    return json_text(yyjson_obj_get(platform, "name")) != NULL &&
           yyjson_is_bool(yyjson_obj_get(platform, "available")) &&
           (reason == NULL || yyjson_is_null(reason) || json_text(reason) != NULL) &&
           devices_are_fine(yyjson_obj_get(platform, "devices"));
}

static accel_status read_capabilities(yyjson_val *capabilities, accel_error *err) {
    size_t i, count;
    yyjson_val *platforms = yyjson_obj_get(capabilities, "platforms"), *platform;
    if (!yyjson_is_obj(capabilities) || !yyjson_is_arr(platforms))
        return bad("'capabilities' are no object with an array 'platforms'", err);
    if (yyjson_arr_size(platforms) > AGENT_MOST_PLATFORMS)
        return error_set(err, ACCEL_LIMIT, "an agent names %zu platforms; %d are read",
                         yyjson_arr_size(platforms), AGENT_MOST_PLATFORMS);
    yyjson_arr_foreach(platforms, i, count, platform) {
        if (!platform_is_fine(platform))
            return bad(
                "an entry of 'platforms' has no name, no 'available', or a 'reason' or 'devices' of another type",
                err);
    }
    return values_are_fine(capabilities)
               ? ACCEL_OK
               : bad("'capabilities' have a text with control characters or above 1,024 bytes", err);
}

/* ---- kinds -------------------------------------------------------------------------------------------------------------- */

static accel_status read_hello(yyjson_val *root, agent_message *out, accel_error *err) {
    bool ok = true;
    int64_t protocol = json_get_int(root, "protocol", 0, &ok);
    const char *name = json_text(yyjson_obj_get(root, "agent"));
    if (!ok || protocol < 1)
        return bad("'protocol' is no number", err);
    if (protocol != AGENT_PROTOCOL)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "the agent speaks protocol %lld, this accel %d; reload its page",
                         (long long)protocol, AGENT_PROTOCOL);
    if (!name || strlen(name) >= sizeof out->agent || !is_name(name))
        return bad("'agent' is no name of 1 to 64 letters, digits, '-', '_' and '.'", err);
    memcpy(out->agent, name, strlen(name) + 1);
    out->capabilities = yyjson_obj_get(root, "capabilities");
    return read_capabilities(out->capabilities, err);
}

static accel_status read_alive(yyjson_val *root, agent_message *out, accel_error *err) {
    bool ok = true;
    out->busy = json_get_bool(root, "busy", false, &ok);
    if (!read_visibility(root, &out->hidden))
        return bad("'visibility' is neither visible nor hidden", err);
    return ok ? ACCEL_OK : bad("'busy' is neither true nor false", err);
}

static accel_status read_done(yyjson_val *root, agent_message *out, accel_error *err) {
    out->result = yyjson_obj_get(root, "result");
    return yyjson_is_obj(out->result) ? ACCEL_OK : bad("'result' is no object", err);
}

static accel_status read_failed(yyjson_val *root, agent_message *out, accel_error *err) {
    static const accel_status statuses[] = {
#define STATUS_ENTRY(symbol, number, name) symbol,
        ACCEL_STATUS_LIST(STATUS_ENTRY)
#undef STATUS_ENTRY
    };
    const char *name = json_text(yyjson_obj_get(root, "status"));
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        if (statuses[i] != ACCEL_OK && str_equal(name, accel_status_name(statuses[i])))
            out->status = statuses[i];
    }
    if (out->status == ACCEL_OK)
        return bad("'status' is no name of a failure", err);
    return copy_text(yyjson_obj_get(root, "error"), out->error, sizeof out->error)
               ? ACCEL_OK
               : bad("'error' is no text", err);
}

static accel_status read_progress(yyjson_val *root, agent_message *out, accel_error *err) {
    if (!copy_text(yyjson_obj_get(root, "phase"), out->phase, sizeof out->phase))
        return bad("'phase' is no text", err);
    if (!read_number(root, "loaded", &out->loaded) || !read_number(root, "total", &out->total))
        return bad("'loaded' or 'total' is no number from 0 to 2^53", err);
    return ACCEL_OK;
}

static const struct {
    const char *type;
    agent_message_kind kind;
    bool of_job; /* has an id */
    accel_status (*read)(yyjson_val *root, agent_message *out, accel_error *err);
} kinds[] = {
    {"hello", AGENT_HELLO, false, read_hello},
    {"alive", AGENT_ALIVE, false, read_alive},
    {"done", AGENT_DONE, true, read_done},
    {"failed", AGENT_FAILED, true, read_failed},
    {"progress", AGENT_PROGRESS, true, read_progress},
};

static accel_status read_kind(yyjson_val *root, size_t length, agent_message *out, accel_error *err) {
    const char *type = json_text(yyjson_obj_get(root, "type"));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!str_equal(type, kinds[i].type))
            continue;
        out->kind = kinds[i].kind;
        if (kinds[i].of_job && !read_id(root, &out->id))
            return bad("'id' is no number from 1 to 2^53", err);
        if (out->kind == AGENT_HELLO && length > most_hello_bytes)
            return error_set(err, ACCEL_LIMIT, "an agent's message '%s' has %zu bytes; %zu are read", type,
                             length, most_hello_bytes);
        return kinds[i].read(root, out, err);
    }
    return bad("'type' is none that an agent sends", err);
}

accel_status agent_message_read(const void *bytes, size_t length, yyjson_doc **doc, agent_message *out,
                                accel_error *err) {
    *out = (agent_message){0};
    *doc = NULL;
    ACCEL_TRY(json_parse(bytes, length, AGENT_MOST_BYTES, "an agent's message", doc, err));
    accel_status status = read_kind(yyjson_doc_get_root(*doc), length, out, err);
    if (status != ACCEL_OK) {
        yyjson_doc_free(*doc);
        *doc = NULL;
    }
    return status;
}
