// Both file systems keep the same contract; the one in memory also forgets and fails as it says.
#include "base/file_system.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_file_system.h"

namespace tidal::base {
namespace {

/// A new directory of the operating system's, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = testing::TempDir() + "/tidal-files-XXXXXX";
    path_ = ::mkdtemp(pattern.data()) == nullptr ? "" : pattern;
  }
  ~TemporaryDirectory() { static_cast<void>(posix_file_system().remove_all(path_)); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

enum class Kind { Posix, Memory };

class FileSystemContract : public testing::TestWithParam<Kind> {
 protected:
  FileSystem& fs() { return GetParam() == Kind::Posix ? posix_file_system() : memory_; }
  std::string path(std::string_view name) {
    const std::string root = GetParam() == Kind::Posix ? directory_.path() : "/root";
    EXPECT_TRUE(fs().create_directories(root).ok());
    return name.empty() ? root : root + "/" + std::string(name);
  }
  std::unique_ptr<File> create(std::string_view name, std::string_view content) {
    Result<std::unique_ptr<File>> file = fs().open(path(name), OpenMode::Create);
    EXPECT_TRUE(file.ok());
    EXPECT_TRUE((*file)->write_at(0, as_bytes(content)).ok());
    return std::move(file).value();
  }
  std::string content(std::string_view name) {
    Result<std::string> text = read_file(fs(), path(name));
    return text.ok() ? *text : text.error().to_string();
  }

 private:
  TemporaryDirectory directory_;
  MemoryFileSystem memory_;
};

INSTANTIATE_TEST_SUITE_P(Each, FileSystemContract, testing::Values(Kind::Posix, Kind::Memory),
                         [](const auto& instance) { return instance.param == Kind::Posix ? "Posix" : "Memory"; });

TEST_P(FileSystemContract, ReadsBackWhatWasWrittenAndZerosInGaps) {
  const std::unique_ptr<File> file = create("a", "hello");
  ASSERT_TRUE(file->write_at(5000, as_bytes("end")).ok());
  const std::string expected = "hello" + std::string(4995, '\0') + "end";
  EXPECT_EQ(content("a"), expected);
  EXPECT_EQ(*file->size(), expected.size());
}

TEST_P(FileSystemContract, ReadsFewerBytesOnlyAtTheEnd) {
  const std::unique_ptr<File> file = create("a", "hello");
  std::string out(10, '?');
  EXPECT_EQ(*file->read_at(3, std::as_writable_bytes(std::span(out))), 2U);
  EXPECT_EQ(out.substr(0, 2), "lo");
  EXPECT_EQ(*file->read_at(99, std::as_writable_bytes(std::span(out))), 0U);
}

TEST_P(FileSystemContract, TruncatesAndGrowsWithZeros) {
  const std::unique_ptr<File> file = create("a", "hello");
  ASSERT_TRUE(file->truncate(2).ok());
  ASSERT_TRUE(file->truncate(4).ok());
  EXPECT_EQ(content("a"), std::string("he\0\0", 4));
}

TEST_P(FileSystemContract, CreatesOnlyWhatDoesNotExist) {
  create("a", "x");
  EXPECT_EQ(fs().open(path("a"), OpenMode::Create).error().code, Code::AlreadyExists);
  EXPECT_EQ(fs().open(path("b"), OpenMode::Read).error().code, Code::NotFound);
  EXPECT_EQ(fs().open(path("none/b"), OpenMode::Create).error().code, Code::NotFound);
}

TEST_P(FileSystemContract, ListsNamesSorted) {
  create("b", "");
  create("a", "");
  ASSERT_TRUE(fs().create_directories(path("c/d")).ok());
  EXPECT_EQ(*fs().list(path("")), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(fs().list(path("none")).error().code, Code::NotFound);
}

TEST_P(FileSystemContract, RenamesOverAFile) {
  create("a", "new");
  create("b", "old");
  ASSERT_TRUE(fs().rename(path("a"), path("b")).ok());
  EXPECT_EQ(content("b"), "new");
  EXPECT_FALSE(fs().exists(path("a")));
}

TEST_P(FileSystemContract, RemovesTreesAndAcceptsTheirAbsence) {
  ASSERT_TRUE(fs().create_directories(path("d/e")).ok());
  create("d/e/f", "x");
  EXPECT_FALSE(fs().remove(path("d")).ok());
  ASSERT_TRUE(fs().remove_all(path("d")).ok());
  EXPECT_FALSE(fs().exists(path("d/e/f")));
  EXPECT_TRUE(fs().remove_all(path("d")).ok());
  EXPECT_EQ(fs().remove(path("d")).error().code, Code::NotFound);
}

TEST_P(FileSystemContract, LocksOnceEvenWithinOneProcess) {
  Result<std::unique_ptr<FileLock>> first = fs().lock(path("LOCK"));
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(fs().lock(path("LOCK")).error().code, Code::AlreadyOpen);
  first->reset();
  EXPECT_TRUE(fs().lock(path("LOCK")).ok());
}

TEST_P(FileSystemContract, ReplacesAFileAtomically) {
  ASSERT_TRUE(write_file_atomically(fs(), path("a"), "one").ok());
  create("a.tmp", "left by a crash");
  ASSERT_TRUE(write_file_atomically(fs(), path("a"), "two").ok());
  EXPECT_EQ(content("a"), "two");
  EXPECT_FALSE(fs().exists(path("a.tmp")));
}

TEST(PosixFileSystem, MakesDirectoriesAndFilesForTheOwnerOnly) {
  const TemporaryDirectory directory;
  FileSystem& fs = posix_file_system();
  ASSERT_TRUE(fs.create_directories(directory.path() + "/a/b").ok());
  ASSERT_TRUE(fs.open(directory.path() + "/a/b/c", OpenMode::Create).ok());
  const auto mode = [&](const std::string& name) {
    struct stat st {};
    EXPECT_EQ(::stat((directory.path() + name).c_str(), &st), 0);
    return st.st_mode & 0777U;
  };
  EXPECT_EQ(mode("/a"), 0700U);
  EXPECT_EQ(mode("/a/b"), 0700U);
  EXPECT_EQ(mode("/a/b/c"), 0600U);
}

TEST(PosixFileSystem, SaysWhichFileAndWhyWhenDescriptorsRunOut) {
  const TemporaryDirectory directory;
  FileSystem& fs = posix_file_system();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Result<std::unique_ptr<File>> file = fs.open(directory.path() + "/a", OpenMode::Create);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Code::ResourceExhausted);
  EXPECT_NE(file.error().message.find(directory.path() + "/a"), std::string::npos);
}

TEST(MemoryFileSystem, KeepsSyncedPagesAndTossesForTheOthers) {  // F1, F3
  int kept = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    MemoryFileSystem fs(seed);
    {
      const std::unique_ptr<File> file = *fs.open("/a", OpenMode::Create);
      ASSERT_TRUE(file->write_at(0, as_bytes(std::string(8192, 'o'))).ok());
      ASSERT_TRUE(file->sync().ok());
      ASSERT_TRUE(fs.sync_directory("/").ok());
      ASSERT_TRUE(file->write_at(4096, as_bytes(std::string(8192, 'n'))).ok());
    }
    fs.crash();
    const std::string content = *read_file(fs, "/a");
    EXPECT_EQ(content.substr(0, 4096), std::string(4096, 'o'));
    ASSERT_GE(content.size(), 8192U);
    EXPECT_TRUE(content[4096] == 'o' || content[4096] == 'n');
    if (content[4096] == 'n') ++kept;
  }
  EXPECT_GT(kept, 50);
  EXPECT_LT(kept, 150);
}

TEST(MemoryFileSystem, KeepsNamesOnlyOfSyncedDirectories) {  // F2
  int kept = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    MemoryFileSystem fs(seed);
    ASSERT_TRUE((*fs.open("/synced", OpenMode::Create))->sync().ok());
    ASSERT_TRUE(fs.sync_directory("/").ok());
    ASSERT_TRUE((*fs.open("/tossed", OpenMode::Create))->sync().ok());
    fs.crash();
    EXPECT_TRUE(fs.exists("/synced"));
    if (fs.exists("/tossed")) ++kept;
  }
  EXPECT_GT(kept, 50);
  EXPECT_LT(kept, 150);
}

