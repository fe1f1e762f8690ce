// The end of memory: at the limit that was set, what adds is refused and all else goes on; at the system's, the process
// ends as by a kill, and nothing acknowledged is lost.
//
// The program is both sides: run with --child it writes until memory or its limit stops it.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/memory_file_system.h"
#include "test/core_fixture.h"
#include "tidal/tidal.h"

namespace tidal {
namespace {

std::string g_program;  // NOLINT: argv[0], for exec

constexpr std::string_view kSchema =
    "DEFINE FIELD item.title TEXT; DEFINE FIELD item.tag KEYWORD INDEXED; "
    "DEFINE SIGNAL view WINDOWS 1h, 24h, 7d EFFECTS mark seen;";
constexpr std::size_t kLimit = 24U << 20U;

class MemoryLimit : public testing::Test {
 protected:
  void open(std::size_t limit, bool background = false) {
    core.reset();
    Options options;
    options.create_if_missing = true;
    options.memory_limit = limit;
    options.checkpoint_on_close = false;
    options.log_level = LogLevel::Off;
    core = db::Core::open("/db", options,
                          {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain, .background = background})
               .value();
  }
  void SetUp() override {
    open(kLimit);
    test::define(*core, kSchema);
  }
  std::vector<Operation> next_operations() {
    const std::string number = std::to_string(++written);
    return {PutOperation{.kind = EntityKind::Item,
                         .key = "i" + number,
                         .entity = Entity{.fields = {{"title", Value(std::string(200, 't'))}, {"tag", Value(number)}}},
                         .update = false},
            Signal{.kind = "view", .item = "i" + number, .user = "u" + number}};
  }
  Status write(std::span<const Operation> operations) {
    db::Preparer preparer = core->preparer();
    db::PreparedBatch batch = db::prepare_batch(preparer, operations, {}).value();
    return core->commit(batch);
  }
  Status write_until_refused() {
    for (int i = 0; i < 200'000; ++i) {
      if (Status done = write(next_operations()); !done.ok()) return done;
    }
    return {};
  }
  /// Whoever is refused tries again; a test that waits for ever is ended by its runner.
  void write_until_taken() {
    while (!write(next_operations()).ok()) std::this_thread::yield();
  }
  std::size_t held() const {
    std::size_t bytes = 0;
    for (const ViewInfo& view : core->stats().views) bytes += view.memory_bytes;
    return bytes;
  }

  base::MemoryFileSystem fs;
  base::FixedClock clock{test::kStart};
  std::unique_ptr<db::Core> core;
  std::uint64_t written = 0;
};

TEST_F(MemoryLimit, RefusesWhatAddsAndNothingElse) {
  const Status refused = write_until_refused();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::ResourceExhausted);
  EXPECT_NE(refused.error().message.find("may hold " + std::to_string(kLimit)), std::string::npos)
      << refused.error().message;
  EXPECT_GT(held(), kLimit);
  EXPECT_LT(held(), kLimit + kLimit / 4) << "the limit was passed by far";

  // Refused before the log: nothing of it is anywhere.
  const SeqNo last = core->applied();
  const std::string digest = core->digest()->all;
  EXPECT_EQ(write(next_operations()).error().code, Code::ResourceExhausted);
  const std::vector<Operation> mixed = {DeleteOperation{.kind = EntityKind::Item, .key = "i1"},
                                        Signal{.kind = "view", .item = "i2", .user = "u2"}};
  EXPECT_EQ(write(mixed).error().code, Code::ResourceExhausted) << "a batch is refused as one";
  const std::vector<Operation> update = {PutOperation{
      .kind = EntityKind::Item, .key = "i2", .entity = Entity{.fields = {{"title", Value("new")}}}, .update = true}};
  EXPECT_EQ(write(update).error().code, Code::ResourceExhausted);
  db::Preparer preparer = core->preparer();
  WriteReply reply;
  auto record = preparer.prepare(Signal{.kind = "view", .item = "i2", .user = "u2"}, reply).value();
  EXPECT_EQ(core->commit_async(std::move(*record), [](const Result<WriteReply>&) { FAIL(); }).error().code,
            Code::ResourceExhausted);
  EXPECT_EQ(core->applied(), last);
  EXPECT_EQ(core->digest()->all, digest);

