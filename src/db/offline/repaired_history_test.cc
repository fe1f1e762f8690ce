// Repairing what the log stands on: bases, archived segments, records that were made anonymous and records that are in
// no file. Whatever is lost is told before anything is touched, and the repaired directory opens without its caches.
#include <gtest/gtest.h>

#include <array>

#include "base/random.h"
#include "db/forget.h"
#include "db/offline/repair_for_test.h"
#include "db/offline/replayed.h"
#include "db/offline/verification.h"
#include "wal/archive.h"

namespace tidal::db {
namespace {

using base::MemoryFileSystem;
using Digest = std::map<std::string, std::string>;

/// A database in pieces: several segments, archived or not, a base, a checkpoint behind it, records behind that.
class Worn {
 public:
  struct Shape {
    std::string settings = "log_bytes:128KiB, log_archive:true";
    bool erases = false;
    bool checkpoints = true;
  };
  explicit Worn(const Shape& shape) {
    auto core = *open_core(fs_);
    run(*core,
        "DEFINE FIELD item.title TEXT; DEFINE FIELD user.country TEXT; DEFINE SIGNAL like ROLE positive WINDOWS 24h "
        "EFFECTS mark liked; ALTER SETTINGS " +
            shape.settings + ";");
    fill_to(*core, 2);
    run(*core, "SIGNAL like ON @i0 BY @ann; SIGNAL like ON @i1 BY @bob;");
    fill_to(*core, 6);
    EXPECT_TRUE(!shape.erases || forget_user(*core, "ann").ok());
    base = core->compact()->base;
    EXPECT_NE(base, SeqNo{});
    fill_to(*core, core->stats().log_segments + 2);
    EXPECT_TRUE(!shape.checkpoints || core->checkpoint().ok());
    write(*core);
    digest = digest_of_open(*core);
    EXPECT_TRUE(core->close().ok());
    core.reset();
    files = files_below(fs_, "/db");
  }

  /// Their paths, in order.
  [[nodiscard]] std::vector<std::string> paths(const std::string& part) const {
    std::vector<std::string> found;
    for (const auto& [path, bytes] : files) {
      if (path.find(part) != std::string::npos) found.push_back(path);
    }
    return found;
  }
  void flip(const std::string& path) { files.at(path)[files.at(path).size() / 2] ^= 1; }
  void flip_base() { flip(paths("/base/").front()); }

  Files files;
  SeqNo base;
  Digest digest;

 private:
  static Digest digest_of_open(Core& core) {
    const DigestReport report = core.digest().value();
    return {report.by_view.begin(), report.by_view.end()};
  }
  void write(Core& core) {
    run(core,
        "PUT item @i" + std::to_string(count_++) + " {\"fields\":{\"title\":\"" + std::string(3000, 'x') + "\"}};");
  }
  void fill_to(Core& core, std::size_t segments) {
    while (fs_.list("/db/wal")->size() < segments) write(core);
  }

