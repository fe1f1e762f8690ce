// Kills a real writing process at random moments and opens what it left: everything acknowledged is there, and the
// recovered state equals a replay of the log from its beginning.
//
// The program is both sides: run with --child it writes until it is killed; run by CTest it is the parent.
// TIDAL_KILLS sets the number of kills (default 200), TIDAL_SEED the seed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
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
constexpr std::uint64_t kBatch = 5;                   // events of the largest batch a child writes
constexpr std::size_t kAcknowledgedBytesMax = 1'200;  // about 150 events: most of a round is opening and recovering
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
      const std::uint64_t count = dice < 20 ? kBatch : 1;
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
std::string collect_and_kill(pid_t child, int fd, std::size_t after, std::uint64_t spins) {
  std::string seen;
  std::array<char, 4096> buffer{};
  bool killed = false;
  while (true) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n <= 0) break;
    seen.append(buffer.data(), static_cast<std::size_t>(n));
    if (killed || seen.size() < after) continue;
    // A short spin moves the kill off the moment of an acknowledgement.
    base::Random spin(spins);
    for (std::uint64_t i = 0; i < spins; ++i) static_cast<void>(spin.next());
    kill(child, SIGKILL);
    killed = true;
  }
  return seen;
}

/// Events by "kind item", as acknowledged over the pipe.
using Counts = std::map<std::string, double>;

Counts parse_acknowledgements(const std::string& acks) {
  Counts counts;
  for (std::size_t at = 0; at < acks.size();) {
    const std::size_t end = acks.find('\n', at);
    if (end == std::string::npos) break;
    counts[acks.substr(at, end - at)] += 1;
    at = end + 1;
  }
  return counts;
}

double total(const Counts& counts) {
  double sum = 0;
  for (const auto& [what, count] : counts) sum += count;
  return sum;
}

/// Starts a child on `dir`, kills it after a random number of acknowledgements, and returns those.
Counts write_until_killed(const std::string& dir, std::uint64_t seed) {
  int fds[2];
  EXPECT_EQ(pipe(fds), 0);
  const pid_t child = fork();
  EXPECT_GE(child, 0);
  if (child == 0) {
    close(fds[0]);
    const std::string fd_text = std::to_string(fds[1]);
    const std::string seed_arg = std::to_string(seed);
    execl(g_program.c_str(), g_program.c_str(), "--child", dir.c_str(), seed_arg.c_str(), fd_text.c_str(), nullptr);
    _exit(9);
  }
  close(fds[1]);
  base::Random random(seed * 7919);
  const std::size_t after = random.below(kAcknowledgedBytesMax);
  const std::string acks = collect_and_kill(child, fds[0], after, random.below(40'000));
  close(fds[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child stopped by itself with " << WEXITSTATUS(status);
  return parse_acknowledgements(acks);
}

/// Opens, checks the acknowledged events when given, and digests.
DigestReport open_and_digest(const std::string& dir, const Counts* acknowledged) {
  Options options;
  options.checkpoint_on_close = false;
  Result<Database> db = Database::open(dir, options);
  EXPECT_TRUE(db.ok()) << db.error().to_string();
  if (!db.ok()) return {};
  if (acknowledged != nullptr) {
    const Counts found = counts_of(*db);
    for (const auto& [what, count] : *acknowledged) {
      const auto it = found.find(what);
      EXPECT_GE(it == found.end() ? 0 : it->second, count) << what << " was acknowledged and is gone";
    }
    // One batch may have been in flight: it is there whole, or not at all.
    EXPECT_LE(total(found), total(*acknowledged) + kBatch) << "an event is there twice";
  }
  Result<DigestReport> digest = db->digest();
  EXPECT_TRUE(digest.ok()) << digest.error().to_string();
  return digest.ok() ? *digest : DigestReport{};
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(KillTest, NothingAcknowledgedIsLostAndRecoveryEqualsReplay) {
  const std::uint64_t kills = number_from("TIDAL_KILLS", 200);
  const std::uint64_t first_seed = number_from("TIDAL_SEED", 1);
  const std::filesystem::path root =
      std::filesystem::temp_directory_path() / ("tidal-kill-" + std::to_string(getpid()));
  std::filesystem::create_directories(root);
  double acknowledged = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + kills && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::string dir = root / std::to_string(seed);
    const Counts counts = write_until_killed(dir, seed);
    if (testing::Test::HasFailure()) break;
    acknowledged += total(counts);
    const DigestReport recovered = open_and_digest(dir, &counts);
    std::filesystem::remove_all(dir + "/checkpoints");
    std::filesystem::remove_all(dir + "/stores");
    const DigestReport replayed = open_and_digest(dir, nullptr);  // the log alone, from its beginning
    EXPECT_EQ(replayed.seqno, recovered.seqno);
    EXPECT_EQ(replayed.by_view, recovered.by_view);
    EXPECT_EQ(replayed.all, recovered.all);
    std::filesystem::remove_all(dir);
  }
  std::filesystem::remove_all(root);
  EXPECT_GT(acknowledged, static_cast<double>(kills)) << "the rounds hardly wrote";
  std::printf("%llu kills, %.0f acknowledged events, 0 lost, 0 doubled\n", static_cast<unsigned long long>(kills),
              acknowledged);
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
