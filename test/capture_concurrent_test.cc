// A checkpoint image that is written while events go on is the image of the moment it was captured at, for every view.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "test/view_stand.h"

namespace tidal::test {
namespace {

std::vector<std::string> images_of(const std::vector<std::unique_ptr<materializer::CheckpointImage>>& captured) {
  std::vector<std::string> images;
  for (const auto& image : captured) EXPECT_TRUE(image->write_to(images.emplace_back()).ok());
  return images;
}

std::vector<std::unique_ptr<materializer::CheckpointImage>> capture_all(const Stand& stand) {
  std::vector<std::unique_ptr<materializer::CheckpointImage>> captured;
  for (const auto& view : stand.views->registry().views()) captured.push_back(view->checkpoint());
  return captured;
}

TEST(CaptureConcurrency, AnImageWrittenBesideTheWriterIsTheImageOfItsMoment) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, 400);
    base::Random random(seed);
    const std::size_t at = 1 + random.below(records.size() - 1);
    Stand still;
    still.apply(records, 0, at);
    const std::vector<std::string> expected = images_of(capture_all(still));

    Stand moving;
    moving.views->settle(kHistoryStart);  // with read columns, as an open database
    moving.apply(records, 0, at);
    const auto captured = capture_all(moving);
    std::vector<std::string> images;
    std::thread background([&] { images = images_of(captured); });
    moving.apply(records, at, records.size());
    background.join();
    ASSERT_EQ(images.size(), expected.size());
    for (std::size_t v = 0; v < images.size(); ++v) EXPECT_EQ(images[v], expected[v]) << moving.names()[v];
  }
}

}  // namespace
}  // namespace tidal::test
