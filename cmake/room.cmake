# blotter_room(NAME [DEPENDS room...] [LIBS target...])
# A room is one folder of src/: a static library of its *.cpp and one test program of its
# *_test.cpp. DEPENDS names the rooms whose headers it may include; nothing else is visible by
# right, and tools/tidy refuses any other include.
function(blotter_room name)
  cmake_parse_arguments(ROOM "" "" "DEPENDS;LIBS;TEST_LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "main\\.cpp$")
  if(sources)
    add_library(blotter_${name} STATIC ${sources})
    set(reach PUBLIC)
  else()
    add_library(blotter_${name} INTERFACE)
    set(reach INTERFACE)
  endif()
  target_link_libraries(blotter_${name} ${reach} blotter_flags fmt::fmt ${ROOM_LIBS})
  foreach(dep ${ROOM_DEPENDS})
    target_link_libraries(blotter_${name} ${reach} blotter_${dep})
  endforeach()
  # Rooms that read bytes from outside count their branches, so that a fuzzer sees where it gets.
  if(BLOTTER_FUZZ AND sources AND
     name MATCHES "^(base|model|config|expression|security|http|ledger|envelopes|intake|api)$")
    target_compile_options(blotter_${name} PRIVATE -fsanitize=fuzzer-no-link)
    set(counted _counted)
  endif()
  # Sanitized code without any optimization crawls where it hashes and parses millions of bytes.
  if(BLOTTER_SANITIZE AND sources AND name MATCHES "^(base|expression|security|ledger)$")
    target_compile_options(blotter_${name} PRIVATE -O1)
  endif()
  # The header brings Asio, whose code is compiled in runtime: a room that stands beside or below
  # that one could not be linked.
  set(precompiled ${BLOTTER_PCH})
  if(name MATCHES "^(base|model|observe|config|expression|security|documents|envelopes|routing|ledger)$")
    set(precompiled OFF)
  endif()
  if(precompiled AND sources)
    target_precompile_headers(blotter_${name} REUSE_FROM blotter_pch${counted})
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE blotter_${name} ${ROOM_TEST_LIBS} GTest::gmock_main)
    target_compile_definitions(${name}_test PRIVATE
      BLOTTER_SOURCE_DIR="${CMAKE_SOURCE_DIR}" BLOTTER_BINARY_DIR="${CMAKE_BINARY_DIR}")
    if(precompiled)
      target_precompile_headers(${name}_test REUSE_FROM blotter_pch)
    endif()
    add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600
      ENVIRONMENT "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/lsan.supp:print_suppressions=0")
  endif()
endfunction()
