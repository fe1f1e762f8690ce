// Cursors: what comes back is what went in, and nothing that was altered opens.
#include "query/cursor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidal::query {
namespace {

const std::string kKey(32, 'k');

Cursor sample() {
  Cursor cursor;
  cursor.now = Timestamp{1'000'000};
  cursor.issued = Timestamp{2'000'000};
  cursor.seqno = SeqNo{47};
  cursor.seed = 5;
  cursor.reached = 20;
  cursor.last_rank = ~std::uint64_t{3};
  cursor.last_text = "piano";
  cursor.last_key = "i\"7";
  cursor.served = {1, 2, fingerprint("x")};
  return cursor;
}

// C1, C2
TEST(Cursor, OpensToWhatWasSealed) {
  const Cursor in = sample();
  const auto out = open(seal(in, "binding", kKey), "binding", kKey, in.issued);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->now, in.now);
  EXPECT_EQ(out->issued, in.issued);
  EXPECT_EQ(out->seqno, in.seqno);
  EXPECT_EQ(out->seed, in.seed);
  EXPECT_EQ(out->reached, in.reached);
  EXPECT_EQ(out->last_rank, in.last_rank);
  EXPECT_EQ(out->last_text, in.last_text);
  EXPECT_EQ(out->last_key, in.last_key);
  EXPECT_EQ(out->served, in.served);
}

TEST(Cursor, IsFitForAUrl) {
  for (const char c : seal(sample(), "b", kKey)) {
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_') << c;
  }
}

TEST(Cursor, OpensOnlyForItsQueryAndKey) {
  const std::string text = seal(sample(), "binding", kKey);
  EXPECT_EQ(open(text, "another", kKey, sample().issued).error().code, Code::InvalidArgument);
  EXPECT_EQ(open(text, "binding", std::string(32, 'x'), sample().issued).error().code, Code::InvalidArgument);
}

RC_GTEST_PROP(Cursor, NoAlterationOpens, ()) {
  std::string text = seal(sample(), "binding", kKey);
  const auto at = static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(text.size())));
  const std::string original = text;
  const int how = *rc::gen::inRange(0, 3);
  if (how == 0) text[at] = *rc::gen::elementOf(std::string("ABCabc019-_+ "));
  if (how == 1) text.resize(at);
  if (how == 2) text += text.substr(at);
  RC_PRE(text != original);
  const auto out = open(text, "binding", kKey, sample().issued);
  RC_ASSERT(!out.ok());
  RC_ASSERT(out.error().code == Code::InvalidArgument);
}

RC_GTEST_PROP(Cursor, AnyBytesAreRefused, (const std::string& text)) {
  RC_ASSERT(!open(text, "binding", kKey, Timestamp{0}).ok());
}

TEST(Cursor, ExpiresAfterItsLife) {
  const std::string text = seal(sample(), "b", kKey);
  EXPECT_TRUE(open(text, "b", kKey, sample().issued + kCursorLife).ok());
  EXPECT_EQ(open(text, "b", kKey, sample().issued + kCursorLife + microseconds(1)).error().code,
            Code::FailedPrecondition);
}

}  // namespace
}  // namespace tidal::query
