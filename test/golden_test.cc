// Every format this program has ever written is still read: small databases and a backup, as earlier programs wrote
// them, lie in test/golden. TIDAL_GOLDEN_WRITE=1 makes this program write the newest anew (CONTRIBUTING.md says when).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "db/core.h"
#include "db/erased_user.h"
#include "db/log_lines.h"
#include "db/offline/inspection.h"
#include "db/offline/log_walk.h"
#include "db/offline/restoring.h"
#include "db/offline/verification.h"
#include "db/prepare.h"
#include "db/session.h"
#include "query/parser.h"
#include "test/directory_files.h"
#include "test/history.h"

namespace tidal::test {
namespace {

const std::string kDatabase = "/db";
const std::string kBackup = "/backup";
const std::string kExportFile = "export.txt";
const std::vector<std::string> kDatabases = {"database-v1", "database-v2", "database-v3"};
const std::vector<std::string> kBackups = {"backup-v1", "backup-v2"};
constexpr Timestamp kStart{1'700'000'000'000'000};

std::string golden_path(const std::string& folder) { return TIDAL_SOURCE_DIR "/test/golden/" + folder; }

Result<std::unique_ptr<db::Core>> open_core(base::FileSystem& fs, const base::Clock& clock, const std::string& path) {
  Options options;
  options.create_if_missing = true;
  options.segment_bytes = 64U << 10U;
  options.checkpoint_on_close = false;
  options.log_level = LogLevel::Off;
  return db::Core::open(path, options,
                        {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain, .background = false});
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

std::string digest_text(db::Core& core) {
  const DigestReport digest = core.digest().value();
  std::string text = digest.all + " seqno " + std::to_string(digest.seqno.value) + "\n";
  for (const auto& [view, hex] : digest.by_view) text += hex + " " + view + "\n";
  return text;
}

/// Hash of the lines that an export of the directory's log would have.
std::string export_text(base::FileSystem& fs, const std::string& directory) {
  std::string lines;
  const Result<wal::LogSummary> log = db::walk_log(fs, directory, [&lines](const wal::WalEvent& event) -> Status {
    TIDAL_TRY_ASSIGN(const auto line, db::import_line(event.record));
    if (line) lines += *line + "\n";
    return {};
  });
  EXPECT_TRUE(log.ok() && log->defects.empty());
  return base::to_hex(base::xxh3_128(lines)) + " " + std::to_string(lines.size()) + "\n";
}

/// Two operations that a client of the library would not write in one batch with others.
void write_marks(db::Core& core, Timestamp now) {
  write(core, {PutOperation{.key = "i1", .entity = {.fields = {{"title", std::string("marked")}}}}},
        {.import_mark = ImportMark{.id = std::string(32, '\x07'), .position = 12}});
  write(core, {Signal{.kind = "like",
                      .item = "i1",
                      .user = "u1",
                      .at = now,
                      .idempotency_key = "once",
                      .context = R"({"surface":"home"})"}});
  write(core, {}, {.import_mark = ImportMark{.id = std::string(32, '\x07'), .position = 20}});
}

/// With a salt that is always the same.
void forget(db::Core& core, std::string_view user, Timestamp now) {
  db::ErasureSalt salt{};
  salt.fill(7);
  db::PreparedBatch batch;
  batch.records.push_back(db::erase_record(db::make_erased_user(user, salt), now));
  const Status committed = core.commit(batch);
  ASSERT_TRUE(committed.ok()) << committed.error().to_string();
}

struct Written {
  Files database;
  Files backup;
};

/// A database with every record type that is written and every extension, an archived segment, a base, a checkpoint
/// after it, and records after that; and its backup.
Written written_now() {
  base::MemoryFileSystem fs(1);
  base::FixedClock clock(kStart);
  History history(1, kStart);
  Written written;
  {
    auto core = open_core(fs, clock, kDatabase).value();
    run_script(*core, history_schema());
    run_script(*core, "ALTER SETTINGS log_bytes:64KiB");
    const auto write_steps = [&](int steps) {
      for (int i = 0; i < steps; ++i) {
        const Step step = history.next();
        clock.set(history.now());
        write(*core, step.operations);
      }
    };
    write_steps(150);
    write_marks(*core, clock.now());
    while (fs.list(kDatabase + "/wal")->size() == 1) write_steps(1);
    EXPECT_EQ(core->compact()->segments_archived, 1U);
    write_steps(30);
    EXPECT_TRUE(core->checkpoint().ok());
    write_steps(20);
    forget(*core, "u1", clock.now());
    write_steps(20);
    EXPECT_TRUE(core->backup(kBackup, {}).ok());
    written.backup[kDigestFile] = written.database[kDigestFile] = digest_text(*core);
    EXPECT_TRUE(core->close().ok());
  }
  written.database.merge(lasting_files_of(fs, kDatabase));
  written.database[kExportFile] = export_text(fs, kDatabase);
  written.backup.merge(lasting_files_of(fs, kBackup));
  return written;
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

/// Of the newest checkpoint, or else of the base.
materializer::Manifest manifest_in(const Files& files) {
  const bool has_checkpoint =
      std::ranges::any_of(files, [](const auto& f) { return f.first.starts_with("checkpoints/"); });
  const std::string path = path_in(files, has_checkpoint ? "checkpoints/" : "base/", "/MANIFEST");
  return materializer::decode_manifest(files.at(path)).value();
}

TEST(Golden, IsWrittenAnewWhenAsked) {
  if (std::getenv("TIDAL_GOLDEN_WRITE") == nullptr) GTEST_SKIP() << "set TIDAL_GOLDEN_WRITE=1 to write what is newest";
  base::FileSystem& fs = base::posix_file_system();
  const Written written = written_now();
  for (const auto& [folder, files] :
       {std::pair("database-v3", written.database), std::pair("backup-v2", written.backup)}) {
    const std::string path = golden_path(folder);
    ASSERT_TRUE(fs.remove_all(path).ok());
    for (const auto& [name, content] : files) {
      const std::string file = path + "/" + name;
      ASSERT_TRUE(fs.create_directories(file.substr(0, file.rfind('/'))).ok());
      ASSERT_TRUE(base::write_file_atomically(fs, file, content).ok());
    }
  }
}

TEST(Golden, TheSameHistoryGivesTheSameBytes) {
  const Written once = written_now();
  const Written again = written_now();
  EXPECT_TRUE(once.database == again.database);
  EXPECT_TRUE(once.backup == again.backup);
}

void expect_record_types(const std::string& folder, const std::set<wal::RecordType>& expected) {
  base::MemoryFileSystem fs;
  put_into(fs, golden_files(folder), kDatabase);
  const auto log = wal::Log::read(fs, kDatabase + "/wal", {.archive_dir = kDatabase + "/archive"}).value();
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
  EXPECT_EQ(types, expected);
  EXPECT_EQ(tags, (std::set<std::uint8_t>{1, 2, 3}));
  EXPECT_EQ(log->segments().size() + log->archived_segments().size(), 2U) << "one of them sealed";
}

TEST(Golden, TheLogHoldsEveryRecordType) {
  std::set<wal::RecordType> types{wal::RecordType::Signal,       wal::RecordType::PutEntity,
                                  wal::RecordType::UpdateEntity, wal::RecordType::DeleteEntity,
                                  wal::RecordType::SchemaChange, wal::RecordType::ImportMark};
  expect_record_types("database-v1", types);
  types.insert(wal::RecordType::Erase);
  expect_record_types("database-v2", types);
  types.insert({wal::RecordType::Unsignal, wal::RecordType::Relate, wal::RecordType::Unrelate, wal::RecordType::Hide,
                wal::RecordType::Unhide});
  expect_record_types("database-v3", types);
}

/// Opens the database in `fs`; every view whose logic is that of the golden files has the digest that they have.
void expect_state(base::FileSystem& fs, const std::string& path, const Files& golden, db::OpenReport& report) {
  base::FixedClock clock(kStart);
  const auto core = open_core(fs, clock, path);
  ASSERT_TRUE(core.ok()) << core.error().to_string();
  report = (*core)->open_report();
  const std::set<std::string> changed = views_of_other_logic((*core)->views(), manifest_in(golden));
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

struct Opened {
  db::OpenReport report;
  bool same_logic = false;  ///< as the golden files': else their checkpoints are dropped
};

/// Opens a golden database without some of its folders.
Opened open_golden(const std::string& folder, const std::vector<std::string>& without) {
  SCOPED_TRACE(folder);
  const Files golden = golden_files(folder);
  base::MemoryFileSystem fs;
  put_into(fs, golden, kDatabase);
  for (const std::string& each : without) EXPECT_TRUE(fs.remove_all(kDatabase + "/" + each).ok());
  Opened opened;
  expect_state(fs, kDatabase, golden, opened.report);
  db::Stores stores;
  opened.same_logic = views_of_other_logic(db::Views(stores), manifest_in(golden)).empty();
  return opened;
}

TEST(Golden, OpensFromItsCheckpoint) {
  for (const std::string& folder : kDatabases) {
    const Opened opened = open_golden(folder, {});
    EXPECT_EQ(opened.report.checkpoint != SeqNo{}, opened.same_logic) << folder;
  }
}

TEST(Golden, OpensFromItsLogAndArchiveAlone) {
  for (const std::string& folder : kDatabases) {
    const Opened opened = open_golden(folder, {"checkpoints", "stores", "base"});
    EXPECT_EQ(std::max(opened.report.checkpoint, opened.report.base), SeqNo{}) << folder;
  }
}

/// Fails when a view's logic was raised without code that reads the older image. Where that is meant, the release
/// before this one must be named as the last that reads such a base (CONTRIBUTING.md).
TEST(Golden, OpensFromItsBaseAlone) {
  for (const std::string folder : {"database-v2", "database-v3"}) {
    const Opened opened = open_golden(folder, {"checkpoints", "stores", "archive"});
    EXPECT_NE(opened.report.base, SeqNo{}) << folder;
  }
}

TEST(Golden, IsSoundAndEveryFileOfItIsDecoded) {
  std::vector<std::string> folders = kDatabases;
  folders.insert(folders.end(), kBackups.begin(), kBackups.end());
  for (const std::string& folder : folders) {
    SCOPED_TRACE(folder);
    const Files golden = golden_files(folder);
    base::MemoryFileSystem fs;
    put_into(fs, golden, kDatabase);
    const auto verified = db::verify_directory(fs, kDatabase);
    ASSERT_TRUE(verified.ok()) << verified.error().to_string();
    EXPECT_EQ(verified->defects, std::vector<std::string>{});
    for (const auto& [name, content] : lasting_files_of(fs, kDatabase)) {
      if (name.starts_with("stores/")) continue;  // stores of tests
      int lines = 0;
      const Status read = db::inspect_file(fs, kDatabase + "/" + name, [&lines](std::string_view) { ++lines; });
      EXPECT_TRUE(read.ok()) << name << ": " << read.error().to_string();
      EXPECT_GT(lines, 0) << name;
    }
  }
}

TEST(Golden, ABackupIsRestored) {
  for (const std::string& folder : kBackups) {
    SCOPED_TRACE(folder);
    const Files golden = golden_files(folder);
    base::MemoryFileSystem fs;
    put_into(fs, golden, kBackup);
    const auto restored = db::restore_backup(fs, kBackup, kDatabase, {});
    ASSERT_TRUE(restored.ok()) << restored.error().to_string();
    db::OpenReport report;
    expect_state(fs, kDatabase, golden, report);
  }
}

TEST(Golden, AnExportIsWrittenAsItWas) {
  for (const std::string folder : {"database-v2", "database-v3"}) {
    const Files golden = golden_files(folder);
    base::MemoryFileSystem fs;
    put_into(fs, golden, kDatabase);
    EXPECT_EQ(export_text(fs, kDatabase), golden.at(kExportFile)) << folder;
  }
}

/// 64 bytes, but not from the last frame of a log into the mark that vouches for it: losing both looks like a write
/// that was never finished.
std::size_t stretch(const std::string& name, std::size_t at, std::size_t used) {
  const std::size_t mark = (used + 7) / 8 * 8 - wal::kFrameHeaderBytes;
  const std::size_t end = name.starts_with("wal/") && at < mark ? mark : used;
  return std::min<std::size_t>(64, end - at);
}

/// Flips, cuts and zeroed stretches, in any one file of a database that was closed.
TEST(DamagedDirectory, OpensWithTheSameStateOrIsRefusedByName) {
  const Files sound = written_now().database;
  base::Random random(17);
  base::FixedClock clock(kStart);
  int healed = 0;
  int refused = 0;
  for (const auto& [name, content] : sound) {
    if (name.ends_with(".txt")) continue;
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
      put_into(fs, damaged, kDatabase);
      const auto core = open_core(fs, clock, kDatabase);
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

}  // namespace
}  // namespace tidal::test
