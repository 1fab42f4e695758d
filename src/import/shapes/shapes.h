/* Every shape, by the file that holds it. */
#ifndef ACCEL_IMPORT_SHAPES_SHAPES_H
#define ACCEL_IMPORT_SHAPES_SHAPES_H

#include "import/shape.h"

extern const import_shape shape_benchmark_run, shape_benchmark_summary,
    shape_performance_list;                                                     /* performance.c */
extern const import_shape shape_compatibility_matrix, shape_compatibility_list; /* compatibility.c */
extern const import_shape shape_detection;                                      /* detection.c */
extern const import_shape shape_one_test, shape_test_programs, shape_test_list,
    shape_model_tests;                                                                      /* tests.c */
extern const import_shape shape_functionality, shape_test_files;                            /* tests.c */
extern const import_shape shape_skill, shape_skill_collection;                              /* skills.c */
extern const import_shape shape_web, shape_web_comparison;                                  /* web.c */
extern const import_shape shape_source_analysis, shape_browser_capabilities, shape_api_log; /* none.c */
extern const import_shape shape_configuration, shape_model_list;                            /* none.c */

#endif
