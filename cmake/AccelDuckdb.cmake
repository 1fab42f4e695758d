# DuckDB is 70 MB and costs 10 ms to load, so accel loads it when the store is first used. The generated
# duckdb.h is DuckDB's own plus one macro a function, which calls through the table of src/store/duckdb_load.c:
# code that includes <duckdb.h> is written as if the library were linked.
accel_need(duckdb/libduckdb.so)
accel_need(duckdb/duckdb.h)

file(READ "${ACCEL_DEPS_DIR}/duckdb/duckdb.h" header)
string(REGEX MATCHALL "DUCKDB_C_API[^;()]*[ \n*]duckdb_[a-z0-9_]+\\(" declarations "${header}")
set(lazy "#include \"${ACCEL_DEPS_DIR}/duckdb/duckdb.h\"\n#include \"store/duckdb_load.h\"\n")
set(names "")
set(index 0)
foreach(declaration IN LISTS declarations)
  string(REGEX MATCH "duckdb_[a-z0-9_]+\\($" name "${declaration}")
  string(REPLACE "(" "" name "${name}")
  string(APPEND lazy "#define ${name} ((__typeof__(&${name}))store_duckdb_function(${index}))\n")
  string(APPEND names "\"${name}\",\n")
  math(EXPR index "${index} + 1")
endforeach()
if(index LESS 400)
  message(FATAL_ERROR "duckdb.h is not as expected: ${index} functions found in it.")
endif()
file(CONFIGURE OUTPUT generated/duckdb/duckdb.h CONTENT "${lazy}" @ONLY)
file(CONFIGURE OUTPUT generated/duckdb/duckdb_names.inc CONTENT "${names}" @ONLY)

add_library(duckdb INTERFACE)
target_include_directories(duckdb SYSTEM INTERFACE "${CMAKE_BINARY_DIR}/generated/duckdb")
set(CMAKE_BUILD_RPATH "${ACCEL_DEPS_DIR}/duckdb") # where dlopen finds libduckdb.so before it is installed
