/* printf's names for the fixed widths on wasm32. */
#ifndef ACCEL_WASM_INTTYPES_H
#define ACCEL_WASM_INTTYPES_H

#include <stdint.h>

#define PRId8  "hhd"
#define PRIi8  "hhi"
#define PRIu8  "hhu"
#define PRIx8  "hhx"
#define PRId16 "hd"
#define PRIi16 "hi"
#define PRIu16 "hu"
#define PRIx16 "hx"
#define PRId32 "d"
#define PRIi32 "i"
#define PRIu32 "u"
#define PRIx32 "x"
#define PRIX32 "X"
#define PRIo32 "o"
#define PRId64 "lld"
#define PRIi64 "lli"
#define PRIu64 "llu"
#define PRIx64 "llx"
#define PRIX64 "llX"
#define PRIo64 "llo"

#define PRIdPTR "ld"
#define PRIuPTR "lu"
#define PRIxPTR "lx"
#define PRIdMAX "lld"
#define PRIuMAX "llu"
#define PRIxMAX "llx"

#endif
