// SPDX-License-Identifier: Apache-2.0
#pragma once

// GCC defines a macro for each sanitizer that is on; clang answers a question instead.
#if defined(__SANITIZE_ADDRESS__)
#define VC_ASAN
#endif
#if defined(__SANITIZE_THREAD__)
#define VC_TSAN
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VC_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define VC_TSAN
#endif
#endif
