/* What the two sides of hw_ask agree on. Private to hw/. */
#ifndef ACCEL_HW_ASK_H
#define ACCEL_HW_ASK_H

#include "hw/source.h"

/* The child's ends. The answer goes into a pipe, as one JSON document and a NUL: a grandchild that keeps the pipe open does not hold us up.
 * What is known of devices, by files and by the questions before, lies in a file in memory. */
enum { ANSWER_DESCRIPTOR = 3, KNOWN_DESCRIPTOR = 4 };
#define KNOWN_TEXT "4"

/* What evidence of a question that got no answer is about. */
const char *question_subject(const hw_question *question);
/* Under which name a source has the answer: "ask nvml". */
const char *question_answer_name(const hw_question *question, char text[64]);

#endif
