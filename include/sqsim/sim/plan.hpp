// SPDX-License-Identifier: MIT
#pragma once

// The earlier name of this header, for one release.
#include "sqsim/sim/fault_plan.hpp"
