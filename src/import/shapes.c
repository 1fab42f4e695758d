/* The table of shapes: a file is read by the first that matches. Those with a key of their own come before those with common ones. */
#include "import/shapes/shapes.h"

const import_shape *const import_shapes[] = {
    &shape_benchmark_summary,
    &shape_benchmark_run,
    &shape_performance_list,
};
const size_t import_shape_count = sizeof import_shapes / sizeof *import_shapes;
