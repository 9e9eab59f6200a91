// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "runtime/net/http_connection.h"

namespace voicectl {

/// The responder of the request that `connection` is answering.
std::shared_ptr<Responder> make_responder(std::weak_ptr<HttpConnection> connection,
                                          AnswerTerms terms);

}  // namespace voicectl
