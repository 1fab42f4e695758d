#include "../nvidia/libcuda.so.1.c"
