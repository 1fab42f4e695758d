# libaccel (all rooms) and the command accel, which calls it; and how they are installed:
#   bin/accel  lib/libaccel.so.N  lib/accel/libduckdb.so  lib/pkgconfig/accel.pc  include/accel/*.h  share/...
# libaccel finds libduckdb.so beside itself, the command finds libaccel, wherever the tree is put.
include(GNUInstallDirs)

if("cli" IN_LIST ACCEL_ROOMS)
  foreach(room IN LISTS ACCEL_ROOMS)
    if(NOT room MATCHES "^(api|cli)$")
      list(PREPEND other_rooms accel_${room})
    endif()
  endforeach()
  # The whole of api and cli goes in, and of the other rooms what they need. Only ACCEL_API functions are visible.
  add_library(accel_shared SHARED $<TARGET_OBJECTS:accel_api> $<TARGET_OBJECTS:accel_cli>)
  target_link_libraries(accel_shared PRIVATE accel_flags ${other_rooms})
  target_link_options(accel_shared PRIVATE -Wl,--no-undefined -Wl,--exclude-libs,libyyjson.a)
  # The tables' pointers in one bit each instead of 24 bytes (glibc 2.36 and later read that): 300 kB.
  include(CheckLinkerFlag)
  check_linker_flag(C "-Wl,-z,pack-relative-relocs" ACCEL_PACKS_RELOCATIONS)
  if(ACCEL_PACKS_RELOCATIONS)
    target_link_options(accel_shared PRIVATE -Wl,-z,pack-relative-relocs -Wl,-z,noseparate-code)
  endif()
  set_target_properties(accel_shared PROPERTIES OUTPUT_NAME accel VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR} INSTALL_RPATH "$ORIGIN/accel")

  configure_file("${CMAKE_SOURCE_DIR}/cmake/accel.pc.in" accel.pc @ONLY)
  install(TARGETS accel_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES "${CMAKE_BINARY_DIR}/accel.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  install(DIRECTORY "${CMAKE_SOURCE_DIR}/include/accel" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")

  add_executable(accel "${CMAKE_SOURCE_DIR}/cmake/main.c")
  target_link_libraries(accel PRIVATE accel_flags accel_shared)
  set_target_properties(accel PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  install(TARGETS accel RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

  # The man page and the completions, written by the program itself.
  function(accel_install_page file folder)
    install(CODE "execute_process(COMMAND \"${CMAKE_BINARY_DIR}/accel\" ${ARGN}
      OUTPUT_FILE \"${CMAKE_BINARY_DIR}/pages/${file}\" COMMAND_ERROR_IS_FATAL ANY)")
    install(FILES "${CMAKE_BINARY_DIR}/pages/${file}" DESTINATION ${folder})
  endfunction()
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/pages")
  accel_install_page(accel.1 ${CMAKE_INSTALL_MANDIR}/man1 man)
  accel_install_page(accel ${CMAKE_INSTALL_DATADIR}/bash-completion/completions completion bash)
  accel_install_page(_accel ${CMAKE_INSTALL_DATADIR}/zsh/site-functions completion zsh)
  accel_install_page(accel.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d completion fish)
endif()

install(PROGRAMS "${ACCEL_DEPS_DIR}/duckdb/libduckdb.so" DESTINATION ${CMAKE_INSTALL_LIBDIR}/accel)
# Made by `make web`, where it was made.
install(DIRECTORY "${CMAKE_SOURCE_DIR}/build/web" DESTINATION "${CMAKE_INSTALL_DATADIR}/accel" OPTIONAL)
install(FILES LICENSE THIRD_PARTY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
