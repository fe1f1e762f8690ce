# Tests that are no C++ program: the style, the fetched data's oracle, the installed package.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME tidy_test COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/tidy.py)
add_test(NAME tidy_canary_test COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/tidy.py --self-test)

set(flags "")
if(TIDAL_SANITIZE)
  set(flags -fsanitize=${TIDAL_SANITIZE})
endif()
add_test(NAME package_test
  COMMAND ${CMAKE_SOURCE_DIR}/test/package/install_test.sh ${CMAKE_BINARY_DIR} ${CMAKE_CXX_COMPILER} ${flags})
set_tests_properties(package_test PROPERTIES LABELS long TIMEOUT 900)
