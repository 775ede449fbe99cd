// SPDX-License-Identifier: MIT
#pragma once

// The earlier place of this header, for one release.
#include "sqsim/sim/model/sim_queue.hpp"
