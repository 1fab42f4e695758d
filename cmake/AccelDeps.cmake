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
# The name that a program loads it by, of the release whose headers these are: its structures change with each.
find_library(ACCEL_LWS_FILE websockets HINTS ${LWS_LIBRARY_DIRS} REQUIRED)
file(READ_SYMLINK "${ACCEL_LWS_FILE}" ACCEL_LWS_SONAME)
cmake_path(GET ACCEL_LWS_SONAME FILENAME ACCEL_LWS_SONAME)

accel_need(yyjson/yyjson.c)
add_library(yyjson STATIC "${ACCEL_DEPS_DIR}/yyjson/yyjson.c")
target_include_directories(yyjson SYSTEM PUBLIC "${ACCEL_DEPS_DIR}/yyjson")
target_compile_options(yyjson PRIVATE -w -ffunction-sections -fdata-sections)

include(AccelDuckdb)

# Headers of runtimes that are loaded with dlopen: included, never linked.
add_library(accel_runtime_headers INTERFACE)
target_include_directories(accel_runtime_headers SYSTEM INTERFACE
  "${ACCEL_DEPS_DIR}/onnxruntime/include" "${ACCEL_DEPS_DIR}/openvino/openvino/include")

add_library(accel_cairo_headers INTERFACE)
target_include_directories(accel_cairo_headers SYSTEM INTERFACE ${CAIRO_INCLUDE_DIRS})

add_library(accel_lws_headers INTERFACE)
target_include_directories(accel_lws_headers SYSTEM INTERFACE ${LWS_INCLUDE_DIRS})
target_compile_definitions(accel_lws_headers INTERFACE ACCEL_LWS_SONAME="${ACCEL_LWS_SONAME}")

# What each room links beside the rooms before it.
set(ACCEL_LINK_base yyjson PkgConfig::LIBCRYPTO Threads::Threads m ${CMAKE_DL_LIBS})
set(ACCEL_LINK_hw PkgConfig::HWLOC)
set(ACCEL_LINK_net accel_lws_headers)
set(ACCEL_LINK_text PkgConfig::PCRE2 PkgConfig::UTF8PROC)
set(ACCEL_LINK_media PkgConfig::PNG PkgConfig::JPEG)
set(ACCEL_LINK_engines accel_runtime_headers)
set(ACCEL_LINK_store duckdb PkgConfig::ZSTD)
set(ACCEL_LINK_report accel_cairo_headers)
