// SPDX-License-Identifier: MIT
#pragma once

// What nearly every test includes, compiled once: half of the time would go into it. That every header compiles alone
// is checked elsewhere.

#include "catch.hpp"

#include <sqsim/sqsim.hpp>
