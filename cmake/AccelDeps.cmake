# Parts that the house stands on. `make deps` brings them: Debian packages, and .deps/ for the rest.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(accel_need file)
  if(NOT EXISTS "${ACCEL_DEPS_DIR}/${file}")
    message(FATAL_ERROR "${ACCEL_DEPS_DIR}/${file} is missing: run `make deps`.")
  endif()
endfunction()

function(accel_pkg name module)
  pkg_check_modules(${name} QUIET IMPORTED_TARGET ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "The library ${module} is missing: run `make deps`.")
  endif()
endfunction()

accel_pkg(LIBCRYPTO libcrypto)
accel_pkg(HWLOC hwloc)
accel_pkg(CAIRO cairo) # loaded when the first PNG is drawn: its header is included, it is not linked
accel_pkg(ZSTD libzstd)
accel_pkg(PCRE2 libpcre2-8)
accel_pkg(UTF8PROC libutf8proc)
accel_pkg(PNG libpng)
accel_pkg(JPEG libjpeg)
accel_pkg(SNDFILE sndfile) # loaded when the first sound is read: its header is included, it is not linked

accel_pkg(LWS libwebsockets) # loaded when the first server is started: its header is included, it is not linked
find_library(ACCEL_LWS_FILE websockets HINTS ${LWS_LIBRARY_DIRS} REQUIRED)

accel_pkg(QRENCODE libqrencode) # loaded when the first code is drawn, in the same way
find_library(ACCEL_QRENCODE_FILE qrencode HINTS ${QRENCODE_LIBRARY_DIRS} REQUIRED)

# The name by which a program loads the library at `file`, without the numbers that only tell fixes apart.
function(accel_soname file out)
  execute_process(COMMAND "${CMAKE_OBJDUMP}" -p "${file}" OUTPUT_VARIABLE headers COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "SONAME +([^ \n]+)" found "${headers}")
  set(${out} "${CMAKE_MATCH_1}" PARENT_SCOPE)
endfunction()
accel_soname("${ACCEL_LWS_FILE}" ACCEL_LWS_SONAME)
accel_soname("${ACCEL_QRENCODE_FILE}" ACCEL_QRENCODE_SONAME)

accel_need(yyjson/yyjson.c)
add_library(yyjson STATIC "${ACCEL_DEPS_DIR}/yyjson/yyjson.c")
target_include_directories(yyjson SYSTEM PUBLIC "${ACCEL_DEPS_DIR}/yyjson")
target_compile_options(yyjson PRIVATE -w -ffunction-sections -fdata-sections)

include(AccelDuckdb)

# Headers of runtimes that are loaded with dlopen: included, never linked.
add_library(accel_runtime_headers INTERFACE)
target_include_directories(accel_runtime_headers SYSTEM INTERFACE
  "${ACCEL_DEPS_DIR}/onnxruntime/include" "${ACCEL_DEPS_DIR}/openvino/openvino/include" "${ACCEL_DEPS_DIR}/wgpu/include")

add_library(accel_cairo_headers INTERFACE)
target_include_directories(accel_cairo_headers SYSTEM INTERFACE ${CAIRO_INCLUDE_DIRS})

add_library(accel_lws_headers INTERFACE)
target_include_directories(accel_lws_headers SYSTEM INTERFACE ${LWS_INCLUDE_DIRS})
target_compile_definitions(accel_lws_headers INTERFACE ACCEL_LWS_SONAME="${ACCEL_LWS_SONAME}")

add_library(accel_qrencode_headers INTERFACE)
target_include_directories(accel_qrencode_headers SYSTEM INTERFACE ${QRENCODE_INCLUDE_DIRS})
target_compile_definitions(accel_qrencode_headers INTERFACE ACCEL_QRENCODE_SONAME="${ACCEL_QRENCODE_SONAME}")

# What each room links beside the rooms before it.
set(ACCEL_LINK_base yyjson PkgConfig::LIBCRYPTO Threads::Threads m ${CMAKE_DL_LIBS})
set(ACCEL_LINK_hw PkgConfig::HWLOC)
set(ACCEL_LINK_net accel_lws_headers)
set(ACCEL_LINK_text PkgConfig::PCRE2 PkgConfig::UTF8PROC)
set(ACCEL_LINK_media PkgConfig::PNG PkgConfig::JPEG)
set(ACCEL_LINK_engines accel_runtime_headers)
set(ACCEL_LINK_store duckdb PkgConfig::ZSTD)
set(ACCEL_LINK_report accel_cairo_headers)
set(ACCEL_LINK_server accel_qrencode_headers)
