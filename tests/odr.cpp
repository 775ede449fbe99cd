// SPDX-License-Identifier: MIT

// A second translation unit with every public header: a definition that lacks `inline` breaks the link.

#include <sqsim/sqsim.hpp>
