#define STUB_OLD
#include "../intel/libze_loader.so.1.c"
