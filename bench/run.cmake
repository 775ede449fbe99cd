# SPDX-License-Identifier: MIT
# Measures in rounds and prints how the goals stand.
# Usage: cmake -D BENCH=program -D COUNTS=program -D REPORT=program -D FOLDER=folder -D COMPILER=name -D FLAGS=flags
#              [-D BESIDE=results.json of another compiler] [-D QUICK=1] -P run.cmake
#
# In each round each section runs in a process of its own, so that what is divided by each other runs within seconds
# if it does not even take turns, and each round has other addresses. The environment may choose: SQSIM_BENCH_ONLY, the sections, with commas between;
# SQSIM_BENCH_ROUNDS, how many rounds at the most.
set(sections "")

# Two threads disturb each other in ways that differ from round to round: those sections have more rounds. Those without
# a goal have fewer.
function(section name rounds filter)
    list(APPEND sections ${name})
    set(sections "${sections}" PARENT_SCOPE)
    set(rounds_of_${name} ${rounds} PARENT_SCOPE)
    set(filter_of_${name} "^(${filter})/(iterations|manual_time)" PARENT_SCOPE)
endfunction()

section(lifecycle 15 "lifecycle/(null/manual|light/manual|mutex/manual.*)/64B/.*|clock/.*")
section(lifecycle_others 5 "lifecycle/(mutex_deque|tbb_bounded|null/coarse|null/steady|mutex/coarse|mutex/steady)/.*|lifecycle/.*/1KiB/.*|verb/.*")
section(threads 15 "threads/[12]P[12]C/(mutex|light)/manual/.*")
section(threads_others 5 "threads/.*/(mutex_deque|tbb_bounded|mutex/steady.*)/.*|threads/8P8C/(mutex|light)/manual/.*")
section(round_trip 15 "round_trip/.*")
section(backlog 9 "backlog/1e[67]|in_flight/1e6")
section(backlog_others 5 "(backlog|in_flight)/1e[35]")
section(counts 9 "")
section(timers 9 "timers/.*")
section(advance 9 "advance/.*")
section(fifo 9 "fifo/window/.*")
section(fifo_others 5 "fifo/(single|groups|backlog|mutex).*")
section(features 15 "features/.*")
section(include 9 "include/.*")
section(sim 9 "(sim|history)/.*")

if(QUICK)  # at once, since of some sections nothing is left
    set(sections "")
    section(everything 1 ".*")
    section(counts 1 "")
elseif(DEFINED ENV{SQSIM_BENCH_ONLY})
    string(REPLACE "," ";" sections "$ENV{SQSIM_BENCH_ONLY}")
endif()
set(last_round 0)
foreach(name IN LISTS sections)
    if(NOT DEFINED rounds_of_${name})
        message(FATAL_ERROR "There is no section ${name}")
    endif()
    if(DEFINED ENV{SQSIM_BENCH_ROUNDS} AND rounds_of_${name} GREATER "$ENV{SQSIM_BENCH_ROUNDS}")
        set(rounds_of_${name} $ENV{SQSIM_BENCH_ROUNDS})
    endif()
    if(rounds_of_${name} GREATER last_round)
        set(last_round ${rounds_of_${name}})
    endif()
endforeach()

set(min_time 0.03)
if(QUICK)
    set(ENV{SQSIM_BENCH_QUICK} 1)
    set(min_time 0.0001)
endif()
file(REMOVE_RECURSE ${FOLDER}/rounds)
file(MAKE_DIRECTORY ${FOLDER}/rounds)
message(STATUS "Measuring: this takes some minutes, and wants an idle machine")
foreach(round RANGE 1 ${last_round})
    message(STATUS "Round ${round} of ${last_round}")
    foreach(name IN LISTS sections)
        if(round GREATER rounds_of_${name})
            continue()
        endif()
        set(results ${FOLDER}/rounds/${name}.${round}.json)
        if(name STREQUAL counts)
            execute_process(COMMAND ${COUNTS} ${results} COMMAND_ERROR_IS_FATAL ANY)
        else()
            execute_process(
                COMMAND
                    ${BENCH} --benchmark_filter=${filter_of_${name}} --benchmark_out=${results}
                    --benchmark_out_format=json --benchmark_enable_random_interleaving=true
                    --benchmark_min_time=${min_time}
                OUTPUT_QUIET ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY
            )
        endif()
    endforeach()
endforeach()

if(EXISTS ${FOLDER}/results.json)
    file(RENAME ${FOLDER}/results.json ${FOLDER}/results.previous.json)
endif()
execute_process(
    COMMAND ${REPORT} gather ${FOLDER}/results.json ${COMPILER} ${FLAGS} ${FOLDER}/rounds
    COMMAND_ERROR_IS_FATAL ANY
)
execute_process(COMMAND ${REPORT} goals ${FOLDER}/results.json "${BESIDE}" COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "The results are in ${FOLDER}/results.json")
