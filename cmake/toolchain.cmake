# Flags that every target shares. The presets choose BLOTTER_SANITIZE and BLOTTER_FUZZ.
set(BLOTTER_SANITIZE "" CACHE STRING "address,undefined | thread | empty")
option(BLOTTER_FUZZ "build the libFuzzer targets, and count what they reach in the rooms they test" OFF)
option(BLOTTER_PCH "compile the big headers once; only where each file need not stand on its own" OFF)

add_library(blotter_flags INTERFACE)
target_compile_options(blotter_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer -pthread
  -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/src/= -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_compile_definitions(blotter_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_ALLOW_DEPRECATED_HEADERS)
target_include_directories(blotter_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
add_link_options(-fuse-ld=lld)

if(BLOTTER_SANITIZE)
  target_compile_options(blotter_flags INTERFACE -fsanitize=${BLOTTER_SANITIZE})
  if(BLOTTER_SANITIZE MATCHES "undefined")
    target_compile_options(blotter_flags INTERFACE -fno-sanitize-recover=undefined -fno-sanitize=vptr)
  endif()
  add_link_options(-fsanitize=${BLOTTER_SANITIZE})
endif()

# A build guided by a profile: what is hot is inlined and laid out together, the rest goes out of its
# way. `./dev profile` makes the profile anew (docs/decisions/0016-guided-build.md).
set(BLOTTER_PROFILE "" CACHE STRING "use | make | empty")
# Local functions are named by their file alone, so that a profile fits every checkout.
set(blotter_profile_options -mllvm -static-func-full-module-prefix=false)
if(BLOTTER_PROFILE STREQUAL "make")
  list(APPEND blotter_profile_options -fprofile-generate -fprofile-update=atomic)
  add_link_options(-fprofile-generate)
elseif(BLOTTER_PROFILE STREQUAL "use")
  set(profile ${CMAKE_SOURCE_DIR}/cmake/release.proftext)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${profile})
  # Its name follows its content: then a new one compiles everything anew.
  file(SHA256 ${profile} hash)
  string(SUBSTRING ${hash} 0 16 hash)
  set(indexed ${CMAKE_BINARY_DIR}/profile-${hash}.profdata)
  if(NOT EXISTS ${indexed})
    find_program(BLOTTER_PROFDATA llvm-profdata-19 REQUIRED)
    execute_process(COMMAND ${BLOTTER_PROFDATA} merge -o ${indexed} ${profile} COMMAND_ERROR_IS_FATAL ANY)
  endif()
  # Functions that changed since, or are not in it, are compiled as they would be without.
  list(APPEND blotter_profile_options -fprofile-use=${indexed} -Wno-profile-instr-unprofiled
    -Wno-profile-instr-out-of-date -Wno-backend-plugin)
else()
  set(blotter_profile_options "")
endif()

find_program(BLOTTER_CCACHE ccache)
if(BLOTTER_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${BLOTTER_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${BLOTTER_CCACHE})
endif()
