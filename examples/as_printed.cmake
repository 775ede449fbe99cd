# SPDX-License-Identifier: MIT
# Fails unless what PROGRAM prints stands in DOCUMENT, word for word.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE output RESULT_VARIABLE result)
file(READ ${DOCUMENT} document)
string(FIND "${document}" "${output}" at)
if(result OR output STREQUAL "" OR at EQUAL -1)
    message(FATAL_ERROR "${DOCUMENT} does not show what ${PROGRAM} prints:\n${output}")
endif()
