// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/history/check_history.hpp"  // deprecated: include that
