# perpwire_add_library(common SOURCES a.cpp DEPS ... PRIVATE_DEPS ...)   -> target perpwire_common, perpwire::common
# perpwire_add_venue(hyperliquid SOURCES ... DEPS ...)                   -> perpwire::hyperliquid
# perpwire_add_service(risk SOURCES main.cpp ... DEPS ...)               -> perpwire_risk_core + binary perpwire-risk
# perpwire_add_tool(NAME SOURCES ... DEPS ...)                           -> binary NAME
# perpwire_add_test(NAME SOURCES ... DEPS ...)                           -> gtest binary NAME, one ctest entry a test

add_library(perpwire_options INTERFACE)
add_library(perpwire::options ALIAS perpwire_options)
target_compile_options(perpwire_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wdouble-promotion -Wimplicit-fallthrough)
# g++ 12 sees overlapping copies in std::string's operator+ where there are none, once it optimises (GCC bug 105651).
target_compile_options(perpwire_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(PERPWIRE_WARNINGS_AS_ERRORS)
  target_compile_options(perpwire_options INTERFACE -Werror)
endif()
# Paths in __FILE__, debug information and assertions are relative to the tree: builds repeat byte for byte.
target_compile_options(perpwire_options INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

function(_perpwire_common_settings target)
  target_link_libraries(${target} PRIVATE perpwire::options)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

function(perpwire_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(perpwire_${name} STATIC ${ARG_SOURCES})
  add_library(perpwire::${name} ALIAS perpwire_${name})
  _perpwire_common_settings(perpwire_${name})
  target_link_libraries(perpwire_${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

function(perpwire_add_venue name)
  perpwire_add_library(${name} ${ARGN})
endfunction()

# Everything of a service but its main.cpp is a library, so that tests and the simulator link it.
function(perpwire_add_service name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  string(REPLACE "-" "_" id ${name})
  list(REMOVE_ITEM ARG_SOURCES main.cpp)
  perpwire_add_library(${id}_core SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS} PRIVATE_DEPS ${ARG_PRIVATE_DEPS})
  add_executable(perpwire-${name} main.cpp)
  _perpwire_common_settings(perpwire-${name})
  target_link_libraries(perpwire-${name} PRIVATE perpwire::${id}_core)
endfunction()

function(perpwire_add_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  _perpwire_common_settings(${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()

include(GoogleTest)
function(perpwire_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;ENVIRONMENT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  _perpwire_common_settings(${name})
  target_link_libraries(${name} PRIVATE
    ${ARG_DEPS} perpwire::test_paths GTest::gtest GTest::gtest_main GTest::gmock)
  set(properties TIMEOUT ${ARG_TIMEOUT})
  if(ARG_ENVIRONMENT)
    list(APPEND properties ENVIRONMENT ${ARG_ENVIRONMENT})
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES ${properties})
endfunction()

# perpwire_add_fuzz_target(NAME SOURCES x.cpp DEPS ...): libFuzzer under the preset `fuzz`; under every other preset the
# same function runs over its corpus, tests/fuzz/corpus/NAME, as a test.
function(perpwire_add_fuzz_target name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  file(GLOB inputs CONFIGURE_DEPENDS ${corpus}/*)
  if(NOT inputs)
    message(FATAL_ERROR "fuzz target ${name}: expected inputs in ${corpus}, found none")
  endif()
  if(PERPWIRE_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus_main.cpp)
    add_test(NAME fuzz.${name} COMMAND ${name} ${corpus})
  endif()
  _perpwire_common_settings(${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()
