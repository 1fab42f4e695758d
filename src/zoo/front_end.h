/* The front end of an audio model as a graph. */
#ifndef ACCEL_ZOO_FRONT_END_H
#define ACCEL_ZOO_FRONT_END_H

#include "graph/graph.h"

#define ZOO_FRONT_END "audio:" /* what references begin with: "audio:whisper" */

/* samples [batch, samples] → input_features, with the numbers of the family's published checkpoint. ACCEL_NOT_FOUND: the family takes no sound;
 * ACCEL_UNSUPPORTED: it takes the samples themselves. */
accel_status zoo_front_end(const char *family, graph **out, accel_error *err);

#endif
