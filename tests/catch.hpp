// SPDX-License-Identifier: MIT
#pragma once

// The only place that includes Catch2, version 3 or version 2.

#if __has_include(<catch2/catch_test_macros.hpp>)
#    include <catch2/catch_message.hpp>
#    include <catch2/catch_template_test_macros.hpp>
#    include <catch2/catch_test_macros.hpp>
#    include <catch2/catch_tostring.hpp>
#    include <catch2/generators/catch_generators_all.hpp>
#    include <catch2/matchers/catch_matchers_all.hpp>
#else
#    include <catch2/catch.hpp>
#endif
