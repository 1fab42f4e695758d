/* The table of shapes: a file is read by the first that matches. Those with a key of their own come before those with common ones; what is no
 * result but might look like one comes before what it might be taken for. */
#include "import/foreign/foreign.h"
#include "import/shapes/shapes.h"

const import_shape *const import_shapes[] = {
    &shape_google_benchmark,
    &shape_hyperfine,
    &shape_llama_bench,
    &shape_optimum_benchmark,
    &shape_optimum_report,
    &shape_chrome_trace,
    &shape_source_analysis,
    &shape_benchmark_summary,
    &shape_benchmark_run,
    &shape_compatibility_matrix,
    &shape_functionality,
    &shape_model_tests,
    &shape_test_programs,
    &shape_one_test,
    &shape_test_files,
    &shape_web_comparison,
    &shape_web,
    &shape_skill_collection,
    &shape_skill,
    &shape_compatibility_list,
    &shape_test_list,
    &shape_detection,
    &shape_browser_capabilities,
    &shape_api_log,
    &shape_configuration,
    &shape_performance_list,
    &shape_model_list,
};
const size_t import_shape_count = sizeof import_shapes / sizeof *import_shapes;

const import_text_shape *const import_text_shapes[] = {
    &shape_table_parquet, &shape_llama_bench_csv, &shape_llama_bench_lines,
    &shape_table_csv,     &shape_mlperf,          &shape_perf_test,
};
const size_t import_text_shape_count = sizeof import_text_shapes / sizeof *import_text_shapes;
