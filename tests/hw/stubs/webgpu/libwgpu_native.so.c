/* Answers as wgpu-native would. */
#include "hw/stubs/stub.h"

__attribute__((visibility("default"))) uint32_t wgpuGetVersion(void);
uint32_t wgpuGetVersion(void) {
    stub_misbehave();
    return 0x16010503;
}
