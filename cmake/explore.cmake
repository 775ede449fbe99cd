# SPDX-License-Identifier: MIT

# Adds sqsim::explore: exploring, compiled once instead of in each file that includes sqsim/sim/explore.hpp. It is built
# only where something links to it.
function(sqsim_add_explore source)
    add_library(sqsim_explore STATIC EXCLUDE_FROM_ALL ${source})
    add_library(sqsim::explore ALIAS sqsim_explore)
    target_link_libraries(sqsim_explore PUBLIC sqsim::sqsim)
    target_compile_definitions(sqsim_explore PUBLIC SQSIM_COMPILED_EXPLORE=1)
    # Also in a build for debugging: exploring is three times faster.
    target_compile_options(
        sqsim_explore PRIVATE "$<$<AND:$<CXX_COMPILER_ID:GNU,Clang,AppleClang>,$<CONFIG:Debug,None>>:-O1>"
    )
endfunction()
