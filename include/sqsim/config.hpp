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

// Whether the library's own tests note an allocation in a commit (detail/commit.hpp).
#ifndef SQSIM_WATCHES_COMMITS
#    define SQSIM_WATCHES_COMMITS 0
#endif

// The inline namespace tells builds with and without exceptions apart, so that mixing them fails at link time
// and not at run time.
#if SQSIM_WATCHES_COMMITS
#    define SQSIM_ABI v0_watched
#elif SQSIM_EXCEPTIONS
#    define SQSIM_ABI v0
#else
#    define SQSIM_ABI v0_noex
#endif

// Whether the address sanitizer watches the stacks that `sim` switches between.
#ifndef SQSIM_ASAN
#    if defined(__SANITIZE_ADDRESS__)
#        define SQSIM_ASAN 1
#    elif defined(__has_feature)
#        if __has_feature(address_sanitizer)
#            define SQSIM_ASAN 1
#        else
#            define SQSIM_ASAN 0
#        endif
#    else
#        define SQSIM_ASAN 0
#    endif
#endif

// Likewise the thread sanitizer, which keeps the calls of each stack apart.
#ifndef SQSIM_TSAN
#    if defined(__SANITIZE_THREAD__)
#        define SQSIM_TSAN 1
#    elif defined(__has_feature)
#        if __has_feature(thread_sanitizer)
#            define SQSIM_TSAN 1
#        else
#            define SQSIM_TSAN 0
#        endif
#    else
#        define SQSIM_TSAN 0
#    endif
#endif

// Whether the target sqsim::explore has the functions of exploring compiled. Else they are inline.
#ifndef SQSIM_COMPILED_EXPLORE
#    define SQSIM_COMPILED_EXPLORE 0
#endif
#if SQSIM_COMPILED_EXPLORE
#    define SQSIM_EXPLORE_INLINE
#else
#    define SQSIM_EXPLORE_INLINE inline
#endif