  const std::vector<Operation> remove = {DeleteOperation{.kind = EntityKind::Item, .key = "i1"}};
  EXPECT_TRUE(write(remove).ok());
  test::define(*core, "FORGET USER @u2; ALTER SETTINGS log_archive:false; DEFINE SIGNAL like EFFECTS mark liked");
  test::define(*core, "RETRIEVE items SORT BY new LIMIT 5");
  EXPECT_TRUE(core->checkpoint().ok());
}

TEST_F(MemoryLimit, IsOfTheProcessAndNotOfTheDatabase) {
  ASSERT_FALSE(write_until_refused().ok());
  const std::string digest = core->digest()->all;
  open(kLimit);
  EXPECT_EQ(core->digest()->all, digest);
  EXPECT_EQ(write(next_operations()).error().code, Code::ResourceExhausted) << "what the log holds counts at once";
  open(0);
  EXPECT_EQ(core->digest()->all, digest);
  EXPECT_TRUE(write(next_operations()).ok());
}

TEST_F(MemoryLimit, LetsWritesGoOnOnceACheckpointHasTakenTheFields) {
  ASSERT_FALSE(write_until_refused().ok());
  ASSERT_TRUE(core->checkpoint().ok());
  EXPECT_LT(held(), kLimit);
  EXPECT_TRUE(write(next_operations()).ok());
}

TEST_F(MemoryLimit, AsksForTheCheckpointItself) {
  open(kLimit, true);
  ASSERT_FALSE(write_until_refused().ok());
  write_until_taken();
  EXPECT_NE(core->stats().checkpoint_seqno, SeqNo{});
}

TEST_F(MemoryLimit, IsLeftAgainByACheckpointAfterAnOpenAtTheLimit) {
  ASSERT_FALSE(write_until_refused().ok());
  core.reset();
  open(kLimit, true);  // the fields come from the log, which is older than this process
  write_until_taken();
}

TEST_F(MemoryLimit, IsLeftAgainByACheckpointAfterOneThatFailed) {
  ASSERT_FALSE(write_until_refused().ok());
  fs.fail_operation(1, base::MemoryFileSystem::Fault::NoSpace);
  ASSERT_FALSE(core->checkpoint().ok());
  open(kLimit, true);
  write_until_taken();
}

// ---- the system's own limit

constexpr int kRefused = 10;      // exit code of a child whose write was refused
constexpr int kOutOfMemory = 11;  // of one that met std::bad_alloc before the log was touched

constexpr std::size_t kSpareBytes = std::size_t{128} << 20U;

/// Of this process, in bytes.
std::size_t held_address_space() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// Writes items with titles of 4 KiB until it ends; a byte on the pipe for every acknowledged one.
void write_to_the_end(const std::string& dir, std::size_t limit, int pipe_fd) {
  Options options;
  options.create_if_missing = true;
  options.memory_limit = limit;
  options.segment_bytes = 4U << 20U;
  options.checkpoint_on_close = false;
  options.log_level = LogLevel::Off;
  options.durability.mode = Durability::Mode::Async;  // a killed process loses nothing acknowledged either way
  Result<Database> db = Database::open(dir, options);
  if (!db.ok() || !db->execute(kSchema).ok()) _exit(3);
  const rlimit address_space{.rlim_cur = held_address_space() + kSpareBytes, .rlim_max = RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &address_space) != 0) _exit(5);
  for (int i = 0;; ++i) {
    const std::string number = std::to_string(i);
    const Entity entity{.fields = {{"title", Value(std::string(4096, 't'))}, {"tag", Value(number)}}};
    const auto put = db->put_item("i" + number, entity);
    if (!put.ok()) _exit(put.error().code == Code::ResourceExhausted ? kRefused : 6);
    const auto seen = db->signal({.kind = "view", .item = "i" + number, .user = "u" + number});
    if (!seen.ok()) _exit(seen.error().code == Code::ResourceExhausted ? kRefused : 7);
    if (::write(pipe_fd, "x", 1) != 1) _exit(8);
  }
}

