// SPDX-License-Identifier: MIT

// Everything about exploring, compiled once: the target sqsim::explore.

#include "sqsim/sim/explore.hpp"
#include "sqsim/sim/explore_impl.hpp"
#include "sqsim/sim/model/sim_queue_impl.hpp"
#include "sqsim/sim/model/world_impl.hpp"
#include "sqsim/sim/report_impl.hpp"
