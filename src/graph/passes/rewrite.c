#include "graph/infer.h"
#include "graph/passes.h"

accel_status graph_rewrite(const graph *g, const graph_pass *passes, size_t count, graph **out,
                           accel_error *err) {
    graph *copy = NULL;
    ACCEL_TRY(graph_clone(g, &copy, err));
    accel_status status = graph_infer(copy, err);
    for (size_t i = 0; i < count && status == ACCEL_OK; i++)
        status = passes[i](copy, err);
    if (status == ACCEL_OK)
        status = graph_infer(copy, err);
    if (status == ACCEL_OK)
        *out = copy;
    else
        graph_destroy(copy);
    return status;
}
