# The build id that heartbeats and `hello` carry: the commit, or "unknown" outside a checkout.
execute_process(COMMAND git rev-parse --short=12 HEAD WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
  OUTPUT_VARIABLE PERPWIRE_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT PERPWIRE_COMMIT)
  set(PERPWIRE_COMMIT unknown)
endif()
configure_file(${CMAKE_SOURCE_DIR}/libs/common/build_info.cpp.in ${CMAKE_BINARY_DIR}/generated/build_info.cpp @ONLY)
