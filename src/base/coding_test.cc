// C1 and C2 of the coding, and the generator's published sequence.
#include "base/coding.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "base/random.h"

namespace tidal::base {
namespace {

RC_GTEST_PROP(Coding, ReadsWhatItWrote, (std::uint64_t a, std::int64_t b, std::string s, std::uint16_t c)) {  // C1
  Encoder out;
  out.varint(a);
  out.zigzag(b);
  out.string(s);
  out.u16(c);
  out.u64(a);
  Decoder in(out.str());
  RC_ASSERT(in.varint() == a);
  RC_ASSERT(in.zigzag() == b);
  RC_ASSERT(in.string() == s);
  RC_ASSERT(in.u16() == c);
  RC_ASSERT(in.u64() == a);
  RC_ASSERT(in.ok());
  RC_ASSERT(in.at_end());
}

RC_GTEST_PROP(Coding, EveryTruncationFailsAndStaysFailed, (std::uint64_t a, std::string s)) {  // C2
  Encoder out;
  out.varint(a);
  out.string(s);
  out.f64(1.5);
  for (std::size_t n = 0; n < out.size(); ++n) {
    Decoder in(std::string_view(out.str()).substr(0, n));
    in.varint();
    in.string();
    in.f64();
    RC_ASSERT(!in.ok());
    RC_ASSERT(in.u8() == 0);
    RC_ASSERT(in.string().empty());
  }
}

TEST(Coding, RefusesVarintsOfMoreThan64Bits) {
  Decoder in(std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10));
  in.varint();
  EXPECT_FALSE(in.ok());
}

// First outputs of splitmix64 seeded with 0 are published as 0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4 …; the state they
// give makes xoshiro256** begin with this value.
TEST(Random, RepeatsForASeedAndStaysInBounds) {
  Random a(0);
  EXPECT_EQ(a.next(), 0x99EC5F36CB75F2B4U);
  Random b(42);
  Random c(42);
  std::array<int, 7> hits{};
  for (int i = 0; i < 7'000; ++i) {
    const std::uint64_t v = b.below(7);
    ASSERT_EQ(v, c.below(7));
    ++hits.at(v);
    const double u = b.uniform();
    ASSERT_EQ(u, c.uniform());
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
  }
  for (const int n : hits) EXPECT_GT(n, 800);
}

}  // namespace
}  // namespace tidal::base