[[noreturn]] void run_child(const std::string& dir, std::size_t limit, int pipe_fd) {
  try {
    write_to_the_end(dir, limit, pipe_fd);
  } catch (const std::bad_alloc&) {
  }
  _exit(kOutOfMemory);
}

struct ChildEnd {
  std::size_t acknowledged = 0;
  int status = 0;
};

ChildEnd run_until_it_ends(const std::string& dir, std::size_t limit) {
  int fds[2];
  EXPECT_EQ(pipe(fds), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(fds[0]);
    setenv("MALLOC_ARENA_MAX", "1", 1);  // an arena reserves 64 MiB
    const std::string limit_text = std::to_string(limit);
    const std::string fd = std::to_string(fds[1]);
    execl(g_program.c_str(), g_program.c_str(), "--child", dir.c_str(), limit_text.c_str(), fd.c_str(), nullptr);
    _exit(2);
  }
  close(fds[1]);
  ChildEnd end;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 1; n > 0; end.acknowledged += static_cast<std::size_t>(n)) {
    n = read(fds[0], buffer.data(), buffer.size());
    if (n <= 0) break;
  }
  close(fds[0]);
  EXPECT_EQ(waitpid(child, &end.status, 0), child);
  return end;
}

/// Of the database the child left: everything acknowledged is there, once, and the state is that of the log.
void expect_whole(const std::string& dir, std::size_t acknowledged) {
  Options options;
  options.log_level = LogLevel::Off;
  Result<Database> db = Database::open(dir, options);
  ASSERT_TRUE(db.ok()) << db.error().to_string();
  EXPECT_GE(db->stats().items, acknowledged);
  EXPECT_LE(db->stats().items, acknowledged + 1);
  for (std::size_t i = 0; i < acknowledged; i += 97) {
    const auto reply = db->execute("GET item @i" + std::to_string(i) + " WITH signals(view.count(all))");
    ASSERT_TRUE(reply.ok()) << i;
    EXPECT_EQ(std::get<EntityReply>(reply->front()).signals.at(0).second, 1) << i;
  }
  EXPECT_TRUE(db->put_item("later", Entity{.fields = {{"title", Value("t")}}}).ok());
}

class SystemMemory : public testing::Test {
 protected:
  void SetUp() override {
#ifdef TIDAL_SANITIZED
    GTEST_SKIP() << "a sanitizer reserves more address space than the limit";
#endif
    dir = (std::filesystem::temp_directory_path() / ("tidal-memory-" + std::to_string(getpid()))).string();
    std::filesystem::remove_all(dir);
  }
  void TearDown() override {
    if (!dir.empty()) std::filesystem::remove_all(dir);
  }
  std::string dir;
};

TEST_F(SystemMemory, ThatEndsKillsTheProcessAndLosesNothingAcknowledged) {
  const ChildEnd end = run_until_it_ends(dir, 0);
  // The caller's thread meets it, or one of the database's.
  EXPECT_TRUE(WIFSIGNALED(end.status) || WEXITSTATUS(end.status) == kOutOfMemory || WEXITSTATUS(end.status) == kRefused)
      << end.status;
  EXPECT_GT(end.acknowledged, 100U);
  expect_whole(dir, end.acknowledged);
}

TEST_F(SystemMemory, IsNotMetBeforeTheLimitThatWasSet) {
  const ChildEnd end = run_until_it_ends(dir, std::size_t{32} << 20U);
  ASSERT_TRUE(WIFEXITED(end.status)) << "signal " << WTERMSIG(end.status);
  EXPECT_EQ(WEXITSTATUS(end.status), kRefused);
  EXPECT_GT(end.acknowledged, 100U);
  expect_whole(dir, end.acknowledged);
}

}  // namespace
}  // namespace tidal

int main(int argc, char** argv) {
  tidal::g_program = argv[0];
  if (argc == 5 && std::string(argv[1]) == "--child") {
    tidal::run_child(argv[2], std::strtoull(argv[3], nullptr, 10), std::atoi(argv[4]));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
