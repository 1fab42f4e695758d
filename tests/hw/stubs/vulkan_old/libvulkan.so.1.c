#define STUB_OLD
#include "../vulkan/libvulkan.so.1.c"
