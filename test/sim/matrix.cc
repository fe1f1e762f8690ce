// Running the rows, and printing them.
#include "test/sim/matrix.h"

#include <unistd.h>

#include <filesystem>

#include "test/sim/killed_process.h"
#include "test/sim/simulation.h"

namespace tidal::sim {
namespace {

/// Seeds tried for each history wanted, since not every history comes to every point.
constexpr std::uint64_t kSeedsEach = 30;

void note(MatrixRow& row, const char* how, std::uint64_t seed, const Failure& failure) {
  ++row.found.faults[static_cast<std::size_t>(failure.fault)];
  if (failure.fault == Fault::None) return;
  row.bad.push_back(std::string(row.point->name) + ", " + how + ", seed " + std::to_string(seed) + ": " +
                    std::string(fault_name(failure.fault)) + ": " + failure.what);
}

std::string cell(std::uint64_t number) { return std::to_string(number) + " | "; }

constexpr std::string_view kIntroduction = R"(# Reliability: what was tried, and what was found

A database that says "written" must still have it after the power went, the process was killed or the disk failed, once
and not twice, and must give the same answers as if nothing had happened. This page tells how that is tried. Its table
is made by a program; no number in it was typed.

## The crash matrix

Each row is a moment at which a crash could hurt: between two operations on files, or inside of one. Histories of random
writes, checkpoints, compactions, closes and opens by several clients run until they come to that moment, and end there.

- **In memory**: the whole database over files in memory, where a crash keeps only what was synced and tosses a coin for
  every other page, size and name. This is a power cut.
- **By SIGKILL**: a real process over real files with the LMDB store, which kills itself there. This is a crash of the
  program; the system keeps what it was handed. A dash stands where a killed process cannot come to the moment, or would
  show nothing that the row in memory does not: a crash inside of the applying of a frame leaves the files of "frame
  synced, not acknowledged". The store's own rewriting after an erasure is killed in `storage_test`.

Then the database is opened, and held against a plain model of it:

- **lost**: something that was acknowledged is gone; or the database does not open.
- **doubled**: something is there that nobody wrote, or there twice, or half of a batch is there.
- **digest**: the recovered state is not, bit for bit, what a replay of the log alone gives.
- **answers**: a count, score, mark, order or field differs from the model's; or, after the compaction that makes the
  log anonymous, a file still holds the key of a user who was forgotten.

Histories count that came to their moment; a moment that none came to fails the run.

)";

constexpr std::string_view kLimits = R"(
## The simulation

`make sim` runs histories that choose their crashes and faults by seed: several clients take turns on one thread, with
prepare and commit as two steps, so that a deletion overtakes a signal; others write and ask in the middle of a
checkpoint or a compaction; signals are sent again, in one batch, minutes or an hour later, and after a crash that
left them without an answer; the log is kept short, with archive and without; the clock leaps and goes back; disks
fill up or turn read-only, file descriptors run out; single writes and syncs fail; the power goes in the middle of an
operation, also in recovery; each life has another durability policy. Between two lives files get lost: checkpoints,
the store (also replaced by an earlier one), files of the base and of the archive. The open then must begin where a
short rule says, or be refused (`test/sim/expected_opening.h`); a table test tries every combination of what may be
gone. Every answer is held against the model's, and each seed repeats its history to the last step: `make sim SEED=7`.

Users are forgotten, also twice at once, and their keys come back as somebody new. After every compaction that came to
its end, all files, the archive decompressed, are searched for the keys of those who did not come back. Backups are
taken while others write. An unfinished one must be refused by whatever reads it; a finished one must give, right away
and after the next crash, the digest that was recorded at its end, at a record or at a time, and the model's answers.

Canaries show that this can fail: with the syncs of the log, of checkpoints, bases, the archive, a backup, or of one of
their directories turned off, some histories must find damage, or the tests fail.

What is simulated: files, their loss at a crash and their errors; the clock; who comes when. Everything else is the
database itself.

What is not:

- Threads. Clients take turns at operations on files; races between threads are for ThreadSanitizer and the concurrent
  tests.
- A crash inside of a restore, and the restore of what was erased later: `backup_crash_test` has the first.
- The upkeep thread, the thread that fills the next segment ahead of time, and the timed syncs of `Async`, which would
  make histories depend on a clock nobody holds. The tests of the commit queue and of the log have these.
- LMDB under a power cut: it does its own file operations. It is a cache, checked before use and rebuilt from the log.
- Disks that lie: a sync that answers ok and forgets, or bytes that change at rest. The canaries and the damage tests
  show that such damage is noticed, not that it is survived.
- Several bases that are bad at once, or a base that went bad while the log was removed behind it: nothing but a backup
  has what it held.
)";

}  // namespace

