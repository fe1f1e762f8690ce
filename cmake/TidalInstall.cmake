# What users link and what `cmake --install` lays down: one archive libtidal.a made of every folder up to db, the
# public headers, the `tidal` command, a CMake package (tidal::tidal) and a pkg-config file.
include(CMakePackageConfigHelpers)

# The folder libraries stay separate targets so that their layering is checked; users see one.
get_property(tidal_parts GLOBAL PROPERTY TIDAL_LIBRARIES)
add_library(tidal_archive STATIC)
add_library(tidal::tidal ALIAS tidal_archive)
foreach(part IN LISTS tidal_parts)
  target_sources(tidal_archive PRIVATE $<TARGET_OBJECTS:${part}>)
endforeach()
get_target_property(blake3_is_imported tidal_blake3 IMPORTED)
if(NOT blake3_is_imported)
  target_sources(tidal_archive PRIVATE $<TARGET_OBJECTS:tidal_blake3>)
endif()
set_target_properties(tidal_archive PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME tidal EXPORT_NAME tidal)
target_compile_features(tidal_archive PUBLIC cxx_std_20)
target_include_directories(tidal_archive PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# A static archive needs at link time what its parts need; tidal-dependencies.cmake finds the same targets again.
# Header-only libraries serve our own compilation alone.
get_property(tidal_third_party GLOBAL PROPERTY TIDAL_THIRD_PARTY)
list(REMOVE_DUPLICATES tidal_third_party)
list(FILTER tidal_third_party EXCLUDE REGEX "nlohmann|pegtl|CLI11|EDIT")
if(NOT blake3_is_imported)
  list(REMOVE_ITEM tidal_third_party tidal_blake3)
endif()
foreach(library IN LISTS tidal_third_party)
  target_link_libraries(tidal_archive INTERFACE $<LINK_ONLY:${library}>)
endforeach()
target_link_libraries(tidal_archive INTERFACE Threads::Threads)
if(TIDAL_SANITIZE)
  target_link_options(tidal_archive INTERFACE -fsanitize=${TIDAL_SANITIZE})
endif()

set(tidal_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tidal)
install(TARGETS tidal_archive EXPORT tidal ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT tidal NAMESPACE tidal:: FILE tidal-targets.cmake DESTINATION ${tidal_package_dir})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/tidal DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET tidal_cli)
  install(TARGETS tidal_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/tidal-config.cmake.in ${CMAKE_BINARY_DIR}/tidal-config.cmake
  INSTALL_DESTINATION ${tidal_package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/tidal-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/tidal-config.cmake ${CMAKE_BINARY_DIR}/tidal-config-version.cmake
  DESTINATION ${tidal_package_dir})
install(FILES ${CMAKE_SOURCE_DIR}/cmake/TidalDependencies.cmake DESTINATION ${tidal_package_dir}
  RENAME tidal-dependencies.cmake)

# pkg-config names of the same libraries.
set(tidal_pc_libs "")
set(tidal_pc_requires "")
foreach(library IN LISTS tidal_third_party)
  if(library STREQUAL "tidal_roaring")
    string(APPEND tidal_pc_libs "-lroaring ")
  elseif(library MATCHES "^PkgConfig::(.*)")
    string(APPEND tidal_pc_requires "${${CMAKE_MATCH_1}_MODULE_NAME} ")
  elseif(library MATCHES "^absl::(.*)")
    string(APPEND tidal_pc_requires "absl_${CMAKE_MATCH_1} ")
  elseif(library MATCHES "::")
    string(REGEX REPLACE "::.*" "" module ${library})
    string(TOLOWER "${module} " module)
    string(APPEND tidal_pc_requires ${module})
  endif()
endforeach()
configure_file(${CMAKE_SOURCE_DIR}/cmake/tidal.pc.in ${CMAKE_BINARY_DIR}/tidal.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/tidal.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
