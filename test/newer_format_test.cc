// Every kind of file of ours, as a later version might write it: refused with FailedPrecondition that names the file
// and both versions, before a byte of the directory has changed.
//
// A kind that is added to a directory must be added to the table, or the last test here fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/memory_file_system.h"
#include "db/core.h"
#include "db/offline/repairing.h"
#include "db/offline/restoring.h"
#include "db/offline/verification.h"
#include "test/directory_files.h"
#include "wal/archive_format.h"
#include "wal/frame.h"
#include "wal/segment.h"

namespace tidal::test {
namespace {

const std::string kDirectory = "/db";

void put_version_9(std::string& content, std::size_t at) {
  base::Encoder versions;
  versions.u32(9);
  versions.u32(9);
  content.replace(at, 8, versions.str());
}

// ---- the files as a later version might write them; each answers the path of what it changed

std::string newer_segment(Files& files) {
  const std::string path = path_in(files, "wal/", ".wal");
  put_version_9(files[path], 8);
  fix_checksum(files[path], 60);
  return path;
}

std::string newer_footer(Files& files) {
  const std::string path = path_in(files, "wal/00000000000000000001", ".wal");  // sealed
  std::string& segment = files[path];
  std::string footer = segment.substr(segment.size() - wal::kPageBytes, 64);
  footer[8] = 9;
  fix_checksum(footer, 60);
  segment.replace(segment.size() - wal::kPageBytes, footer.size(), footer);
  return path;
}

/// The newest segment's last frame with records.
wal::FrameHeader last_frame(const std::string& segment) {
  std::optional<wal::FrameHeader> last;
  for (std::size_t at = wal::kFramesBegin; at + wal::kFrameHeaderBytes <= segment.size();) {
    const auto frame =
        wal::decode_frame_header(std::string_view(segment).substr(at, wal::kFrameHeaderBytes), {.offset = at});
    if (!frame.ok()) break;
    if (frame->record_count > 0) last = *frame;
    at += frame->frame_bytes();
  }
  EXPECT_TRUE(last);
  return last.value_or(wal::FrameHeader{});
}

std::string newer_frame(Files& files) {
  const std::string path = path_in(files, "wal/", ".wal");
  const std::size_t at = last_frame(files[path]).offset;
  std::string head = files[path].substr(at, wal::kFrameHeaderBytes);
  head[4] = 9;
  fix_checksum(head, 60);
  files[path].replace(at, head.size(), head);
  return path;
}

/// One record in the place of the newest segment's last frame, and nothing behind it.
std::string end_with(Files& files, wal::RecordType type, std::string_view payload) {
  const std::string path = path_in(files, "wal/", ".wal");
  std::string& segment = files[path];
  const wal::FrameHeader place = last_frame(segment);
  wal::Record record;
  record.type = type;
  record.payload = payload;
  record.event_time = place.append_time;
  wal::Frame frame;
  frame.append(wal::RecordBatch(std::span(&record, 1)));
  frame.seal(place);
  segment.replace(place.offset, frame.bytes().size(), frame.bytes());
  const std::size_t end = place.offset + frame.bytes().size();
  std::fill(segment.begin() + static_cast<std::ptrdiff_t>(end), segment.end(), '\0');
  return path;
}

std::string newer_record(Files& files) { return end_with(files, static_cast<wal::RecordType>(99), "whatever comes"); }
std::string newer_schema(Files& files) { return end_with(files, wal::RecordType::SchemaChange, R"({"min_reader":9})"); }
std::string newer_erasure(Files& files) { return end_with(files, wal::RecordType::Erase, "\x09 whatever comes then"); }

std::string newer_archive(Files& files) {
  const std::string path = path_in(files, "archive/", ".zst");
  put_version_9(files[path], 16);
  fix_checksum(files[path], 124);
  return path;
}

std::string newer_manifest(Files& files, const std::string& path) {
  put_version_9(files[path], 8);
  fix_checksum(files[path], files[path].size() - 4);
  return path;
}

std::string newer_image(Files& files, const std::string& path) {
  put_version_9(files[path], 8);
  fix_manifest(files, path);
  return path;
}

std::string newer_memory_store(Files& files) {
  const std::string path = "stores/entities";
  files[path].replace(4, 4, std::string_view("\x09\0\x09\0", 4));
  return path;
}

// ---- the table

struct Kind {
  std::string name;
  std::string golden;  ///< the folder that holds one
  std::string paths;   ///< the paths that such files have in a directory
  std::function<std::string(Files&)> make_newer;
};

/// As a manifest and images lie in checkpoints/ and base/.
std::vector<Kind> state_kinds(const std::string& folder) {
  const auto in = [folder](auto make, const std::string& name) {
    return [=](Files& files) { return make(files, path_in(files, folder + "/", "/" + name)); };
  };
  const std::string digits = folder + "/[0-9]{20}/";
  return {{.name = "manifest in " + folder + "/",
           .golden = "database-v2",
           .paths = digits + "MANIFEST",
           .make_newer = in(newer_manifest, "MANIFEST")},
          {.name = "view image in " + folder + "/",
           .golden = "database-v2",
           .paths = digits + "(schema|entities|embeddings|field_index|creator_items|hidden|ledger|user_state|"
                             "preference|interests|uniques|rollups|relations|weights|"
                             "co_engagement|import_marks|duplicates)",
           .make_newer = in(newer_image, "ledger")}};
}

/// Those that a database refuses to be opened with. Beside it: the stores of LMDB and RocksDB in storage_test, lists of
/// rejects in cli_import_test, the manifest of a backup below.
std::vector<Kind> kinds() {
  const std::string segments = "wal/[0-9]{20}\\.wal";
  std::vector<Kind> all = {
      {.name = "log segment", .golden = "database-v2", .paths = segments, .make_newer = newer_segment},
      {.name = "footer of a segment", .golden = "database-v1", .paths = segments, .make_newer = newer_footer},
      {.name = "frame", .golden = "database-v2", .paths = segments, .make_newer = newer_frame},
      {.name = "type of record", .golden = "database-v2", .paths = segments, .make_newer = newer_record},
      {.name = "schema change", .golden = "database-v2", .paths = segments, .make_newer = newer_schema},
      {.name = "erase record", .golden = "database-v2", .paths = segments, .make_newer = newer_erasure},
      {.name = "archived segment",
       .golden = "database-v2",
       .paths = "archive/[0-9]{20}\\.wal\\.zst",
       .make_newer = newer_archive},
      {.name = "dump of a store",
       .golden = "database-v2",
       .paths = "base/[0-9]{20}/(entity_fields|rollup_blocks)",
       .make_newer = [](Files& files) { return newer_image(files, path_in(files, "base/", "/entity_fields")); }},
      {.name = "store in memory",
       .golden = "database-v2",
       .paths = "stores/(entities|rollups)",
       .make_newer = newer_memory_store}};
  for (const std::string folder : {"base", "checkpoints"})
    std::ranges::move(state_kinds(folder), std::back_inserter(all));
  return all;
}

/// What has no version, and why it needs none.
struct Versionless {
  std::string paths;
  std::string_view why;
};
const Versionless kVersionless[] = {
    {"LOCK", "empty"},
    {"cursor.key", "32 random bytes; others are replaced, which voids cursors and nothing else"},
    {"wal/next\\.wal\\.ready", "zeros, taken only at its full size"},
    {"(BACKUP|RESTORE)\\.unfinished", "empty"},
};

Result<std::unique_ptr<db::Core>> open_core(base::FileSystem& fs, const base::Clock& clock) {
  Options options;
  options.checkpoint_on_close = false;
  options.log_level = LogLevel::Off;
  return db::Core::open(kDirectory, options,
                        {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain, .background = false});
}

void expect_names_both(const Error& error, const std::string& path) {
  EXPECT_EQ(error.code, Code::FailedPrecondition) << error.to_string();
  EXPECT_THAT(error.message, testing::HasSubstr(path));
  EXPECT_THAT(error.message, testing::ContainsRegex("(format|type|reader) 9")) << error.message;
  EXPECT_THAT(error.message, testing::ContainsRegex("(format|up to|types|reader) [12]")) << error.message;
}

TEST(NewerFormat, OfEveryKindIsRefusedByAnOpenBeforeAnyWrite) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.name);
    base::MemoryFileSystem fs;
    const base::FixedClock clock(Timestamp{1'700'000'000'000'000});
    Files files = golden_files(kind.golden);
    const std::string path = kind.make_newer(files);
    put_into(fs, files, kDirectory);
    const Files before = lasting_files_of(fs, kDirectory);
    const auto core = open_core(fs, clock);
    ASSERT_FALSE(core.ok());
    expect_names_both(core.error(), kDirectory + "/" + path);
    EXPECT_TRUE(lasting_files_of(fs, kDirectory) == before) << "refused after a write";
  }
}

/// Nor is it taken for damage, and put aside.
TEST(NewerFormat, OfAWholeFileIsRefusedByVerifyAndRepair) {
  for (const Kind& kind : kinds()) {
    if (kind.name == "frame" || kind.name == "type of record" || kind.name == "schema change" ||
        kind.name == "erase record" || kind.name == "store in memory") {
      continue;  // inside of a file whose version is ours; the store of tests
    }
    SCOPED_TRACE(kind.name);
    base::MemoryFileSystem fs;
    Files files = golden_files(kind.golden);
    const std::string path = kind.make_newer(files);
    put_into(fs, files, kDirectory);
    const auto verified = db::verify_directory(fs, kDirectory);
    ASSERT_FALSE(verified.ok());
    expect_names_both(verified.error(), kDirectory + "/" + path);
    const auto planned = db::DirectoryRepair::plan(fs, kDirectory);
    ASSERT_FALSE(planned.ok());
    expect_names_both(planned.error(), kDirectory + "/" + path);
  }
}

TEST(NewerFormat, OfABackupIsRefusedByARestoreBeforeAnyWrite) {
  const std::function<std::string(Files&)> changes[] = {
      [](Files& files) { return newer_manifest(files, "BACKUP"); },
      newer_segment,
      newer_archive,
      [](Files& files) { return newer_manifest(files, path_in(files, "base/", "/MANIFEST")); },
      [](Files& files) { return newer_image(files, path_in(files, "base/", "/entities")); },
      [](Files& files) { return newer_image(files, path_in(files, "base/", "/entity_fields")); }};
  for (const auto& make_newer : changes) {
    base::MemoryFileSystem fs;
    Files files = golden_files("backup-v1");
    const std::string path = make_newer(files);
    SCOPED_TRACE(path);
    put_into(fs, files, "/backup");
    const Files before = files_of(fs, "/backup");
    const auto restored = db::restore_backup(fs, "/backup", kDirectory, {});
    ASSERT_FALSE(restored.ok());
    expect_names_both(restored.error(), "/backup/" + path);
    EXPECT_FALSE(fs.exists(kDirectory));
    EXPECT_TRUE(files_of(fs, "/backup") == before);
  }
}

/// A flipped bit in a version is damage: the checksum tells, and a cache is rebuilt.
TEST(NewerFormat, IsNotSeenInDamage) {
  base::MemoryFileSystem fs;
  const base::FixedClock clock(Timestamp{1'700'000'000'000'000});
  Files files = golden_files("database-v2");
  files[path_in(files, "checkpoints/", "/ledger")][12] = 9;
  files[path_in(files, "base/", "/entity_fields")][12] = 9;
  put_into(fs, files, kDirectory);
  const auto core = open_core(fs, clock);
  ASSERT_TRUE(core.ok()) << core.error().to_string();
  EXPECT_EQ((*core)->open_report().checkpoint, SeqNo{});
  EXPECT_EQ((*core)->open_report().base, SeqNo{});
  EXPECT_EQ((*core)->open_report().notes.size(), 2U);
}

TEST(NewerFormat, EveryFileOfADirectoryIsOfAKnownKind) {
  for (const std::string folder : {"database-v1", "database-v2", "backup-v1"}) {
    base::MemoryFileSystem fs;
    const base::FixedClock clock(Timestamp{1'700'000'000'000'000});
    put_into(fs, golden_files(folder), kDirectory);
    if (folder != "backup-v1") {  // what this program writes besides
      const auto core = open_core(fs, clock);
      ASSERT_TRUE(core.ok() && (*core)->checkpoint().ok() && (*core)->compact().ok());
    }
    for (const auto& [path, content] : files_of(fs, kDirectory)) {
      const auto matches = [&path = path](const auto& kind) { return std::regex_match(path, std::regex(kind.paths)); };
      const std::vector<Kind> all = kinds();
      EXPECT_TRUE(path == "BACKUP" || std::ranges::any_of(all, matches) || std::ranges::any_of(kVersionless, matches))
          << "add " << path << " to the table of kinds";
    }
  }
}

}  // namespace
}  // namespace tidal::test
