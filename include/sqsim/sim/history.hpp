// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/history/history.hpp"  // deprecated: include that
