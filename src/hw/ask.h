/* What the two sides of hw_ask agree on. Private to hw/. */
#ifndef ACCEL_HW_ASK_H
#define ACCEL_HW_ASK_H

#include "hw/source.h"

/* The child's end of the pipe. The answer is one JSON document and a NUL: a grandchild that keeps the pipe open does not hold us up. */
enum { ANSWER_DESCRIPTOR = 3 };

#endif
