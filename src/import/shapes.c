/* The table of shapes: a file is read by the first that matches. Those with a key of their own come before those with common ones. */
#include "import/foreign/foreign.h"
#include "import/shapes/shapes.h"

const import_shape *const import_shapes[] = {
    &shape_google_benchmark,  &shape_hyperfine,      &shape_llama_bench,
    &shape_optimum_benchmark, &shape_optimum_report, &shape_chrome_trace,
    &shape_benchmark_summary, &shape_benchmark_run,  &shape_performance_list,
};
const size_t import_shape_count = sizeof import_shapes / sizeof *import_shapes;

const import_text_shape *const import_text_shapes[] = {
    &shape_table_parquet, &shape_llama_bench_csv, &shape_llama_bench_lines,
    &shape_table_csv,     &shape_mlperf,          &shape_perf_test,
};
const size_t import_text_shape_count = sizeof import_text_shapes / sizeof *import_text_shapes;
