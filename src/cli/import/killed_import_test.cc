// Imports that are killed between two steps and run again: the result is that of one that was not.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include "base/case_stride_for_test.h"
#include "base/file_system.h"
#include "cli/import/database_target.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kBatchOperations = 7;

const ImportProgress kSilent = [](std::string_view, std::uint64_t, double) {};

/// Whatever is quick: what a killed process wrote is there without a sync, too.
Options quick() {
  Options options;
  options.create_if_missing = true;
  options.durability.mode = Durability::Mode::Async;
  options.segment_bytes = std::size_t{64} << 10;
  options.checkpoint_on_close = false;
  return options;
}

/// Ends its process with SIGKILL in front of one of its writes, or behind it.
class KilledTarget final : public ImportTarget {
 public:
  KilledTarget(ImportTarget& target, int steps) : target_(target), steps_(steps) {}
  [[nodiscard]] std::string schema_text() const override { return target_.schema_text(); }
  [[nodiscard]] Result<std::string> schema_after(const std::string& schema,
                                                 const std::string& statements) const override {
    return target_.schema_after(schema, statements);
  }
  [[nodiscard]] std::uint64_t position(std::string_view id) const override { return target_.position(id); }
  [[nodiscard]] Result<std::uint64_t> write(std::span<const Operation> operations,
                                            const BatchOptions& options) override {
    step();
    Result<std::uint64_t> written = target_.write(operations, options);
    step();
    return written;
  }
  [[nodiscard]] Status define(const Definitions& definitions, const ImportMark& mark) override {
    step();
    Status written = target_.define(definitions, mark);
    step();
    return written;
  }

 private:
  void step() {
    if (steps_-- == 0) raise(SIGKILL);
  }
  ImportTarget& target_;
  int steps_;
};

/// A history with everything that makes order matter: definitions, times, deletions, bad lines.
std::string history() {
  std::string text =
      "{\"op\":\"schema\",\"statements\":[\"DEFINE FIELD item.title TEXT;\",\"DEFINE SIGNAL view DECAY "
      "exponential(7d) WINDOWS 24h EFFECTS mark seen;\"]}\n";
  for (int i = 0; i < 60; ++i) {
    const std::string item = "i" + std::to_string(i % 6);
    if (i % 10 == 0) text += "{\"op\":\"item\",\"key\":\"" + item + "\",\"fields\":{\"title\":\"t\"}}\n";
    if (i == 17) text += "{\"op\":\"schema\",\"statements\":[\"DEFINE FIELD item.year INT;\"]}\n";
    if (i == 25) text += "{\"op\":\"delete\",\"kind\":\"item\",\"key\":\"i2\"}\n";
    if (i == 41) {
      text += "{\"op\":\"schema\",\"at\":\"2026-01-02T00:00Z\",\"statements\":[\"ALTER SETTINGS seen_expires:9d;\"]}\n";
    }
    if (i == 45) text += "{\"op\":\"update\",\"kind\":\"item\",\"key\":\"i4\",\"fields\":{\"year\":1999}}\n";
    if (i == 30) text += "nonsense\n";
    text += "{\"op\":\"signal\",\"kind\":\"view\",\"user\":\"u" + std::to_string(i % 5) + "\",\"item\":\"" + item +
            "\",\"at\":" + std::to_string(1'700'000'000 + i * 7919 % 1000) + "}\n";
  }
  return text;
}

class KilledImport : public ::testing::Test {
 protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("tidal-killed-import-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    ASSERT_TRUE(base::write_file_atomically(base::posix_file_system(), folder / "e.jsonl", history()).ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// In a child that is killed after `steps`; with a negative number here and to the end. True when it ended by itself.
  bool run(const std::string& name, int steps, bool as_is) {
    const pid_t child = steps < 0 ? 0 : fork();
    if (child == 0) {
      Result<Database> database = Database::open(folder / name, quick());
      if (!database.ok()) return steps < 0 ? false : (_exit(3), false);
      DatabaseTarget target(*database);
      KilledTarget killed(target, steps);
      const ImportOptions options{.as_is = as_is,
                                  .rejects_path = folder / (name + ".rejects"),
                                  .spill_folder = folder / (name + ".spill"),
                                  .sort_bytes = 2000,
                                  .batch_operations = kBatchOperations};
      const Result<ImportReport> report =
          import_file(base::posix_file_system(), killed, folder / "e.jsonl", options, kSilent);
      if (steps >= 0) _exit(report.ok() ? 0 : 4);
      EXPECT_TRUE(report.ok()) << report.error().message;
      return database->close().ok();
    }
    int ended = 0;
    EXPECT_EQ(waitpid(child, &ended, 0), child);
    EXPECT_TRUE(WIFSIGNALED(ended) || WEXITSTATUS(ended) == 0) << WEXITSTATUS(ended);
    return !WIFSIGNALED(ended);
  }
  /// Digests of what the same history gives whenever it is written: all but the view that measures by append times.
  std::vector<std::pair<std::string, std::string>> digest(const std::string& name) {
    Result<Database> database = Database::open(folder / name, quick());
    EXPECT_TRUE(database.ok());
    auto views = database->digest()->by_view;
    std::erase_if(views, [](const auto& view) { return view.first == "duplicates"; });
    return views;
  }

  /// Lines of the list, in any order: who found them first, the reading or the writing side, is left to chance.
  std::multiset<std::string> rejects(const std::string& name) {
    const Result<std::string> text = base::read_file(base::posix_file_system(), folder / (name + ".rejects"));
    EXPECT_TRUE(text.ok());
    std::istringstream lines(text.ok() ? *text : "");
    std::multiset<std::string> list;
    for (std::string line; std::getline(lines, line);) list.insert(line);
    return list;
  }

  std::filesystem::path folder;
};

TEST_F(KilledImport, EndsLikeOneThatWasNotWhenItIsRunAgain) {  // I2
  for (const bool as_is : {false, true}) {
    const std::string whole = as_is ? "whole-as-is" : "whole";
    ASSERT_TRUE(run(whole, -1, as_is));
    const auto expected = digest(whole);
    const auto expected_rejects = rejects(whole);
    EXPECT_GT(expected_rejects.size(), 20U);  // most on items that are not there
    constexpr auto kStride = static_cast<int>(base::kCaseStride);
    int kills = 0;
    for (bool ended = false; !ended; kills += kStride) {
      const std::string name = whole + std::to_string(kills);
      ended = run(name, kills, as_is);
      if (!ended) static_cast<void>(run(name, 3, as_is));  // killed a second time, or through
      ASSERT_TRUE(run(name, -1, as_is));
      EXPECT_EQ(digest(name), expected) << "killed at step " << kills;
      EXPECT_EQ(rejects(name), expected_rejects) << "killed at step " << kills;
    }
    EXPECT_GT(kills, 20);  // two steps a batch
  }
}

}  // namespace
}  // namespace tidal::cli
