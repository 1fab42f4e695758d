# Compiler flags for everything that is ours. Parts from .deps do not get them.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
# Results must not depend on the compiler: products and sums are fused in the kernels only.
string(APPEND CMAKE_C_FLAGS " -ffp-contract=off")
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_OPTIMIZE_DEPENDENCIES ON) # a room compiles while one before it is broken
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

add_library(accel_flags INTERFACE)
target_include_directories(accel_flags INTERFACE "${CMAKE_SOURCE_DIR}/include" "${CMAKE_SOURCE_DIR}/src")
target_compile_definitions(accel_flags INTERFACE _GNU_SOURCE ACCEL_VERSION="${PROJECT_VERSION}")
target_compile_options(accel_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wvla
  -ffunction-sections -fdata-sections -fno-semantic-interposition
  $<$<BOOL:${ACCEL_WERROR}>:-Werror>)
target_link_options(accel_flags INTERFACE -Wl,--gc-sections)

# No exception passes through C code of ours, and debuggers have .debug_frame: the tables would be 250 kB of libaccel.
if(NOT ACCEL_SANITIZE)
  target_compile_options(accel_flags INTERFACE -fno-asynchronous-unwind-tables)
endif()
if(ACCEL_SANITIZE)
  target_compile_options(accel_flags INTERFACE
    -fsanitize=${ACCEL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
  target_link_options(accel_flags INTERFACE -fsanitize=${ACCEL_SANITIZE})
  target_compile_definitions(accel_flags INTERFACE ACCEL_SANITIZED=1)
endif()
if(ACCEL_FUZZ)
  target_compile_options(accel_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Kernel variants: src/engines/native/kernels/*.c are compiled once for each, with ACCEL_ISA defined as
# the suffix of its symbols. To add one, add its name here and its flags below.
set(accel_kernel_flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(ACCEL_ISAS baseline avx2 avx512)
  set(ACCEL_ISA_baseline -march=x86-64 -Os) # of CPUs before 2013: not worth the space of -O3
  set(ACCEL_ISA_avx2 -march=x86-64-v3)
  set(ACCEL_ISA_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(ACCEL_ISAS neon)
  set(ACCEL_ISA_neon -march=armv8-a)
else()
  set(ACCEL_ISAS baseline)
  set(ACCEL_ISA_baseline "")
endif()
