// SPDX-License-Identifier: MIT
#pragma once

// Everything but the simulation and the opt-in adapters.

// IWYU pragma: begin_exports
#include "sqsim/any_queue.hpp"
#include "sqsim/attributes.hpp"
#include "sqsim/choice.hpp"
#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/coarse_clock.hpp"
#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/clock/wait.hpp"
#include "sqsim/config.hpp"
#include "sqsim/delivery_model.hpp"
#include "sqsim/error.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/fwd.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/light_mutex.hpp"
#include "sqsim/limits.hpp"
#include "sqsim/message.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/move_task.hpp"
#include "sqsim/options.hpp"
#include "sqsim/queue.hpp"
#include "sqsim/version.hpp"
// IWYU pragma: end_exports