TEST(MemoryFileSystem, HandlesAndLocksDieInACrash) {
  MemoryFileSystem fs;
  const std::unique_ptr<File> file = *fs.open("/a", OpenMode::Create);
  const std::unique_ptr<FileLock> lock = *fs.lock("/LOCK");
  fs.crash();
  EXPECT_EQ(file->write_at(0, as_bytes("x")).error().code, Code::IoError);
  EXPECT_EQ(file->sync().error().code, Code::IoError);
  EXPECT_TRUE(fs.lock("/LOCK").ok());
}

TEST(MemoryFileSystem, AFailedSyncForgetsPagesThatALaterSyncCannotSave) {
  int lost = 0;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    MemoryFileSystem fs(seed);
    {
      const std::unique_ptr<File> file = *fs.open("/a", OpenMode::Create);
      ASSERT_TRUE(file->write_at(0, as_bytes(std::string(4096, '\0'))).ok());
      ASSERT_TRUE(file->sync().ok());
      ASSERT_TRUE(fs.sync_directory("/").ok());
      ASSERT_TRUE(file->write_at(0, as_bytes("x")).ok());
      fs.fail_operation(1, MemoryFileSystem::Fault::IoError);
      EXPECT_EQ(file->sync().error().code, Code::IoError);
      EXPECT_TRUE(file->sync().ok());
    }
    fs.crash();
    if ((*read_file(fs, "/a"))[0] != 'x') ++lost;
  }
  EXPECT_GT(lost, 0);
}

