/* Which files a model's weights lie in, told from its bytes alone: what somebody who brings the model elsewhere must bring with it. */
#include <string.h>

#include "base/mem.h"
#include "formats/formats.h"
#include "formats/name_map.h"
#include "formats/onnx/model.h"

typedef struct collector {
    arena *memory;
    name_map seen;
    const char **names; /* memory of its own */
    size_t count, capacity;
    accel_error *err;
} collector;

static accel_status collect_tensor(collector *c, const proto_tensor *t) {
    if (!t->external || t->location.length == 0 || name_map_get(&c->seen, t->location) != NAME_ABSENT)
        return ACCEL_OK;
    if (memchr(t->location.bytes, 0, t->location.length))
        return error_set(c->err, ACCEL_BAD_FILE, "a weight lies in an external file whose name is malformed");
    if (!mem_grow((void **)&c->names, &c->capacity, c->count + 1, sizeof *c->names) ||
        !name_map_put(&c->seen, t->location, (int32_t)c->count))
        return error_no_memory(c->err, "names of external files", sizeof *c->names);
    c->names[c->count++] = proto_text(c->memory, t->location);
    return ACCEL_OK;
}

static accel_status collect_graph(collector *c, const proto_graph *g) {
    proto_parser p = {c->memory, c->err};
    for (size_t i = 0; i < g->initializer_count; i++)
        ACCEL_TRY(collect_tensor(c, &g->initializers[i]));
    for (size_t n = 0; n < g->node_count; n++) {
        for (size_t a = 0; a < g->nodes[n].attr_count; a++) {
            const proto_attr *attr = &g->nodes[n].attrs[a];
            proto_tensor t;
            if (attr->graph)
                ACCEL_TRY(collect_graph(c, attr->graph)); /* as deep as the parser let it be */
            if (attr->type != PROTO_ATTR_TENSOR)
                continue;
            ACCEL_TRY(proto_parse_tensor(&p, attr->tensor, &t));
            ACCEL_TRY(collect_tensor(c, &t));
        }
    }
    return ACCEL_OK;
}

accel_status onnx_external_names(const void *bytes, size_t length, arena *a, const char ***names,
                                 size_t *count, accel_error *err) {
    collector c = {.memory = a, .seen = {.memory = a}, .err = err};
    proto_parser p = {a, err};
    proto_model model;
    *names = NULL;
    *count = 0;
    ACCEL_TRY(proto_parse_model(&p, (byte_span){bytes, length}, &model));
    accel_status status = collect_graph(&c, model.graph);
    const char **copy = status == ACCEL_OK ? ARENA_ARRAY(a, const char *, c.count + 1) : NULL;
    if (copy) {
        if (c.count > 0)
            memcpy(copy, c.names, c.count * sizeof *copy);
        *names = copy;
        *count = c.count;
    } else if (status == ACCEL_OK) {
        status = error_no_memory(err, "names of external files", c.count * sizeof *copy);
    }
    mem_free(c.names);
    return status;
}
