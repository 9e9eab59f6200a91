// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include "tests/support/sanitizers.h"

/// First line of a test that leaves its process without a descriptor. UBSan looks at an object
/// whose type it has not seen yet through a pipe, and takes it for none when it cannot have one.
#ifdef VC_ASAN
#define VC_NEEDS_NO_DESCRIPTORS() \
  GTEST_SKIP() << "the sanitizer's check of types needs two descriptors"
#else
#define VC_NEEDS_NO_DESCRIPTORS() static_cast<void>(0)
#endif
