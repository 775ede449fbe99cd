// SPDX-License-Identifier: MIT
#pragma once

// The only header that defines macros (besides version.hpp). All of them may be set by the user beforehand.

#ifndef SQSIM_EXCEPTIONS
#    if defined(__cpp_exceptions)
#        define SQSIM_EXCEPTIONS 1
#    else
#        define SQSIM_EXCEPTIONS 0
#    endif
#endif

// The inline namespace tells builds with and without exceptions apart, so that mixing them fails at link time
// and not at run time.
#if SQSIM_EXCEPTIONS
#    define SQSIM_ABI v0
#else
#    define SQSIM_ABI v0_noex
#endif
