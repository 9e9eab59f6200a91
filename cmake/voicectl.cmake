# Flags that every target of ours shares, and the two functions that make targets.

find_program(VOICECTL_CCACHE ccache)
if(VOICECTL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${VOICECTL_CCACHE})
endif()
find_program(VOICECTL_MOLD mold)
if(VOICECTL_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

include(${CMAKE_CURRENT_LIST_DIR}/group.cmake)

add_library(voicectl_flags INTERFACE)
target_include_directories(voicectl_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(voicectl_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                                -Wswitch-enum -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees overlapping copies in every "text" + std::string once it inlines (its bug 105651).
  target_compile_options(voicectl_flags INTERFACE -Wno-restrict)
endif()
target_compile_definitions(
  voicectl_flags INTERFACE VOICECTL_VERSION="${PROJECT_VERSION}" BOOST_ASIO_NO_DEPRECATED
                           BOOST_ASIO_DISABLE_BOOST_COROUTINE)
if(VOICECTL_GROUP AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # It takes a class of a source that is included for one of a header.
  target_compile_options(voicectl_flags INTERFACE -Wno-subobject-linkage)
endif()
if(VOICECTL_WERROR)
  target_compile_options(voicectl_flags INTERFACE -Werror)
endif()
# What a program does not use it does not load: loading is most of what a short command costs.
add_link_options(-Wl,--as-needed)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(voicectl_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
if(VOICECTL_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "VOICECTL_FUZZ needs clang: configure with `cmake --preset fuzz`")
  endif()
  # Everything: of what is not told of its branches libFuzzer sees nothing, and only guesses.
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(VOICECTL_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(VOICECTL_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  add_link_options(-fsanitize=thread)
endif()

# voicectl_module(<name> SOURCES <files...> [PUBLIC <targets...>] [PRIVATE <targets...>])
#
# One library per module: target voicectl_<name>. Headers are listed beside their sources.
function(voicectl_module name)
  cmake_parse_arguments(MODULE "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  voicectl_group(sources voicectl_${name} ${MODULE_SOURCES})
  add_library(voicectl_${name} STATIC ${sources})
  target_link_libraries(
    voicectl_${name}
    PUBLIC voicectl_flags ${MODULE_PUBLIC}
    PRIVATE ${MODULE_PRIVATE})
endfunction()

# voicectl_test(<name> LABEL <label> SOURCES <files...> LIBS <targets...> [TIMEOUT <seconds>])
#
# One GoogleTest program; each of its tests becomes a ctest with the label.
function(voicectl_test name)
  cmake_parse_arguments(TEST "" "LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    # Ends what hangs. What takes half a minute alone takes several where the cores are lent to others as well.
    set(TEST_TIMEOUT 300)
  endif()
  if(VOICECTL_SANITIZE)
    math(EXPR TEST_TIMEOUT "${TEST_TIMEOUT} * 6")
  endif()
  voicectl_group(sources ${name} ${TEST_SOURCES})
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE voicectl_flags ${TEST_LIBS} GTest::gmock_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  # All of one kind: "tests-sim".
  if(NOT TARGET tests-${TEST_LABEL})
    add_custom_target(tests-${TEST_LABEL})
  endif()
  add_dependencies(tests-${TEST_LABEL} ${name})
  gtest_discover_tests(
    ${name}
    TEST_PREFIX "${TEST_LABEL}/"
    DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS ${TEST_LABEL} TIMEOUT ${TEST_TIMEOUT})
endfunction()

# Adds a folder if it has come into being.
function(voicectl_add folder)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${folder})
  endif()
endfunction()
