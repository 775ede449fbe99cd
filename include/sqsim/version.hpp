// SPDX-License-Identifier: MIT
#pragma once

// The one place for the version; CMake and Meson read it from here.
#define SQSIM_VERSION_MAJOR 0
#define SQSIM_VERSION_MINOR 1
#define SQSIM_VERSION_PATCH 0
