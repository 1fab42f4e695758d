#include "../amd/libamdhip64.so.c"
