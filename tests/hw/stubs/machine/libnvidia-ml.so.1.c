#include "../nvidia/libnvidia-ml.so.1.c"
