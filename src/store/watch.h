/* Stops a statement that runs too long or that nobody wants any more. Private to the store. */
#ifndef ACCEL_STORE_WATCH_H
#define ACCEL_STORE_WATCH_H

#include "store/database.h"
#include "store/store.h"

typedef struct watch watch;

/* From now on the connection's statements are interrupted when limits say so. *out is NULL where there is nothing to watch. */
accel_status watch_begin(database *db, const store_limits *limits, watch **out, accel_error *err);
/* ACCEL_OK; ACCEL_TIMEOUT or ACCEL_CANCELLED once it has interrupted. w may be NULL. */
accel_status watch_state(watch *w);
/* Ends the watching; gives the last state. w may be NULL. */
accel_status watch_end(watch *w);

#endif