TEST(MemoryFileSystem, RunsOutOfSpaceAndRecovers) {
  MemoryFileSystem fs;
  const std::unique_ptr<File> file = *fs.open("/a", OpenMode::Create);
  fs.set_space(10);
  EXPECT_EQ(file->write_at(0, as_bytes(std::string(11, 'x'))).error().code, Code::ResourceExhausted);
  EXPECT_EQ(*file->size(), 10U);
  EXPECT_TRUE(file->write_at(0, as_bytes("overwriting needs none")).ok() == false);
  ASSERT_TRUE(file->truncate(0).ok());
  EXPECT_TRUE(file->write_at(0, as_bytes(std::string(10, 'x'))).ok());
}

TEST(MemoryFileSystem, StopsAtTheNamedOperationUntilTheCrash) {
  MemoryFileSystem fs;
  const std::unique_ptr<File> file = *fs.open("/a", OpenMode::Create);
  fs.stop_at(2);
  EXPECT_TRUE(file->sync().ok());
  EXPECT_FALSE(file->sync().ok());
  EXPECT_FALSE(fs.sync_directory("/").ok());
  EXPECT_EQ(fs.operations(), 4U);
  fs.crash();
  EXPECT_TRUE(fs.sync_directory("/").ok());
}

TEST(MemoryFileSystem, TheHookSeesEveryOperationBeforeItHappensAndMayUseTheFiles) {
  using What = FileOperation::Kind;
  using Seen = std::pair<What, std::string>;
  MemoryFileSystem fs;
  ASSERT_TRUE(fs.create_directories("/d").ok());
  std::vector<Seen> seen;
  fs.set_hook([&](const FileOperation& operation) {
    seen.emplace_back(operation.kind, operation.path);
    EXPECT_FALSE(operation.kind == What::Create && fs.exists("/d/f.tmp")) << "it has happened already";
    EXPECT_TRUE(operation.kind != What::Sync || fs.create_directories("/d/meanwhile").ok());
  });
  ASSERT_TRUE(write_file_atomically(fs, "/d/f", "x").ok());
  fs.set_hook(nullptr);
  ASSERT_TRUE(fs.remove("/d/f").ok());
  const std::vector<Seen> expected = {{What::Create, "/d/f.tmp"}, {What::Write, "/d/f.tmp"},
                                      {What::Sync, "/d/f.tmp"},   {What::CreateDirectory, "/d/meanwhile"},
                                      {What::Rename, "/d/f"},     {What::SyncDirectory, "/d"}};
  EXPECT_EQ(seen, expected);
  EXPECT_TRUE(fs.is_directory("/d/meanwhile"));
}

TEST(MemoryFileSystem, WithThePowerOffAlreadyTheNextOperationDoesNothing) {
  MemoryFileSystem fs(7);
  const auto file = fs.open("/file", OpenMode::Create).value();
  ASSERT_TRUE(fs.sync_directory("/").ok());
  fs.stop_at(0);
  EXPECT_FALSE(file->write_at(0, as_bytes("bytes")).ok());
  fs.crash();
  EXPECT_EQ(read_file(fs, "/file").value(), "");
}

TEST(MemoryFileSystem, IgnoredSyncsLoseBytes) {
  int lost = 0;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    MemoryFileSystem fs(seed);
    fs.ignore_syncs(MemoryFileSystem::SyncKind::File, "a");
    ASSERT_TRUE(write_file_atomically(fs, "/a", "content").ok());
    fs.crash();
    const Result<std::string> content = read_file(fs, "/a");
    if (!content.ok() || *content != "content") ++lost;
  }
  EXPECT_GT(lost, 0);
}

/// Content of "/a" after replacing "old" by "new" with the power gone at operation n; empty once n is past the end.
std::optional<std::string> replaced_with_stop_at(std::uint64_t n, std::uint64_t seed) {
  MemoryFileSystem fs(seed);
  EXPECT_TRUE(write_file_atomically(fs, "/a", "old").ok());
  fs.stop_at(n);
  const bool done = write_file_atomically(fs, "/a", "new").ok();
  fs.crash();
  const std::string content = *read_file(fs, "/a");
  EXPECT_TRUE(content == "new" || (content == "old" && !done)) << content;
  return done ? std::nullopt : std::optional(content);
}

TEST(WriteFileAtomically, IsWholeOrNotAtAllAtEveryCrashPoint) {
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    std::uint64_t n = 1;
    while (replaced_with_stop_at(n, seed)) ++n;
    EXPECT_EQ(n, 6U);  // create, write, sync, rename, sync directory
  }
}

}  // namespace
}  // namespace tidal::base
