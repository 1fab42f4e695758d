#include "browsers/driver.h"

static const browser_driver *const drivers[] = {&driver_chromium, &driver_firefox, &driver_webkit,
                                                &driver_chrome, &driver_edge};

size_t browser_driver_count(void) {
    return sizeof drivers / sizeof *drivers;
}

const browser_driver *browser_driver_at(size_t index) {
    return drivers[index];
}