MatrixRow run_row(const CrashPoint& point, const MatrixSize& size) {
  MatrixRow row{.point = &point};
  for (std::uint64_t seed = 1; row.in_memory < size.in_memory && seed <= size.in_memory * kSeedsEach; ++seed) {
    Tally tally;
    Simulation simulation({.seed = seed, .point = &point}, tally);
    const Failure failure = simulation.run();
    if (!simulation.met() && failure.fault == Fault::None) continue;
    ++row.in_memory;
    for (std::size_t mode = 0; mode < tally.policies.size(); ++mode) row.found.policies[mode].add(tally.policies[mode]);
    note(row, "in memory", seed, failure);
  }
  // What a killed process handed to the system is there whether or not a disk is below: memory is faster.
  const std::filesystem::path memory = "/dev/shm";
  const std::filesystem::path directory =
      (std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
      ("tidal-matrix-" + std::to_string(::getpid()));
  const std::uint64_t wanted = point.by_signal ? size.by_signal : 0;
  for (std::uint64_t seed = 1; row.by_signal < wanted && seed <= wanted * kSeedsEach; ++seed) {
    const KilledHistory history = run_killed_history(seed, point, directory);
    if (!history.met && history.failure.fault == Fault::None) continue;
    ++row.by_signal;
    row.found.policies[static_cast<std::size_t>(history.mode)].add({.kills = 1, .lost_by_kill = history.lost});
    note(row, "by SIGKILL", seed, history.failure);
  }
  if (row.in_memory == 0 || (wanted > 0 && row.by_signal == 0)) {
    row.bad.push_back(std::string(point.name) + ": no history came to it");
  }
  return row;
}

std::string reliability_page(const std::vector<MatrixRow>& rows, const std::string& command) {
  std::string page(kIntroduction);
  page += "Made by `" + command + "`.\n\n";
  page += "| the crash comes when | in memory | by SIGKILL | lost | doubled | digest | answers |\n";
  page += "|---|---:|---:|---:|---:|---:|---:|\n";
  std::uint64_t in_memory = 0;
  std::uint64_t by_signal = 0;
  for (const MatrixRow& row : rows) {
    in_memory += row.in_memory;
    by_signal += row.by_signal;
    const Tally& found = row.found;
    page += "| " + std::string(row.point->name) + " | " + cell(row.in_memory) +
            (row.point->by_signal ? cell(row.by_signal) : "– | ") +
            cell(found.of(Fault::Lost) + found.of(Fault::Unopened)) + cell(found.of(Fault::Doubled)) +
            cell(found.of(Fault::Digest)) +
            std::to_string(found.of(Fault::Model) + found.of(Fault::Behaviour) + found.of(Fault::Remembered)) + " |\n";
  }
  page += "\n" + std::to_string(rows.size()) + " moments, " + std::to_string(in_memory + by_signal) +
          " histories: " + std::to_string(in_memory) + " in memory, " + std::to_string(by_signal) + " by SIGKILL.\n";
  PoliciesLosses losses;
  for (const MatrixRow& row : rows) {
    for (std::size_t mode = 0; mode < losses.size(); ++mode) losses[mode].add(row.found.policies[mode]);
  }
  constexpr std::uint64_t kIntervalHistories = 1'000;
  page += policies_table(losses, run_interval_histories(kIntervalHistories));
  return page + std::string(kLimits);
}

}  // namespace tidal::sim
