// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "provisioner/edge/edge_proxy.h"
#include "tests/support/edge/edge_builders.h"
#include "tests/support/matchers.h"

namespace voicectl {

/// Where an EdgeProxy under test lives.
class EdgeProxyWorld {
 public:
  virtual ~EdgeProxyWorld() = default;
  virtual EdgeProxy& edge() = 0;
  /// Lets everything come to rest.
  virtual void settle() = 0;
  /// The next configuration is refused by the proxy itself.
  virtual void refuse_next() = 0;
  /// Hosts that lead to a tenant.
  virtual bool is_routed(const TenantId& tenant, const HostName& host) = 0;
};

using EdgeProxyWorldMaker = std::function<std::unique_ptr<EdgeProxyWorld>()>;

/// What every EdgeProxy does.
class EdgeProxyContract : public ::testing::TestWithParam<EdgeProxyWorldMaker> {
 protected:
  EdgeProxyContract() : world_(GetParam()()) {}

  Result<EdgeOutcome> configure(const EdgeConfig& config) {
    std::optional<Result<EdgeOutcome>> out;
    world_->edge().configure(config,
                             [&](Result<EdgeOutcome> outcome) { out = std::move(outcome); });
    EXPECT_FALSE(out.has_value()) << "the completion runs in a later turn";
    world_->settle();
    EXPECT_TRUE(out.has_value());
    return std::move(*out);
  }
  static EdgeConfig another_config() {
    EdgeConfig config = an_edge_config();
    config.plain_http = PlainHttp::kRedirect;
    return config;
  }

  std::unique_ptr<EdgeProxyWorld> world_;
  const TenantId acme_ = *TenantId::parse("acme");
  const TenantId mario_ = *TenantId::parse("mario");
  const HostName acme_host_ = *HostName::parse("acme.voice.test");
  const HostName custom_ = *HostName::parse("voice.acme.example");
};

TEST_P(EdgeProxyContract, StartsReloadsAndLeavesAlone) {
  EXPECT_THAT(configure(an_edge_config()), IsOkAnd(EdgeOutcome::kStarted));
  EXPECT_THAT(configure(another_config()), IsOkAnd(EdgeOutcome::kReloaded));
  EXPECT_THAT(configure(another_config()), IsOkAnd(EdgeOutcome::kUnchanged));
  EXPECT_EQ(world_->edge().observe().reloads, 1U);
  EXPECT_EQ(world_->edge().observe().fingerprint, *edge_fingerprint(another_config()));
}

TEST_P(EdgeProxyContract, KeepsTheOldConfigurationWhenTheNewOneIsRefused) {
  ASSERT_THAT(configure(an_edge_config()), IsOk());
  world_->refuse_next();

  EXPECT_TRUE(configure(another_config()).has_error());

  EXPECT_TRUE(world_->edge().observe().running);
  EXPECT_EQ(world_->edge().observe().fingerprint, *edge_fingerprint(an_edge_config()));
  EXPECT_EQ(world_->edge().observe().reloads, 0U);
}

TEST_P(EdgeProxyContract, RefusesAConfigurationThatCannotBeRendered) {
  EdgeConfig bad = an_edge_config();
  bad.address = "not an address";

  EXPECT_THAT(configure(bad), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_FALSE(world_->edge().observe().running);
}

TEST_P(EdgeProxyContract, TakesOneConfigurationAtATime) {
  std::optional<Result<EdgeOutcome>> first;
  world_->edge().configure(an_edge_config(), [&](Result<EdgeOutcome> out) { first = out; });

  const Result<EdgeOutcome> second = configure(another_config());

  EXPECT_THAT(second, FailsWith(ErrorCode::kConflict));
  ASSERT_TRUE(first.has_value());
  EXPECT_THAT(*first, IsOkAnd(EdgeOutcome::kStarted));
}

TEST_P(EdgeProxyContract, RoutesExactlyTheGivenHosts) {
  ASSERT_THAT(configure(an_edge_config()), IsOk());
  ASSERT_THAT(world_->edge().publish_route(acme_, {acme_host_, custom_}, "/s"), IsOk());

  EXPECT_THAT(world_->edge().publish_route(acme_, {acme_host_}, "/s"), IsOk());

  EXPECT_TRUE(world_->is_routed(acme_, acme_host_));
  EXPECT_FALSE(world_->is_routed(acme_, custom_));
  EXPECT_EQ(world_->edge().observe().reloads, 0U);
}

TEST_P(EdgeProxyContract, WithdrawsMoreThanOnceWithoutHarm) {
  ASSERT_THAT(configure(an_edge_config()), IsOk());
  ASSERT_THAT(world_->edge().publish_route(acme_, {acme_host_, custom_}, "/s"), IsOk());

  EXPECT_THAT(world_->edge().withdraw_route(acme_), IsOk());
  EXPECT_THAT(world_->edge().withdraw_route(acme_), IsOk());

  EXPECT_FALSE(world_->is_routed(acme_, acme_host_));
  EXPECT_FALSE(world_->is_routed(acme_, custom_));
}

TEST_P(EdgeProxyContract, NeverRoutesATenantToAnothersHost) {
  ASSERT_THAT(configure(an_edge_config()), IsOk());
  ASSERT_THAT(world_->edge().publish_route(acme_, {custom_}, "/s"), IsOk());

  EXPECT_THAT(world_->edge().publish_route(mario_, {acme_host_}, "/m"),
              FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(world_->edge().publish_route(mario_, {custom_}, "/m"),
              FailsWith(ErrorCode::kAlreadyExists));
  EXPECT_TRUE(world_->is_routed(acme_, custom_));
}

TEST_P(EdgeProxyContract, StopsAlsoWhatDoesNotRun) {
  ASSERT_THAT(configure(an_edge_config()), IsOk());
  int stopped = 0;
  const Completion<void> count = [&](const Status& status) {
    EXPECT_THAT(status, IsOk());
    ++stopped;
  };

  world_->edge().stop(count);
  world_->settle();
  world_->edge().stop(count);
  world_->settle();

  EXPECT_EQ(stopped, 2);
  EXPECT_FALSE(world_->edge().observe().running);
  EXPECT_EQ(world_->edge().observe().fingerprint, "");
}

}  // namespace voicectl
