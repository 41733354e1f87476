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
find_program(BLOTTER_CCACHE ccache)
if(BLOTTER_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${BLOTTER_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${BLOTTER_CCACHE})
endif()
