// Every format this program has ever written is still read: a small database, as format 1 wrote it, lies in
// test/golden/database-v1. TIDAL_GOLDEN_WRITE=1 makes this program write it anew (CONTRIBUTING.md says when).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "db/core.h"
#include "db/prepare.h"
#include "db/session.h"
#include "query/parser.h"
#include "test/history.h"

namespace tidal::test {
namespace {

constexpr std::string_view kPath = "/db";
constexpr Timestamp kStart{1'700'000'000'000'000};
const std::string kGolden = TIDAL_SOURCE_DIR "/test/golden/database-v1";
const std::string kDigestFile = "digest.txt";

using Files = std::map<std::string, std::string>;  // by path below the database's directory

Result<std::unique_ptr<db::Core>> open_core(base::FileSystem& fs, const base::Clock& clock) {
  Options options;
  options.create_if_missing = true;
  options.segment_bytes = 64U << 10U;
  options.checkpoint_on_close = false;
  options.log_level = LogLevel::Off;
  return db::Core::open(std::string(kPath), options,
                        {.fs = fs, .clock = clock, .entity_backend = storage::Backend::Memory, .background = false});
}

void run_script(db::Core& core, std::string_view text) {
  const Result<query::Script> script = query::parse(text);
  ASSERT_TRUE(script.ok()) << script.error().to_string();
  const Params params;
  db::Session session(core, params);
  for (const query::Statement& statement : script->statements) ASSERT_TRUE(session.execute(statement).ok());
  ASSERT_TRUE(session.finish().ok());
}

void write(db::Core& core, const std::vector<Operation>& operations, const BatchOptions& options = {}) {
  db::Preparer preparer = core.preparer();
  Result<db::PreparedBatch> batch = db::prepare_batch(preparer, operations, options);
  if (!batch.ok() && batch.error().code == Code::NotFound) return;  // the history names an entity that is gone
  ASSERT_TRUE(batch.ok()) << batch.error().to_string();
  const Status committed = core.commit(*batch);
  ASSERT_TRUE(committed.ok() || committed.error().code == Code::NotFound) << committed.error().to_string();
}

void collect(base::FileSystem& fs, const std::string& path, const std::string& below, Files& files) {
  const std::vector<std::string> names = fs.list(path).value();
  for (const std::string& name : names) {
    const std::string child = path + "/" + name;
    if (fs.is_directory(child)) {
      collect(fs, child, below + name + "/", files);
    } else if (name != "LOCK" && name != "cursor.key") {
      files[below + name] = base::read_file(fs, child).value();
    }
  }
}

std::string digest_text(db::Core& core) {
  const DigestReport digest = core.digest().value();
  std::string text = digest.all + " seqno " + std::to_string(digest.seqno.value) + "\n";
  for (const auto& [view, hex] : digest.by_view) text += hex + " " + view + "\n";
  return text;
}

/// A database with every record type and extension, a sealed segment, a checkpoint, and records after it.
Files written_now() {
  base::MemoryFileSystem fs(1);
  base::FixedClock clock(kStart);
  History history(1, kStart);
  std::string digest;
  {
    auto core = open_core(fs, clock).value();
    run_script(*core, history_schema());
    const auto write_steps = [&](int steps) {
      for (int i = 0; i < steps; ++i) {
        const Step step = history.next();
        clock.set(history.now());
        write(*core, step.operations);
      }
    };
    write_steps(150);
    write(*core, {Signal{.kind = "like",
                         .item = "i1",
                         .user = "u1",
                         .at = clock.now(),
                         .idempotency_key = "once",
                         .context = R"({"surface":"home"})"}});
    write(*core, {PutOperation{.key = "i1", .entity = {.fields = {{"title", std::string("marked")}}}}},
          {.import_mark = ImportMark{.id = std::string(32, '\x07'), .position = 12}});
    write(*core, {}, {.import_mark = ImportMark{.id = std::string(32, '\x07'), .position = 20}});
    while (fs.list(std::string(kPath) + "/wal")->size() == 1) write_steps(1);
    EXPECT_TRUE(core->checkpoint().ok());
    write_steps(40);
    digest = digest_text(*core);
    EXPECT_TRUE(core->close().ok());
  }
  Files files;
  collect(fs, std::string(kPath), "", files);
  files[kDigestFile] = digest;
  return files;
}

Files golden_files() {
  Files files;
  collect(base::posix_file_system(), kGolden, "", files);
  return files;
}

void put_into(base::FileSystem& fs, const Files& files) {
  for (const auto& [name, content] : files) {
    if (name == kDigestFile) continue;
    const std::string path = std::string(kPath) + "/" + name;
    ASSERT_TRUE(fs.create_directories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(base::write_file_atomically(fs, path, content).ok());
  }
}

const std::string& file_with(const Files& files, const std::string& part) {
  for (const auto& [name, content] : files) {
    if (name.find(part) != std::string::npos) return name;
  }
  static const std::string none;
  ADD_FAILURE() << "no file " << part;
  return none;
}

/// Views whose state may differ by design: their logic has changed since the files were written.
std::set<std::string> views_of_other_logic(const db::Views& views, const materializer::Manifest& manifest) {
  std::set<std::string> changed;
  for (const auto& view : views.registry().views()) {
    const auto entry = std::ranges::find(manifest.entries, view->name(), &materializer::ManifestEntry::view);
    if (entry == manifest.entries.end() || entry->logic_version != view->logic_version()) changed.emplace(view->name());
  }
  return changed;
}

TEST(Golden, IsWrittenAnewWhenAsked) {
  if (std::getenv("TIDAL_GOLDEN_WRITE") == nullptr) GTEST_SKIP() << "set TIDAL_GOLDEN_WRITE=1 to write " << kGolden;
  base::FileSystem& fs = base::posix_file_system();
  ASSERT_TRUE(fs.remove_all(kGolden).ok());
  for (const auto& [name, content] : written_now()) {
    const std::string path = kGolden + "/" + name;
    ASSERT_TRUE(fs.create_directories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(base::write_file_atomically(fs, path, content).ok());
  }
}

TEST(Golden, TheSameHistoryGivesTheSameBytes) { EXPECT_TRUE(written_now() == written_now()); }

TEST(Golden, TheLogHoldsEveryRecordType) {
  base::MemoryFileSystem fs;
  put_into(fs, golden_files());
  const auto log = wal::Log::read(fs, std::string(kPath) + "/wal", {}).value();
  std::set<wal::RecordType> types;
  std::set<std::uint8_t> tags;
  ASSERT_TRUE(log->replay(SeqNo{1},
                          [&](std::span<wal::WalEvent> events) -> Status {
                            for (const wal::WalEvent& event : events) {
                              types.insert(event.record.type);
                              for (const auto& extension : event.record.extensions) tags.insert(extension.tag);
                            }
                            return {};
                          })
                  .ok());
  EXPECT_EQ(types,
            (std::set{wal::RecordType::Signal, wal::RecordType::PutEntity, wal::RecordType::UpdateEntity,
                      wal::RecordType::DeleteEntity, wal::RecordType::SchemaChange, wal::RecordType::ImportMark}));
  EXPECT_EQ(tags, (std::set<std::uint8_t>{1, 2, 3}));
  EXPECT_EQ(log->segments().size(), 2U) << "one of them sealed";
}

/// Opens the golden database, with or without its caches; every view whose logic is the same has the same digest.
void expect_golden_state(const Files& golden, bool with_checkpoint) {
  base::MemoryFileSystem fs;
  base::FixedClock clock(kStart);
  put_into(fs, golden);
  const std::string name = file_with(golden, "/MANIFEST");
  const Result<materializer::Manifest> manifest = materializer::decode_manifest(golden.at(name));
  ASSERT_TRUE(manifest.ok()) << manifest.error().to_string();
  if (!with_checkpoint) {
    ASSERT_TRUE(fs.remove_all(std::string(kPath) + "/checkpoints").ok());
    ASSERT_TRUE(fs.remove_all(std::string(kPath) + "/stores").ok());
  }
  const auto core = open_core(fs, clock);
  ASSERT_TRUE(core.ok()) << core.error().to_string();
  const std::set<std::string> changed = views_of_other_logic((*core)->views(), *manifest);
  EXPECT_EQ((*core)->open_report().checkpoint, with_checkpoint && changed.empty() ? manifest->seqno : SeqNo{});
  const std::string& then = golden.at(kDigestFile);
  const DigestReport digest = (*core)->digest().value();
  for (const auto& [view, hex] : digest.by_view) {
    if (changed.contains(view)) continue;
    EXPECT_THAT(then, testing::HasSubstr(hex + " " + view + "\n")) << "raise the view's logic version";
  }
  if (changed.empty()) {
    EXPECT_EQ(digest_text(**core), then);
  }
}

TEST(Golden, OpensFromItsCheckpoint) { expect_golden_state(golden_files(), true); }
TEST(Golden, OpensFromItsLogAlone) { expect_golden_state(golden_files(), false); }

/// 64 bytes, but not from the last frame of a log into the mark that vouches for it: losing both looks like a write
/// that was never finished.
std::size_t stretch(const std::string& name, std::size_t at, std::size_t used) {
  const std::size_t mark = (used + 7) / 8 * 8 - wal::kFrameHeaderBytes;
  const std::size_t end = name.starts_with("wal/") && at < mark ? mark : used;
  return std::min<std::size_t>(64, end - at);
}

/// Flips, cuts and zeroed stretches, in any one file of a database that was closed.
TEST(DamagedDirectory, OpensWithTheSameStateOrIsRefusedByName) {
  const Files sound = written_now();
  base::Random random(17);
  base::FixedClock clock(kStart);
  int healed = 0;
  int refused = 0;
  for (const auto& [name, content] : sound) {
    if (name == kDigestFile) continue;
    const std::size_t used = content.find_last_not_of('\0') + 1;
    for (int round = 0; round < 40; ++round) {
      Files damaged = sound;
      std::string& bytes = damaged[name];
      const std::size_t at = random.below(used);
      switch (round % 4) {
        case 0: bytes.resize(at); break;
        case 1: bytes.replace(at, stretch(name, at, used), stretch(name, at, used), '\0'); break;
        default: bytes[at] ^= static_cast<char>(1U << random.below(8)); break;
      }
      base::MemoryFileSystem fs;
      put_into(fs, damaged);
      const auto core = open_core(fs, clock);
      if (core.ok()) {
        ++healed;
        EXPECT_EQ(digest_text(**core), sound.at(kDigestFile)) << name << " offset " << at << " round " << round;
      } else {
        ++refused;
        const Code code = core.error().code;
        EXPECT_TRUE(code == Code::Corruption || code == Code::FailedPrecondition) << core.error().to_string();
        EXPECT_THAT(core.error().message, testing::HasSubstr(name)) << "round " << round;
      }
    }
  }
  EXPECT_GT(healed, 200) << "caches are rebuilt, and what a checkpoint covers is not read";
  EXPECT_GT(refused, 20) << "the log is not guessed at";
}

/// A file as a later version might write it: format and minimum reader at `at`, the checksum over it made right.
std::string of_format_9(std::string content, std::size_t at, std::size_t checked_bytes) {
  base::Encoder versions;
  versions.u32(9);
  versions.u32(9);
  content.replace(at, 8, versions.str());
  base::Encoder checksum;
  checksum.u32(base::crc32c(std::string_view(content).substr(0, checked_bytes)));
  return content.replace(checked_bytes, 4, checksum.str());
}

void expect_refused_by_version(const Files& files) {
  base::MemoryFileSystem fs;
  base::FixedClock clock(kStart);
  put_into(fs, files);
  Files before;
  collect(fs, std::string(kPath), "", before);
  const auto core = open_core(fs, clock);
  ASSERT_FALSE(core.ok());
  EXPECT_EQ(core.error().code, Code::FailedPrecondition) << core.error().to_string();
  EXPECT_THAT(core.error().message, testing::HasSubstr("format 9"));
  EXPECT_THAT(core.error().message, testing::ContainsRegex("(format|to) 1"));
  Files after;
  collect(fs, std::string(kPath), "", after);
  EXPECT_TRUE(before == after) << "refused after a write";
}

TEST(NewerFormat, OfTheLogIsRefusedNamingBothVersions) {
  Files files = golden_files();
  std::string& segment = files[file_with(files, "wal/")];
  segment = of_format_9(segment, 8, 60);
  expect_refused_by_version(files);
}

TEST(NewerFormat, OfACheckpointIsRefusedNamingBothVersions) {
  Files files = golden_files();
  std::string& manifest = files[file_with(files, "/MANIFEST")];
  manifest = of_format_9(manifest, 8, manifest.size() - 4);
  expect_refused_by_version(files);
}

TEST(NewerFormat, OfAViewIsRefusedNamingBothVersions) {
  Files files = golden_files();
  const std::string name = file_with(files, "/MANIFEST");
  materializer::Manifest manifest = materializer::decode_manifest(files[name]).value();
  materializer::ManifestEntry& entry = manifest.entries.front();
  std::string& view = files[name.substr(0, name.rfind('/') + 1) + entry.view];
  base::Encoder versions;
  versions.u32(9);
  versions.u32(9);
  view.replace(8, 8, versions.str());
  entry.checksum = base::crc32c(view);
  files[name] = materializer::encode_manifest(manifest);
  expect_refused_by_version(files);
}

}  // namespace
}  // namespace tidal::test
