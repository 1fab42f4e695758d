#define STUB_OLD
#include "../amd/libamd_smi.so.c"
