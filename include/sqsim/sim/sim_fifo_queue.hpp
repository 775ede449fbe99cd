// SPDX-License-Identifier: MIT
#pragma once

// The earlier place of `SimFifoQueue`, for one release.
#include "sqsim/sim/model/sim_queue.hpp"
