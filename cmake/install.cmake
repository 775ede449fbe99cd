# SPDX-License-Identifier: MIT
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# The same for every architecture: all of it goes to include/ and share/. The source of sqsim::explore is compiled where
# it is used, with the flags there.
set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/sqsim)

install(TARGETS sqsim EXPORT sqsimTargets FILE_SET HEADERS FILE_SET adapters)
install(EXPORT sqsimTargets NAMESPACE sqsim:: DESTINATION ${package_dir})

write_basic_package_version_file(
    ${PROJECT_BINARY_DIR}/cmake/sqsimConfigVersion.cmake
    COMPATIBILITY SameMinorVersion
    ARCH_INDEPENDENT
)
configure_file(cmake/sqsim.pc.in cmake/sqsim.pc @ONLY)
install(
    FILES ${PROJECT_SOURCE_DIR}/cmake/sqsimConfig.cmake ${PROJECT_SOURCE_DIR}/cmake/explore.cmake
          ${PROJECT_SOURCE_DIR}/src/explore.cpp ${PROJECT_BINARY_DIR}/cmake/sqsimConfigVersion.cmake
    DESTINATION ${package_dir}
)
install(FILES ${PROJECT_BINARY_DIR}/cmake/sqsim.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
