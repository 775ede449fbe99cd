# SPDX-License-Identifier: MIT
# Builds and runs the consumer project `name` in `scratch_dir`, the way a user would.
cmake_minimum_required(VERSION 3.25)

set(flags "-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Werror")
set(project_dir ${scratch_dir}/src/${name})
set(consumer_build_dir ${scratch_dir}/build)
set(prefix ${scratch_dir}/moved)

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# A copy, so that nothing is ever written into the source tree, and nothing is found there by accident.
file(REMOVE_RECURSE ${scratch_dir})
file(COPY ${CMAKE_CURRENT_LIST_DIR}/main.cpp ${CMAKE_CURRENT_LIST_DIR}/explore.cpp ${CMAKE_CURRENT_LIST_DIR}/${name} DESTINATION ${scratch_dir}/src)

if(name STREQUAL "meson")
    find_program(meson meson)
    if(NOT meson)
        message("SKIPPED: meson is not installed")
        return()
    endif()
    # As a subproject the library needs no more than this.
    file(
        COPY ${source_dir}/meson.build ${source_dir}/meson_options.txt ${source_dir}/include ${source_dir}/src
        DESTINATION ${project_dir}/subprojects/sqsim
    )
    set(ENV{CXX} ${compiler})
    separate_arguments(flags UNIX_COMMAND "${flags}")
    list(JOIN flags "','" flags)
    run(${meson} setup "-Dcpp_args=['${flags}']" ${consumer_build_dir} ${project_dir})
    run(${meson} compile -C ${consumer_build_dir})
    run(${consumer_build_dir}/consumer)
    run(${consumer_build_dir}/explorer)
    return()
endif()

set(configure
    ${CMAKE_COMMAND} -S ${project_dir} -B ${consumer_build_dir} -G ${generator} -D CMAKE_CXX_COMPILER=${compiler}
    "-DCMAKE_CXX_FLAGS=${flags}"
)
if(name STREQUAL "add_subdirectory")
    list(APPEND configure -D SQSIM_CHECKOUT=${source_dir})
elseif(name STREQUAL "fetch_content")
    list(APPEND configure -D FETCHCONTENT_SOURCE_DIR_SQSIM=${source_dir} -D FETCHCONTENT_FULLY_DISCONNECTED=ON)
else()
    # What is installed must not know where it was installed.
    run(${CMAKE_COMMAND} --install ${build_dir} --prefix ${scratch_dir}/installed)
    file(RENAME ${scratch_dir}/installed ${prefix})
endif()

if(name STREQUAL "find_package")
    list(APPEND configure -D CMAKE_PREFIX_PATH=${prefix})
    execute_process(
        COMMAND ${configure} -D SQSIM_WANTED_VERSION=99
        RESULT_VARIABLE status
        OUTPUT_VARIABLE text
        ERROR_VARIABLE text
    )
    if(status EQUAL 0 OR NOT text MATCHES "requested version \"99\"")
        message(FATAL_ERROR "find_package took version 99, or failed for another reason:\n${text}")
    endif()
    file(REMOVE_RECURSE ${consumer_build_dir})
elseif(name STREQUAL "pkgconfig")
    find_program(pkg_config NAMES pkg-config pkgconf)
    if(NOT pkg_config)
        message("SKIPPED: pkg-config is not installed")
        return()
    endif()
    set(ENV{PKG_CONFIG_PATH} ${prefix}/share/pkgconfig)
endif()

run(${configure})
run(${CMAKE_COMMAND} --build ${consumer_build_dir})
run(${consumer_build_dir}/consumer)
if(EXISTS ${consumer_build_dir}/explorer)
    run(${consumer_build_dir}/explorer)
endif()