  MemoryFileSystem fs_;
  int count_ = 0;
};

std::vector<std::string> defects_of(base::FileSystem& fs) { return verify_directory(fs, "/db").value().defects; }

/// Applies the plan; afterwards the directory verifies, has nothing to repair, and its state is a replay of its log.
void apply(MemoryFileSystem& fs, std::unique_ptr<DirectoryRepair> plan) {
  const Result<std::string> folder = plan->apply();
  ASSERT_TRUE(folder.ok()) << folder.error().to_string();
  plan.reset();
  const std::vector<std::string> defects = defects_of(fs);
  EXPECT_TRUE(defects.empty()) << defects.front();
  EXPECT_TRUE((*DirectoryRepair::plan(fs, "/db"))->empty());
  const Digest opened = digest_of(fs);
  for (const char* cache : {"/db/checkpoints", "/db/stores"}) ASSERT_TRUE(fs.remove_all(cache).ok());
  EXPECT_EQ(digest_of(fs), opened);
  const auto replayed = ReplayedDatabase::open(fs, "/db");
  ASSERT_TRUE(replayed.ok()) << replayed.error().to_string();
}

std::string text_of(const std::vector<wal::SeqnoRange>& ranges) {
  std::string text;
  for (const wal::SeqnoRange& range : ranges) text += to_text(range) + ";";
  return text;
}

/// What the segment holds.
wal::SeqnoRange held_by(const Files& files, const std::string& path) {
  const auto fs = with_files(files, 1);
  const wal::ArchiveHeader header = wal::read_archive_header(*fs, path).value();
  return {header.first_seqno, header.last_seqno};
}

// --- a log that an erasure was carried out in ---

TEST(ErasedRepair, MakesACheckpointTheBaseThatTheLogCannotBeReplayedWithout) {
  for (const bool deleted : {false, true}) {
    Worn worn({.settings = "log_bytes:all", .erases = true});
    if (deleted) {
      worn.files = without(worn.files, "/base/");
    } else {
      worn.flip_base();
    }
    const auto fs = with_files(worn.files, 1);
    EXPECT_FALSE(defects_of(*fs).empty());
    auto plan = DirectoryRepair::plan(*fs, "/db");
    ASSERT_TRUE(plan.ok()) << plan.error().to_string();
    EXPECT_GT((*plan)->promoted(), worn.base);
    EXPECT_EQ((*plan)->lost_records(), 0U);
    EXPECT_EQ((*plan)->aside().size(), deleted ? 0U : 1U);
    apply(*fs, std::move(*plan));
    EXPECT_EQ(digest_of(*fs), worn.digest);
  }
}

TEST(ErasedRepair, LeavesABadBaseWhereItIsWhenNothingCanTakeItsPlace) {  // D6
  Worn worn({.settings = "log_bytes:all", .erases = true, .checkpoints = false});
  worn.flip_base();
  const auto fs = with_files(worn.files, 1);
  const auto plan = DirectoryRepair::plan(*fs, "/db");
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, Code::Corruption);
  for (const char* part : {"anonymous", "base/0", "checksum mismatch", "Nothing was changed"}) {
    EXPECT_NE(plan.error().message.find(part), std::string::npos) << plan.error().message;
  }
  EXPECT_EQ(files_below(*fs, "/db"), worn.files);
}

TEST(ErasedRepair, TellsOfACheckpointThatTheStoreIsAheadOf) {
  Worn worn({.settings = "log_bytes:all", .erases = true});
  {
    const auto fs = with_files(worn.files, 1);
    const auto core = *open_core(*fs);
    run(*core, "PUT item @late {};");
    ASSERT_TRUE(core->checkpoint().ok());
    ASSERT_TRUE(core->close().ok());
    worn.files["/db/stores/entities"] = files_below(*fs, "/db").at("/db/stores/entities");
    for (const auto& path : worn.paths("/wal/")) worn.files.at(path) = *base::read_file(*fs, path);
  }
  worn.flip_base();
  const auto fs = with_files(worn.files, 1);
  const auto refused = DirectoryRepair::plan(*fs, "/db");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("open the database and close it"), std::string::npos)
      << refused.error().message;
  {
    const auto core = *open_core(*fs);
    ASSERT_TRUE(core->checkpoint().ok());
    ASSERT_TRUE(core->close().ok());
  }
  auto plan = DirectoryRepair::plan(*fs, "/db");
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_NE((*plan)->promoted(), SeqNo{});
  apply(*fs, std::move(*plan));
}

// --- records that are in no file ---

/// The oldest segment of the log goes; what it held.
wal::SeqnoRange lose_first_segment(Worn& worn) {
  const std::vector<std::string> segments = worn.paths("/wal/");
  const auto first = [](const std::string& path) {
    return *wal::parse_segment_file_name(path.substr(path.rfind('/') + 1));
  };
  worn.files.erase(segments.front());
  return {first(segments[0]), SeqNo{first(segments[1]).value - 1}};
}

