// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What every SessionStore promises. Include in one source per program and instantiate
/// SessionStoreContract.
#include "tests/support/session/contract_sessions.h"
#include "tests/support/session/contract_side_tables.h"
#include "tests/support/session/contract_time_and_usage.h"
