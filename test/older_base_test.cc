// A base of older logic: read where its views can, passed over where the log is whole, else refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/coding.h"
#include "base/memory_file_system.h"
#include "db/base_state.h"
#include "db/core.h"
#include "db/forget.h"
#include "db/offline/replayed.h"
#include "materializer/checkpoint.h"
#include "materializer/view_conformance.h"
#include "test/directory_files.h"
#include "wal/log.h"

namespace tidal::test {
namespace {

constexpr Timestamp kStart{1'700'000'000'000'000};
const std::string kDirectory = "/db";

/// A view that counts records. From logic 2 on it also counts the signals among them; of those before an older image
/// it knows nothing, so its count of signals begins there.
class Tally final : public materializer::Materializer {
 public:
  Tally(std::uint32_t logic, std::uint32_t oldest) : logic_(logic), oldest_(oldest) {}

  [[nodiscard]] std::string_view name() const override { return "tally"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Aggregate; }
  [[nodiscard]] std::uint32_t logic_version() const override { return logic_; }
  [[nodiscard]] std::uint32_t oldest_image_version() const override { return oldest_; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override {
    base::Encoder out;
    out.u64(records_);
    if (logic_ >= 2) out.u64(signals_);
    return std::make_unique<materializer::BytesImage>(out.take());
  }
  void digest(materializer::DigestSink& sink) const override {
    sink.add("records", std::to_string(records_));
    if (logic_ >= 2) sink.add("signals", std::to_string(signals_));
  }
  void erase_user(Ordinal /*user*/) noexcept override {}
  [[nodiscard]] std::size_t memory_bytes() const override { return sizeof *this; }

 private:
  void on_event(const wal::WalEvent& event) noexcept override {
    ++records_;
    if (event.record.type == wal::RecordType::Signal) ++signals_;
  }
  [[nodiscard]] Status on_restore(std::string_view image) override { return read(image, logic_); }
  [[nodiscard]] Status on_restore_older(std::string_view image, std::uint32_t image_version) override {
    return read(image, image_version);
  }
  Status read(std::string_view image, std::uint32_t version) {
    base::Decoder in(image);
    records_ = in.u64();
    if (version >= 2) signals_ = in.u64();
    return in.ok() && in.at_end() ? Status() : Error(Code::Corruption, "tally image: malformed");
  }
  void on_reset() override { records_ = signals_ = 0; }

  const std::uint32_t logic_;
  const std::uint32_t oldest_;
  std::uint64_t records_ = 0;
  std::uint64_t signals_ = 0;
};

std::unique_ptr<materializer::Registry> registry(std::uint32_t logic, std::uint32_t oldest) {
  auto views = std::make_unique<materializer::Registry>();
  views->add(std::make_unique<Tally>(logic, oldest));
  return views;
}

/// Ten signals, then ten others.
materializer::History twenty_records() {
  materializer::History history;
  for (int i = 0; i < 20; ++i) {
    history.add(i < 10 ? wal::RecordType::Signal : wal::RecordType::PutEntity, kStart + seconds(i));
  }
  return history;
}

void apply(materializer::Registry& views, const materializer::History& history, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) views.views().front()->apply(history.events()[i]);
}

std::string digest(const materializer::Registry& views) { return materializer::digest_of(*views.views().front()).hex; }

/// A base at seqno 5 that logic 1 wrote, in a log that begins with `first` and ends with seqno 8.
class OlderBase : public testing::Test {
 protected:
  void write(SeqNo first) {
    const auto older = registry(1, 1);
    apply(*older, history, 0, 5);
    ASSERT_TRUE(bases.write(materializer::capture(*older, SeqNo{5}, 1), kStart).ok());
    log = wal::Log::open(fs, kDirectory + "/wal", {.segment_bytes = 64U << 10U, .first_seqno = first}, kStart).value();
    for (std::uint64_t seqno = first.value; seqno <= 8; ++seqno) {
      ASSERT_TRUE(log->append(std::vector<wal::Record>(1), kStart).ok());
    }
  }
  Result<SeqNo> restore(const materializer::Registry& views) {
    return db::restore_base(bases, *log, SeqNo{8}, views, {});
  }

  base::MemoryFileSystem fs;
  materializer::History history = twenty_records();
  materializer::CheckpointDirectory bases = db::base_directory(fs, kDirectory);
  std::unique_ptr<wal::Log> log;
};

TEST_F(OlderBase, IsConvertedWhereItsViewsReadIt) {
  write(SeqNo{6});
  const auto views = registry(2, 1);
  ASSERT_EQ(restore(*views).value(), SeqNo{5});
  const auto& tally = *views->views().front();
  EXPECT_EQ(tally.applied(), SeqNo{5});
  apply(*views, history, 5, 20);
  // Five signals lie before the base, where nobody counted them.
  const auto expected = registry(2, 2);
  base::Encoder image;
  image.u64(20);
  image.u64(5);
  ASSERT_TRUE(expected->views().front()->restore(image.str(), SeqNo{20}).ok());
  EXPECT_EQ(digest(*views), digest(*expected));
}

/// What was converted is an image of the present logic from then on.
TEST_F(OlderBase, IsWrittenAsThePresentLogicWrites) {
  write(SeqNo{6});
  const auto views = registry(2, 1);
  ASSERT_EQ(restore(*views).value(), SeqNo{5});
  ASSERT_TRUE(bases.write(materializer::capture(*views, SeqNo{5}, 1), kStart).ok());
  const auto later = registry(2, 2);
  ASSERT_EQ(restore(*later).value(), SeqNo{5});
  EXPECT_EQ(digest(*later), digest(*views));
}

TEST_F(OlderBase, IsDroppedAsACheckpoint) {
  materializer::CheckpointDirectory checkpoints(fs, kDirectory + "/checkpoints");
  const auto older = registry(1, 1);
  apply(*older, history, 0, 5);
  ASSERT_TRUE(checkpoints.write(materializer::capture(*older, SeqNo{5}, 1), kStart).ok());
  const auto views = registry(2, 1);
  std::vector<std::string> notes;
  EXPECT_EQ(checkpoints.restore(*views, {.first = {}, .last = SeqNo{8}}, notes).value(), SeqNo{});
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes.front(), testing::HasSubstr("view tally was written by logic 1, this program reads 2"));
}

TEST_F(OlderBase, IsPassedOverWhereTheLogIsWhole) {
  write(SeqNo{1});
  for (const auto& [logic, oldest] : {std::pair(2U, 2U), std::pair(3U, 2U)}) {
    const auto views = registry(logic, oldest);
    EXPECT_EQ(restore(*views).value(), SeqNo{});
    EXPECT_EQ(views->views().front()->applied(), SeqNo{});
  }
}

TEST_F(OlderBase, IsRefusedByNameWhereNothingElseHoldsTheState) {
  write(SeqNo{6});
  const auto views = registry(3, 2);
  const Error error = restore(*views).error();
  EXPECT_EQ(error.code, Code::FailedPrecondition);
  EXPECT_THAT(error.message, testing::HasSubstr("view tally was written by logic 1, this program reads 2 to 3"));
  EXPECT_THAT(error.message, testing::HasSubstr("docs/formats/base.md"));
}

TEST_F(OlderBase, OfNewerLogicIsRefusedToo) {
  write(SeqNo{6});
  const auto newer = registry(4, 4);
  apply(*newer, history, 0, 7);
  ASSERT_TRUE(bases.write(materializer::capture(*newer, SeqNo{7}, 1), kStart).ok());
  const auto views = registry(3, 1);
  const Error error = restore(*views).error();
  EXPECT_EQ(error.code, Code::FailedPrecondition);
  EXPECT_THAT(error.message, testing::HasSubstr("view tally was written by logic 4, this program reads 1 to 3"));
}

/// Nobody damaged it: the view was added since.
TEST_F(OlderBase, WithoutAViewIsRefusedByName) {
  write(SeqNo{6});
  materializer::Capture without{.seqno = SeqNo{7}, .schema_version = 1, .views = {}};
  ASSERT_TRUE(bases.write(std::move(without), kStart).ok());
  const auto views = registry(1, 1);
  const Error error = restore(*views).error();
  EXPECT_EQ(error.code, Code::FailedPrecondition);
  EXPECT_THAT(error.message, testing::HasSubstr("lacks the view tally"));
}

TEST_F(OlderBase, CutShortIsCorruptionAndLeavesTheViewReset) {
  const auto older = registry(1, 1);
  apply(*older, history, 0, 5);
  const std::string image = materializer::image_of(*older->views().front());
  Tally view(2, 1);
  const std::string empty = materializer::digest_of(view).hex;
  for (std::size_t bytes = 0; bytes < image.size(); ++bytes) {
    EXPECT_EQ(view.restore(image.substr(0, bytes), SeqNo{5}, 1).error().code, Code::Corruption) << bytes;
    EXPECT_EQ(materializer::digest_of(view).hex, empty) << bytes;
    EXPECT_EQ(view.applied(), SeqNo{}) << bytes;
  }
  EXPECT_TRUE(view.restore(image, SeqNo{5}, 1).ok());
}

// ---- a whole database, whose base says that the ledger is of another logic

class DatabaseOfOlderLogic : public testing::Test {
 protected:
  /// In all that has images.
  void set_logic(std::uint32_t version) {
    for (auto& [path, content] : files) {
      if (!path.ends_with("/ledger")) continue;
      base::Encoder encoded;
      encoded.u32(version);
      constexpr std::size_t kVersionAt = 8 + 4 + 4 + 1 + 6;  // magic, format, minimum reader, "ledger"
      content.replace(kVersionAt, 4, encoded.str());
      fix_manifest(files, path);
      std::string& bytes = files.at(path.substr(0, path.rfind('/')) + "/MANIFEST");
      materializer::Manifest manifest = materializer::decode_manifest(bytes).value();
      for (auto& entry : manifest.entries) {
        if (entry.view == "ledger") entry.logic_version = version;
      }
      bytes = materializer::encode_manifest(manifest);
    }
  }
  Result<std::unique_ptr<db::Core>> open() {
    put_into(fs, files, kDirectory);
    Options options;
    options.checkpoint_on_close = false;
    options.log_level = LogLevel::Off;
    return db::Core::open(kDirectory, options,
                          {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain, .background = false});
  }