TEST(MissingSegment, BeforeTheBaseIsHistoryThatIsGone) {
  for (const bool archive : {true, false}) {
    Worn worn({.settings = std::string("log_bytes:128KiB, log_archive:") + (archive ? "true" : "false")});
    wal::SeqnoRange gone = lose_first_segment(worn);
    ASSERT_LE(gone.last, worn.base);
    if (!archive) gone.first = SeqNo{1};
    const auto fs = with_files(worn.files, 1);
    const Verification verified = verify_directory(*fs, "/db").value();
    EXPECT_TRUE(verified.defects.empty()) << verified.defects.front();
    ASSERT_EQ(verified.notes.size(), 1U);
    EXPECT_NE(verified.notes[0].find(to_text(gone)), std::string::npos) << verified.notes[0];
    const auto plan = DirectoryRepair::plan(*fs, "/db");
    ASSERT_TRUE(plan.ok());
    EXPECT_TRUE((*plan)->empty());
    EXPECT_EQ(text_of((*plan)->history_gone()), to_text(gone) + ";");
  }
}

TEST(MissingSegment, BehindTheBaseIsStateThatACheckpointKeeps) {
  Worn worn({});
  wal::SeqnoRange gone;
  do gone = lose_first_segment(worn);
  while (gone.last <= worn.base);
  gone.first = held_by(worn.files, worn.paths("/archive/").back()).last.next();
  const auto fs = with_files(worn.files, 1);
  const std::vector<std::string> defects = defects_of(*fs);
  ASSERT_EQ(defects.size(), 1U);
  const wal::SeqnoRange lost{worn.base.next(), gone.last};
  EXPECT_NE(defects[0].find(to_text(lost)), std::string::npos) << defects[0];
  auto plan = DirectoryRepair::plan(*fs, "/db");
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_NE((*plan)->promoted(), SeqNo{});
  EXPECT_EQ((*plan)->lost_records(), 0U);
  EXPECT_EQ(text_of((*plan)->history_gone()), to_text(gone) + ";");
  apply(*fs, std::move(*plan));
  EXPECT_EQ(digest_of(*fs), worn.digest);
}

// --- what only keeps a file from being read ---

/// Refuses to open one file.
class RefusingFileSystem final : public base::FileSystem {
 public:
  RefusingFileSystem(base::FileSystem& files, std::string path, Code code)
      : files_(files), path_(std::move(path)), code_(code) {}
  Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override {
    if (path == path_) return Error(code_, "open " + path + ": refused");
    return files_.open(path, mode);
  }
  Status create_directories(const std::string& path) override { return files_.create_directories(path); }
  Status sync_directory(const std::string& path) override { return files_.sync_directory(path); }
  Result<std::vector<std::string>> list(const std::string& path) const override { return files_.list(path); }
  bool exists(const std::string& path) const override { return files_.exists(path); }
  bool is_directory(const std::string& path) const override { return files_.is_directory(path); }
  Status rename(const std::string& from, const std::string& to) override { return files_.rename(from, to); }
  Status remove(const std::string& path) override { return files_.remove(path); }
  Status remove_all(const std::string& path) override { return files_.remove_all(path); }
  Result<std::unique_ptr<base::FileLock>> lock(const std::string& path) override { return files_.lock(path); }
  Result<std::unique_ptr<base::FileLock>> lock_existing(const std::string& path) override {
    return files_.lock_existing(path);
  }

 private:
  base::FileSystem& files_;
  const std::string path_;
  const Code code_;
};

TEST(UnreadableFile, IsNoDamage) {  // D5
  const Worn worn({});
  const auto files = with_files(worn.files, 1);
  std::size_t refused = 0;
  for (const auto& [path, bytes] : worn.files) {
    if (path.ends_with("/LOCK") || path.ends_with("/cursor.key") || path.find("/next.wal") != std::string::npos)
      continue;
    ++refused;
    for (const Code code : {Code::ResourceExhausted, Code::PermissionDenied, Code::IoError}) {
      SCOPED_TRACE(path + " " + std::string(code_name(code)));
      RefusingFileSystem fs(*files, path, code);
      const auto plan = DirectoryRepair::plan(fs, "/db");
      ASSERT_FALSE(plan.ok()) << (*plan)->aside().size() << " are put aside";
      EXPECT_EQ(plan.error().code, code) << plan.error().to_string();
      if (path.find("/stores/") != std::string::npos) continue;  // verify judges LMDB's files alone
      const auto verified = verify_directory(fs, "/db");
      ASSERT_FALSE(verified.ok());
      EXPECT_EQ(verified.error().code, code) << verified.error().to_string();
    }
  }
  EXPECT_GT(refused, 20U);
}

