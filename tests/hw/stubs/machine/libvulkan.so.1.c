#include "../vulkan/libvulkan.so.1.c"
