# SPDX-License-Identifier: MIT
# Runs the benchmarks in a random order, several times each, and prints the table of ratios.
# Usage: cmake -D BENCH=program -D REPORT=program -D RESULTS=file.json [-D FILTER=regex] -P run.cmake
if(NOT FILTER)
    set(FILTER .)
endif()
message(STATUS "Measuring: this takes some minutes, and wants an idle machine")
execute_process(
    COMMAND
        ${BENCH} --benchmark_filter=${FILTER} --benchmark_out=${RESULTS} --benchmark_out_format=json
        --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true --benchmark_min_time=0.02
    OUTPUT_QUIET ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY
)
execute_process(COMMAND ${REPORT} ${RESULTS} COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "The results are in ${RESULTS}")
