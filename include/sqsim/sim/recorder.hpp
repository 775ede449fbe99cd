// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/history/recorder.hpp"  // deprecated: include that
