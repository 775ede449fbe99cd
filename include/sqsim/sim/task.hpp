// SPDX-License-Identifier: MIT
#pragma once

// The earlier place of `Task`, now `Coroutine`, for one release.
#include "sqsim/sim/model/coroutine.hpp"
