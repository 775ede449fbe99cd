# SPDX-License-Identifier: MIT
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/sqsimTargets.cmake)

if(NOT TARGET sqsim::explore)
    include(${CMAKE_CURRENT_LIST_DIR}/explore.cmake)
    sqsim_add_explore(${CMAKE_CURRENT_LIST_DIR}/explore.cpp)
endif()
