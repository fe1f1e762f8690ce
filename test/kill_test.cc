// Kills a real writing process at random moments and opens what it left: everything acknowledged is there, and the
// recovered state equals a replay of the log from its beginning.
//
// The program is both sides: run with --child it writes until it is killed; run by CTest it is the parent.
// TIDAL_KILLS sets the number of kills (default 200), TIDAL_SEED the seed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "tidal/tidal.h"

namespace tidal {
namespace {

std::string g_program;  // NOLINT: argv[0], for exec

constexpr int kItems = 20;
constexpr int kUsers = 10;
constexpr std::string_view kSchema = R"(
  BEGIN;
  DEFINE FIELD item.title TEXT;
  DEFINE FIELD item.category KEYWORD INDEXED;
  DEFINE SIGNAL view DECAY exponential(7d) WINDOWS 1h, 24h, 7d VELOCITY EFFECTS mark seen;
  DEFINE SIGNAL like ROLE positive DECAY linear(14d) WINDOWS 24h EFFECTS mark liked, mark seen;
  COMMIT;)";

Options child_options(std::uint64_t seed) {
  Options options;
  options.create_if_missing = true;
  options.segment_bytes = 64U << 10U;
  options.checkpoint_every_bytes = seed % 3 == 0 ? 0 : 32U << 10U;
  if (seed % 4 == 1) options.durability.mode = Durability::Mode::Batched;
  return options;
}

std::string item(std::uint64_t i) { return "i" + std::to_string(i % kItems); }

/// Writes for ever; one line "kind item" on the pipe for every acknowledged event, after its acknowledgement.
[[noreturn]] void run_child(const std::string& dir, std::uint64_t seed, int pipe_fd) {
  Result<Database> db = Database::open(dir, child_options(seed));
  if (!db.ok() || !db->execute(kSchema).ok()) _exit(3);
  for (int i = 0; i < kItems; ++i) {
    if (!db->put_item(item(i), Entity{.fields = {{"title", Value("t")}}}).ok()) _exit(4);
  }
  base::Random random(seed);
  const auto acknowledge = [pipe_fd](const std::string& line) {
    if (write(pipe_fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(5);
  };
  while (true) {
    const std::uint64_t dice = random.next() % 100;
    if (dice < 3) {
      if (!db->checkpoint().ok()) _exit(6);
    } else if (dice < 8) {
      if (!db->put_item(item(random.next()), Entity{.fields = {{"category", Value("c")}}}).ok()) _exit(7);
    } else {
      std::vector<Signal> batch;
      const std::uint64_t count = dice < 20 ? 5 : 1;
      for (std::uint64_t i = 0; i < count; ++i) {
        batch.push_back({.kind = random.next() % 2 == 0 ? "view" : "like",
                         .item = item(random.next()),
                         .user = "u" + std::to_string(random.next() % kUsers)});
      }
      if (!db->signals(batch).ok()) _exit(8);
      std::string lines;
      for (const Signal& s : batch) lines += s.kind + " " + s.item + "\n";
      acknowledge(lines);
    }
  }
}

std::map<std::string, double> counts_of(Database& db) {
  std::map<std::string, double> counts;
  for (int i = 0; i < kItems; ++i) {
    const auto reply = db.execute("GET item @" + item(i) + " WITH signals(view.count(all), like.count(all))");
    if (!reply.ok()) continue;
    const auto& entity = std::get<EntityReply>(reply->front());
    counts["view " + item(i)] = entity.signals.at(0).second;
    counts["like " + item(i)] = entity.signals.at(1).second;
  }
  return counts;
}

/// Reads acknowledgements until the pipe closes; kills the child once it has seen `after` bytes.
std::string collect_and_kill(pid_t child, int fd, std::size_t after, useconds_t extra_us) {
  std::string seen;
  char buffer[4096];
  bool killed = false;
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    seen.append(buffer, static_cast<std::size_t>(n));
    if (!killed && seen.size() >= after) {
      // A short spin, not a sleep for its own sake: it moves the kill off the moment of an acknowledgement.
      for (volatile useconds_t i = 0; i < extra_us * 100; i = i + 1) {
      }
      kill(child, SIGKILL);
      killed = true;
    }
  }
  return seen;
}

TEST(KillTest, NothingAcknowledgedIsLostAndRecoveryEqualsReplay) {
  const char* kills_text = std::getenv("TIDAL_KILLS");
  const char* seed_text = std::getenv("TIDAL_SEED");
  const int kills = kills_text != nullptr ? std::atoi(kills_text) : 200;
  const std::uint64_t first_seed = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 1;
  const std::string root = std::filesystem::temp_directory_path() / ("tidal-kill-" + std::to_string(getpid()));
  std::uint64_t acknowledged = 0;

  for (int round = 0; round < kills; ++round) {
    const std::uint64_t seed = first_seed + static_cast<std::uint64_t>(round);
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::string dir = root + "/" + std::to_string(round);
    std::filesystem::create_directories(root);
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(fds[0]);
      const std::string fd_text = std::to_string(fds[1]);
      const std::string seed_arg = std::to_string(seed);
      execl(g_program.c_str(), g_program.c_str(), "--child", dir.c_str(), seed_arg.c_str(), fd_text.c_str(), nullptr);
      _exit(9);
    }
    close(fds[1]);
    base::Random random(seed * 7919);
    const std::string acks =
        collect_and_kill(child, fds[0], random.next() % 3000, static_cast<useconds_t>(random.next() % 400));
    close(fds[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child stopped by itself with " << WEXITSTATUS(status);

    std::map<std::string, double> expected;
    for (std::size_t at = 0; at < acks.size();) {
      const std::size_t end = acks.find('\n', at);
      if (end == std::string::npos) break;
      expected[acks.substr(at, end - at)] += 1;
      at = end + 1;
      ++acknowledged;
    }

    Options options;
    options.checkpoint_on_close = false;
    DigestReport recovered;
    {
      Result<Database> db = Database::open(dir, options);
      ASSERT_TRUE(db.ok()) << db.error().to_string();
      const std::map<std::string, double> found = counts_of(*db);
      for (const auto& [what, count] : expected) {
        const auto it = found.find(what);
        ASSERT_NE(it, found.end()) << what;
        // At most one batch (5 events) was in flight: it may be there, whole, without having been acknowledged.
        EXPECT_GE(it->second, count) << what;
        EXPECT_LE(it->second, count + 5) << what;
      }
      Result<DigestReport> digest = db->digest();
      ASSERT_TRUE(digest.ok()) << digest.error().to_string();
      recovered = *digest;
    }
    // The log alone, from its beginning.
    std::filesystem::remove_all(dir + "/checkpoints");
    std::filesystem::remove_all(dir + "/stores");
    {
      Result<Database> db = Database::open(dir, options);
      ASSERT_TRUE(db.ok()) << db.error().to_string();
      Result<DigestReport> digest = db->digest();
      ASSERT_TRUE(digest.ok()) << digest.error().to_string();
      EXPECT_EQ(digest->seqno, recovered.seqno);
      EXPECT_EQ(digest->by_view, recovered.by_view);
      EXPECT_EQ(digest->all, recovered.all);
    }
    std::filesystem::remove_all(dir);
    if (testing::Test::HasFailure()) break;
  }
  std::filesystem::remove_all(root);
  EXPECT_GT(acknowledged, static_cast<std::uint64_t>(kills));  // the rounds did write
  std::printf("%d kills, %llu acknowledged events, 0 lost\n", kills, static_cast<unsigned long long>(acknowledged));
}

}  // namespace
}  // namespace tidal

int main(int argc, char** argv) {
  tidal::g_program = std::filesystem::read_symlink("/proc/self/exe");
  if (argc == 5 && std::string_view(argv[1]) == "--child") {
    tidal::run_child(argv[2], std::strtoull(argv[3], nullptr, 10), std::atoi(argv[4]));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