// --- the archive ---

TEST(DamagedArchive, IsPutAsideAndTheBaseKeepsTheState) {
  for (const std::size_t which : {0U, 1U}) {
    for (const std::size_t offset : {40U, 400U}) {  // header, chunk
      Worn worn({});
      const std::string path = worn.paths("/archive/").at(which);
      const wal::SeqnoRange held = held_by(worn.files, path);
      worn.files.at(path)[offset] ^= 1;
      const auto fs = with_files(worn.files, 1);
      const std::vector<std::string> defects = defects_of(*fs);
      ASSERT_FALSE(defects.empty());
      EXPECT_EQ(defects[0].find(path), defects[0].rfind(path)) << "named twice: " << defects[0];
      auto plan = DirectoryRepair::plan(*fs, "/db");
      ASSERT_TRUE(plan.ok()) << plan.error().to_string();
      ASSERT_EQ((*plan)->aside().size(), 1U);
      EXPECT_EQ((*plan)->aside()[0].path, path.substr(4));
      EXPECT_EQ(to_text((*plan)->aside()[0].records), to_text(held));
      EXPECT_EQ(text_of((*plan)->history_gone()), to_text(held) + ";");
      EXPECT_EQ((*plan)->promoted(), SeqNo{});
      EXPECT_EQ((*plan)->lost_records(), 0U);
      apply(*fs, std::move(*plan));
      EXPECT_EQ(*base::read_file(*fs, "/db/damaged/0001" + path.substr(3)), worn.files.at(path));
      EXPECT_EQ(digest_of(*fs), worn.digest);
    }
  }
}

TEST(DamagedArchive, ThatABadBaseWouldNeedIsReplacedByACheckpoint) {
  Worn worn({});
  worn.flip(worn.paths("/archive/").at(1));
  worn.flip_base();
  const auto fs = with_files(worn.files, 1);
  auto plan = DirectoryRepair::plan(*fs, "/db");
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_NE((*plan)->promoted(), SeqNo{});
  EXPECT_EQ((*plan)->lost_records(), 0U);
  EXPECT_EQ((*plan)->history_gone().size(), 1U);
  apply(*fs, std::move(*plan));
  EXPECT_EQ(digest_of(*fs), worn.digest);
}

TEST(DamagedArchive, ThatNothingElseHoldsIsFilledWithEmptyRecords) {
  for (const std::size_t which : {0U, 1U}) {
    Worn worn({.checkpoints = false});
    const std::vector<std::string> archive = worn.paths("/archive/");
    ASSERT_GE(archive.size(), 3U);
    const wal::SeqnoRange held = held_by(worn.files, archive[which]);
    worn.flip(archive[which]);
    worn.files = without(worn.files, "/base/");
    const auto fs = with_files(worn.files, 1);
    auto plan = DirectoryRepair::plan(*fs, "/db");
    ASSERT_TRUE(plan.ok()) << plan.error().to_string();
    EXPECT_EQ(text_of((*plan)->archive_fills()), to_text(held) + ";");
    EXPECT_EQ((*plan)->lost_records(), held.count());
    EXPECT_TRUE((*plan)->log().empty()) << "what is sound stays: " << to_text((*plan)->log().damages.front());
    apply(*fs, std::move(*plan));
    for (const std::string& path : archive) {
      EXPECT_TRUE(path == archive[which] || *base::read_file(*fs, path) == worn.files.at(path)) << path;
    }
  }
}

