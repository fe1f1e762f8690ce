// A derived view reads nothing of another: whichever views are there, each has the state that it has among all, and
// each may take many events before the next view takes them.
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/case_stride_for_test.h"
#include "test/view_stand.h"

namespace tidal::test {
namespace {

/// The digests of the views there are, each with its name, after events in groups of that size.
std::vector<materializer::ViewDigest> digests_among(std::span<const std::string_view> names, const Records& records,
                                                    std::size_t group = 1) {
  db::Stores stores;
  db::Views views(stores, names);
  std::vector<wal::WalEvent> events = events_of(records, 0, records.size());
  for (std::span<wal::WalEvent> rest = events; !rest.empty(); rest = rest.subspan(std::min(group, rest.size()))) {
    views.registry().apply(rest.first(std::min(group, rest.size())));
  }
  return views.registry().digest_by_view();
}

TEST(Independence, EverySubsetOfTheViewsHasTheirStates) {
  const std::vector<std::string_view> all = db::Views::derived();
  ASSERT_LE(all.size(), 16U) << "subsets are drawn from then on";
  constexpr std::uint64_t kSeed = 4;
  const Records records = random_records(kSeed, 300, 8);
  const std::vector<materializer::ViewDigest> expected = digests_among(all, records);
  std::size_t compared = 0;
  for (std::size_t subset = 0; subset < std::size_t{1} << all.size(); subset += base::kCaseStride) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if ((subset >> i & 1U) != 0) names.push_back(all[i]);
    }
    for (const materializer::ViewDigest& digest : digests_among(names, records)) {
      const auto same = std::ranges::find(expected, digest.view, &materializer::ViewDigest::view);
      ASSERT_NE(same, expected.end());
      ASSERT_EQ(digest.hex, same->hex) << digest.view << " in the subset " << subset;
      ++compared;
    }
  }
  EXPECT_GT(compared, 1000U);
}

TEST(Independence, GroupsOfEventsGiveWhatEachByItselfGives) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Records records = random_records(seed, 300, 8);
    const auto expected = digests_among(db::Views::derived(), records);
    for (const std::size_t group : {std::size_t{2}, std::size_t{7}, wal::kEventGroup}) {
      const auto digests = digests_among(db::Views::derived(), records, group);
      ASSERT_EQ(digests.size(), expected.size());
      for (std::size_t v = 0; v < digests.size(); ++v) {
        ASSERT_EQ(digests[v].hex, expected[v].hex) << digests[v].view << " in groups of " << group << ", seed " << seed;
      }
    }
  }
}

/// The history is no empty one to any of them.
TEST(Independence, IsShownByAHistoryThatEveryViewSees) {
  const Records records = random_records(4, 300, 8);
  const std::vector<std::string_view> all = db::Views::derived();
  for (const materializer::ViewDigest& digest : digests_among(all, records)) {
    // No operation of a history is imported, and none is told from others here.
    if (digest.view == "import_marks" || digest.view == "duplicates") continue;
    EXPECT_GT(digest.pairs, 3U) << digest.view;
  }
}

}  // namespace
}  // namespace tidal::test
