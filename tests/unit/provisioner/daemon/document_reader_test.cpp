// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/document_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace voicectl {
namespace {

using testing::HasSubstr;

std::string document_with(const std::string& slug) {
  return R"({"apiVersion":"voicectl/v1","tenants":[{"slug":")" + slug +
         R"(","name":"Acme","business_type":"custom"}]})";
}

TEST(DocumentReaderTest, TheSameTextIsReadOnce) {
  DocumentReader reader;

  const auto first = reader.read(document_with("acme"), FieldOwner::kFile);
  const auto again = reader.read(document_with("acme"), FieldOwner::kFile);

  ASSERT_TRUE(first.has_value() && again.has_value());
  EXPECT_EQ((*first)->state.tenants.at(0).tenant.str(), "acme");
  EXPECT_EQ(*first, *again);
}

TEST(DocumentReaderTest, TellsWhatTheDocumentNames) {
  DocumentReader reader;

  const auto read = reader.read(document_with("acme"), FieldOwner::kFile);

  ASSERT_TRUE(read.has_value());
  EXPECT_THAT((*read)->named.at("acme"), testing::ElementsAre("business_type", "name", "slug"));
}

TEST(DocumentReaderTest, AnotherTextIsAnotherState) {
  DocumentReader reader;
  const auto first = reader.read(document_with("acme"), FieldOwner::kFile);

  const auto other = reader.read(document_with("bolt"), FieldOwner::kFile);
  const auto back = reader.read(document_with("acme"), FieldOwner::kFile);

  ASSERT_TRUE(first.has_value() && other.has_value() && back.has_value());
  EXPECT_EQ((*other)->state.tenants.at(0).tenant.str(), "bolt");
  EXPECT_EQ((*back)->state.tenants.at(0).tenant.str(), "acme");
  EXPECT_EQ((*first)->state.tenants.at(0).tenant.str(), "acme") << "who holds a state keeps it";
}

TEST(DocumentReaderTest, WhatIsRefusedIsRefusedEachTime) {
  DocumentReader reader;
  ASSERT_TRUE(reader.read(document_with("acme"), FieldOwner::kFile).has_value());

  for (int i = 0; i < 2; ++i) {
    const auto refused = reader.read(document_with("www"), FieldOwner::kFile);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().text(), HasSubstr("www"));
  }
  EXPECT_TRUE(reader.read(document_with("acme"), FieldOwner::kFile).has_value());
}

TEST(DocumentReaderTest, NamesNoFilesOfTheDaemons) {
  DocumentReader reader;

  const auto refused =
      reader.read(R"({"apiVersion":"voicectl/v1","tenants":[{"slug":"acme","name":"Acme",)"
                  R"("business_type":"restaurant","menu_file":"menu.yaml"}]})",
                  FieldOwner::kFile);

  ASSERT_TRUE(refused.has_error());
  EXPECT_THAT(refused.error().text(), HasSubstr("takes whole documents only"));
}

TEST(DocumentReaderTest, ACanaryThatIsGoneIsHeldAgainstFilesOnly) {
  const std::string text =
      R"({"apiVersion":"voicectl/v1","platform":{"rollout":{"canary":["gone"]}}})";
  DocumentReader reader;

  ASSERT_TRUE(reader.read(text, FieldOwner::kCommandLine).has_value());
  const auto refused = reader.read(text, FieldOwner::kFile);

  ASSERT_TRUE(refused.has_error()) << "also when it was read before, for a command";
  EXPECT_THAT(refused.error().text(), HasSubstr("found the canary 'gone'"));
}

}  // namespace
}  // namespace voicectl
