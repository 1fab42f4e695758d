# libaccel (rooms up to api) and the command accel (all rooms), and how they are installed.
include(GNUInstallDirs)

if("api" IN_LIST ACCEL_ROOMS)
  add_library(accel_shared SHARED "${CMAKE_SOURCE_DIR}/cmake/empty.c")
  foreach(room IN LISTS ACCEL_ROOMS)
    if(NOT room MATCHES "^(server|cli)$")
      list(PREPEND shared_rooms accel_${room})
    endif()
  endforeach()
  # The whole of api goes in; of the other rooms, what api needs. Hidden visibility leaves ACCEL_API only.
  list(REMOVE_ITEM shared_rooms accel_api)
  target_link_libraries(accel_shared PRIVATE accel_flags
    $<LINK_LIBRARY:WHOLE_ARCHIVE,accel_api> ${shared_rooms})
  set_target_properties(accel_shared PROPERTIES OUTPUT_NAME accel VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR} INSTALL_RPATH "$ORIGIN/accel")
  target_link_options(accel_shared PRIVATE -Wl,--no-undefined)
  install(TARGETS accel_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

if("cli" IN_LIST ACCEL_ROOMS)
  add_executable(accel "${CMAKE_SOURCE_DIR}/cmake/empty.c")
  target_link_libraries(accel PRIVATE accel_flags accel_cli)
  set_target_properties(accel PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/accel")
  install(TARGETS accel RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
