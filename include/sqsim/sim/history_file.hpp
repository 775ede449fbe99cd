// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/history/history_file.hpp"  // deprecated: include that
