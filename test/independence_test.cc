// A derived view reads nothing of another: whichever views are there, each has the state that it has among all.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/case_stride_for_test.h"
#include "test/view_stand.h"

namespace tidal::test {
namespace {

/// The digests of the views there are, each with its name.
std::vector<materializer::ViewDigest> digests_among(std::span<const std::string_view> names, const Records& records) {
  db::Stores stores;
  db::Views views(stores, names);
  for (wal::WalEvent& event : events_of(records, 0, records.size())) views.registry().apply(event);
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
