/* What MLContext.opSupportLimits() told. Private to engines/webnn. */
#ifndef ACCEL_ENGINES_WEBNN_LIMITS_H
#define ACCEL_ENGINES_WEBNN_LIMITS_H

#include "engines/webnn/webnn.h"

/* WebNN's name of an element type; NULL when it has none. */
const char *webnn_type_name(dtype t);

bool limits_prefer_channels_last(const webnn_limits *l);
bool limits_have_method(const webnn_limits *l, const char *method);
/* Whether the method takes (or gives) this type and rank as `role`: "input", "a", "filter", …; or, of the context itself, method
 * NULL and role "input", "constant" or "output". A role that the browser says nothing of passes. */
bool limits_take_type(const webnn_limits *l, const char *method, const char *role, dtype t);
bool limits_take_rank(const webnn_limits *l, const char *method, const char *role, int rank);
/* "float32, float16" */
void limits_types(const webnn_limits *l, const char *method, const char *role, str_buf *out);

#endif
