// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/progress_stream.h"

#include <string>
#include <utility>

#include "provisioner/api/control_protocol.h"

namespace voicectl {

ReconcileLoop::ApplyListener progress_stream(std::shared_ptr<Responder> responder) {
  auto stream = std::make_shared<std::shared_ptr<ResponseStream>>();
  const auto write = [stream, responder = std::move(responder)](const std::string& line) {
    if (*stream == nullptr) {
      *stream = responder->stream(
          HttpResponse{200, {{"Content-Type", "application/x-ndjson"}}, line + "\n"});
    } else {
      (*stream)->write(line + "\n");
    }
  };
  return ReconcileLoop::ApplyListener{
      [write](const Plan& plan) { write(api::render_started(plan.id, plan.steps.size())); },
      [write](const api::StepProgress& progress) { write(api::render_step(progress)); },
      [write, stream](const api::ApplyOutcome& outcome) {
        write(api::render_finished(outcome));
        (*stream)->end();
      }};
}

}  // namespace voicectl