TEST(RepairedHistory, EndsTheSameAfterACrashAtAnyOperation) {  // D2, D3, D4
  std::vector<Files> damages;
  Worn erased({.settings = "log_bytes:all", .erases = true});
  erased.flip_base();
  damages.push_back(erased.files);
  Worn archived({});
  archived.flip(archived.paths("/archive/").at(1));
  damages.push_back(archived.files);
  archived.flip_base();
  damages.push_back(archived.files);
  Worn bare({.checkpoints = false});
  bare.flip(bare.paths("/archive/").at(1));
  bare.flip_base();
  damages.push_back(bare.files);
  for (std::size_t i = 0; i < damages.size(); ++i) {
    SCOPED_TRACE("damage " + std::to_string(i));
    const Files expected = without(repaired(damages[i]), ".tmp");
    std::uint64_t n = 1;
    while (!testing::Test::HasFailure() && crash_at(damages[i], expected, n, n)) ++n;
    SCOPED_TRACE("operation " + std::to_string(n));
    ASSERT_FALSE(testing::Test::HasFailure());
    EXPECT_GT(n, 6U);
  }
}

/// Flips, cuts off or takes away one of the files; says which.
std::string damage_any(Files& files, base::Random& random) {
  constexpr std::array<const char*, 6> kParts{"/wal/", "/archive/", "/archive/", "/base/", "/checkpoints/", "/stores/"};
  std::vector<std::string> paths;
  for (const char* part = kParts[random.below(kParts.size())]; const auto& [path, bytes] : files) {
    if (path.find(part) != std::string::npos && !bytes.empty()) paths.push_back(path);
  }
  if (paths.empty()) return "";
  const std::string& path = paths[random.below(paths.size())];
  std::string& bytes = files.at(path);
  const std::uint64_t how = random.below(4);
  const std::size_t at = random.below(bytes.size());
  if (how == 0) files.erase(path);
  if (how == 1) bytes.resize(at);
  if (how > 1) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
  return path + (how == 0 ? " is gone; " : (how == 1 ? " cut off at " : " flipped at ") + std::to_string(at) + "; ");
}

TEST(RepairedHistory, OfAnyDamageVerifiesAndOpensWithoutItsCaches) {  // D4, D6
  const std::vector<Files> wholes{Worn({}).files, Worn({.checkpoints = false}).files, Worn({.erases = true}).files,
                                  Worn({.settings = "log_bytes:128KiB, log_archive:false"}).files,
                                  Worn({.settings = "log_bytes:all", .erases = true}).files};
  std::size_t refused = 0;
  std::size_t promoted = 0;
  for (std::uint64_t seed = 0; seed < 150 && !testing::Test::HasFailure(); ++seed) {
    base::Random random(seed);
    Files damaged = wholes[seed % wholes.size()];
    std::string what = "seed " + std::to_string(seed) + ": ";
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n) what += damage_any(damaged, random);
    SCOPED_TRACE(what);
    const auto fs = with_files(damaged, seed);
    auto plan = DirectoryRepair::plan(*fs, "/db");
    if (!plan.ok()) {
      ++refused;
      EXPECT_NE(plan.error().message.find("Nothing was changed"), std::string::npos) << plan.error().to_string();
      EXPECT_EQ(files_below(*fs, "/db"), damaged);
      continue;
    }
    promoted += (*plan)->promoted() == SeqNo{} ? 0 : 1;
    apply(*fs, std::move(*plan));
  }
  EXPECT_GT(refused, 0U);
  EXPECT_GT(promoted, 0U);
}

TEST(RepairedHistory, KeepsTheSoundBaseThatACheckpointTakesThePlaceOf) {
  Worn worn({});
  const std::string path = worn.paths("/base/").front();
  wal::SeqnoRange gone;
  do gone = lose_first_segment(worn);
  while (gone.last <= worn.base);
  const auto fs = with_files(worn.files, 1);
  auto plan = DirectoryRepair::plan(*fs, "/db");
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ((*plan)->superseded().size(), 1U);
  EXPECT_TRUE(path.starts_with("/db/" + (*plan)->superseded()[0]));
  apply(*fs, std::move(*plan));
  EXPECT_FALSE(fs->exists(path));
  ASSERT_TRUE(fs->exists("/db/damaged/0001" + path.substr(3)));
  EXPECT_EQ(*base::read_file(*fs, "/db/damaged/0001" + path.substr(3)), worn.files.at(path));
}

}  // namespace
}  // namespace tidal::db