  base::MemoryFileSystem fs;
  base::FixedClock clock{kStart};
  Files files = golden_files("database-v2");
};

TEST_F(DatabaseOfOlderLogic, ReplaysTheWholeLogWhereItIsThere) {
  const auto digest_as_it_is = [this] {
    put_into(fs, files, kDirectory);
    return db::ReplayedDatabase::open(fs, kDirectory).value()->digest().all;
  };
  const std::string expected = digest_as_it_is();
  set_logic(1);
  const auto core = open();
  ASSERT_TRUE(core.ok()) << core.error().to_string();
  EXPECT_EQ((*core)->open_report().base, SeqNo{});
  EXPECT_EQ((*core)->open_report().checkpoint, SeqNo{});
  EXPECT_EQ((*core)->digest()->all, expected);
}

/// The log is there, and cannot be replayed from its beginning any more: the base is what is wrong.
TEST_F(DatabaseOfOlderLogic, IsNamedByARebuildWhereTheLogIsAnonymous) {
  const auto core = std::move(open()).value();
  ASSERT_TRUE(db::forget_user(*core, "u2").ok());
  ASSERT_GT(core->compact()->segments_rewritten, 0U);
  files = lasting_files_of(fs, kDirectory);
  set_logic(1);
  put_into(fs, files, kDirectory);
  const Error error = core->rebuild("ledger", {}).error();
  EXPECT_EQ(error.code, Code::FailedPrecondition) << error.to_string();
  EXPECT_THAT(error.message, testing::HasSubstr("view ledger was written by logic 1, this program reads 2"));
}

/// An anonymous log is whole and cannot be replayed: views that were added since begin at the base (M7).
TEST_F(DatabaseOfOlderLogic, WithoutNewerViewsIsBegunAtWhereTheLogIsAnonymous) {
  auto core = std::move(open()).value();
  ASSERT_TRUE(db::forget_user(*core, "u2").ok());
  ASSERT_GT(core->compact()->segments_rewritten, 0U);
  const std::string expected = core->digest()->by_view.front().second;
  ASSERT_TRUE(core->close().ok());
  files = lasting_files_of(fs, kDirectory);
  std::erase_if(files, [](const auto& file) {
    return file.first.starts_with("checkpoints/") || file.first.ends_with("/uniques") ||
           file.first.ends_with("/weights");
  });
  for (auto& [name, bytes] : files) {
    if (!name.starts_with("base/") || !name.ends_with("/MANIFEST")) continue;
    materializer::Manifest manifest = materializer::decode_manifest(bytes).value();
    std::erase_if(manifest.entries,
                  [](const auto& entry) { return entry.view == "uniques" || entry.view == "weights"; });
    bytes = materializer::encode_manifest(manifest);
  }
  ASSERT_TRUE(fs.remove_all(kDirectory).ok());
  const auto reopened = open();
  ASSERT_TRUE(reopened.ok()) << reopened.error().to_string();
  EXPECT_NE((*reopened)->open_report().base, SeqNo{});
  EXPECT_EQ((*reopened)->digest()->by_view.front().second, expected);
  EXPECT_TRUE((*reopened)->rebuild("ledger", {}).ok());
}

TEST_F(DatabaseOfOlderLogic, IsRefusedBeforeAnyWriteWhereTheLogIsNot) {
  for (const std::uint32_t version : {1U, 3U}) {
    set_logic(version);
    std::erase_if(files, [](const auto& file) { return file.first.starts_with("archive/"); });
    ASSERT_TRUE(fs.remove_all(kDirectory).ok());
    const auto core = open();
    ASSERT_FALSE(core.ok());
    EXPECT_EQ(core.error().code, Code::FailedPrecondition) << core.error().to_string();
    EXPECT_THAT(core.error().message, testing::HasSubstr("view ledger was written by logic " + std::to_string(version) +
                                                         ", this program reads 2"));
    Files expected = files;
    std::erase_if(expected, [](const auto& file) { return file.first.ends_with(".txt"); });
    EXPECT_TRUE(lasting_files_of(fs, kDirectory) == expected) << "refused after a write";
    EXPECT_EQ(db::ReplayedDatabase::open(fs, kDirectory).error().code, Code::FailedPrecondition);
  }
}

}  // namespace
}  // namespace tidal::test
