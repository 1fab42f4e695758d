/* A model as text or JSON: `accel inspect`. */
#ifndef ACCEL_REPORT_MODEL_VIEW_H
#define ACCEL_REPORT_MODEL_VIEW_H

#include "base/str.h"
#include "zoo/zoo.h"

/* The model must be bound or at least inferred; what is unknown is said to be. With nodes, every node is listed. */
accel_status model_view_text(const zoo_model *m, bool nodes, str_buf *out, accel_error *err);
accel_status model_view_json(const zoo_model *m, bool nodes, str_buf *out, accel_error *err);

#endif
