// A user who was forgotten: gone from every view at once, and from every file after the next compaction.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/case_stride_for_test.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "db/forget.h"
#include "db/offline/inspection.h"
#include "db/offline/replayed.h"
#include "db/offline/verification.h"
#include "test/core_fixture.h"

namespace tidal::test {
namespace {

using Digest = ViewDigests;

std::string random_key(std::uint64_t seed) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  base::Random random(seed);
  std::string key;
  while (key.size() < 40) key += kLetters[random.below(kLetters.size())];
  return key;
}

/// A database under random writes with erasures in between, on any files.
class Forgetful {
 public:
  Forgetful(base::FileSystem& fs, std::string path, db::Stores::Files stores, std::uint64_t seed)
      : fs_(fs), path_(std::move(path)), stores_(stores), history_(seed, kStart), random_(seed) {}

  Result<std::unique_ptr<db::Core>> open_result() { return open_core(fs_, clock, path_, stores_); }
  void open() {
    auto opened = open_result();
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    core = std::move(*opened);
  }
  /// The replies as JSON; an error as its text.
  std::string run(std::string_view text) {
    const Result<query::Script> parsed = query::parse(text);
    if (!parsed.ok()) {
      ADD_FAILURE() << text << ": " << parsed.error().to_string();
      return {};
    }
    const query::Script& script = *parsed;
    const Params params;
    db::Session session(*core, params);
    std::string all;
    for (const query::Statement& statement : script.statements) {
      const Result<Reply> reply = session.execute(statement);
      all += (reply.ok() ? to_json(*reply) : reply.error().to_string()) + "\n";
    }
    EXPECT_TRUE(session.finish().ok());
    return all;
  }
  void write(int steps) {
    for (int i = 0; i < steps; ++i) {
      const Step step = history_.next();
      clock.set(history_.now());
      commit(step.operations);
    }
  }
  void write_segments(std::size_t count) {
    while (fs_.list(path_ + "/wal")->size() < count) write(10);
  }
  bool commit(std::span<const Operation> operations) {
    db::Preparer preparer = core->preparer();
    Result<db::PreparedBatch> batch = db::prepare_batch(preparer, operations, {});
    return batch.ok() && core->commit(*batch).ok();
  }
  /// Everything a user can leave somewhere.
  void act_as(const std::string& user) {
    for (const std::string kind : {"view", "like", "watchlist", "hide", "view"}) {
      const std::vector<Operation> operations = {
          PutOperation{
              .kind = EntityKind::Item, .key = "secret-item", .entity = {.fields = {{"title", std::string("x")}}}},
          Signal{.kind = kind,
                 .item = "secret-item",
                 .user = user,
                 .at = history_.now(),
                 .idempotency_key = user + kind + std::to_string(++acts_),
                 .context = R"({"surface":")" + user + "\"}"},
          PutOperation{.kind = EntityKind::User, .key = user, .entity = {.fields = {{"country", "from " + user}}}}};
      ASSERT_TRUE(commit(operations));
    }
  }
  [[nodiscard]] Digest digest() const { return by_view(core->digest().value()); }
  Status forget(const std::string& user) {
    Result<ForgetReply> reply = db::forget_user(*core, user);
    return reply.ok() ? Status() : Status(reply.error());
  }
  /// Caches go, so that the next open replays from the base.
  void drop_caches() {
    ASSERT_TRUE(fs_.remove_all(path_ + "/checkpoints").ok());
    ASSERT_TRUE(fs_.remove_all(path_ + "/stores").ok());
  }

  base::FixedClock clock{kStart};
  std::unique_ptr<db::Core> core;

 private:
  base::FileSystem& fs_;
  const std::string path_;
  const db::Stores::Files stores_;
  History history_;
  base::Random random_;
  int acts_ = 0;
};

/// Files below `path` that hold the text, as they are or decoded.
std::vector<std::string> files_with(base::FileSystem& fs, const std::string& path, const std::string& text) {
  std::vector<std::string> found;
  const std::vector<std::string> names = fs.list(path).value();
  for (const std::string& name : names) {
    const std::string each = path + "/" + name;
    if (fs.is_directory(each)) {
      const std::vector<std::string> below = files_with(fs, each, text);
      found.insert(found.end(), below.begin(), below.end());
      continue;
    }
    const std::string bytes = base::read_file(fs, each).value();
    std::string lines;
    static_cast<void>(db::inspect_file(fs, each, [&](std::string_view line) { lines += std::string(line) + "\n"; }));
    if ((name + bytes + lines).find(text) != std::string::npos) found.push_back(each);
  }
  return found;
}

std::string joined_names(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += name + " ";
  return all;
}

class TemporaryFolder {
 public:
  TemporaryFolder() : path_(std::filesystem::temp_directory_path() / "tidal-erasure-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Erasure, LeavesNoTraceInAnyFileAfterTheNextCompaction) {
  for (const auto stores : {db::Stores::Files::Production, db::Stores::Files::Plain}) {
    SCOPED_TRACE(static_cast<int>(stores));
    const TemporaryFolder folder;
    base::FileSystem& fs = base::posix_file_system();
    const std::string path = folder.path() + "/db";
    const std::string secret = random_key(77);
    Forgetful database(fs, path, stores, 5);
    database.open();
    database.run(history_schema());
    database.run("ALTER SETTINGS log_bytes:192KiB, log_archive:true");
    database.act_as(secret);
    database.write_segments(5);
    database.act_as(secret);
    ASSERT_TRUE(database.core->checkpoint().ok());
    ASSERT_TRUE(database.core->compact().ok());
    database.act_as(secret);
    ASSERT_TRUE(database.core->checkpoint().ok());
    const std::vector<std::string> before = files_with(fs, path, secret);
    for (const std::string where : {"/wal/", "/archive/", "/checkpoints/", "/stores/", "/base/"}) {
      EXPECT_NE(joined_names(before).find(where), std::string::npos) << "the search sees nothing in " << where;
    }
    ASSERT_TRUE(database.forget(secret).ok());
    EXPECT_EQ(database.forget(secret).error().code, Code::NotFound) << "once is enough";
    const Digest forgotten = database.digest();
    const CompactionReport report = database.core->compact().value();
    EXPECT_EQ(report.segments_rewritten, 2U) << "an archived one, and the one that was the newest";
    EXPECT_EQ(report.records_made_anonymous, 3U * 5U * 2U);
    EXPECT_EQ(files_with(fs, path, secret), std::vector<std::string>{}) << "while it is open";
    EXPECT_EQ(database.digest(), forgotten);
    EXPECT_EQ(database.core->compact()->segments_rewritten, 0U);
    database.write(20);
    const Digest later = database.digest();
    database.core.reset();
    EXPECT_EQ(files_with(fs, path, secret), std::vector<std::string>{});
    const auto verified = db::verify_directory(fs, path).value();
    EXPECT_TRUE(verified.defects.empty()) << verified.defects.front();
    EXPECT_EQ(by_view(db::ReplayedDatabase::open(fs, path).value()->digest()), later);
    database.drop_caches();
    database.open();
    EXPECT_EQ(database.digest(), later) << "base and later records";
    EXPECT_EQ(database.core->compact()->segments_rewritten, 0U) << "the log itself says that it was done";
  }
}

TEST(Erasure, IsVisibleAtOnceAndBeforeAnyCompaction) {
  base::MemoryFileSystem fs(3);
  const std::string secret = random_key(3);
  Forgetful database(fs, "/db", db::Stores::Files::Plain, 3);
  database.open();
  database.run(history_schema());
  database.write(100);
  database.act_as(secret);
  ASSERT_TRUE(database.core->checkpoint().ok());
  const std::string counted = database.run("GET item @secret-item WITH signals(view.count(7d), like.count(24h));");
  EXPECT_NE(counted.find("\"view.count(7d)\":2"), std::string::npos) << counted;
  EXPECT_NE(database.run("GET user @" + secret).find(secret), std::string::npos);

  const std::string reply = database.run("FORGET USER @" + secret);
  EXPECT_NE(reply.find(R"("op":"forget")"), std::string::npos) << reply;
  EXPECT_NE(reply.find(R"("status":"applied")"), std::string::npos) << reply;
  EXPECT_NE(reply.find(R"("log":"at next compaction")"), std::string::npos) << reply;
  EXPECT_NE(reply.find(R"("fields":1)"), std::string::npos) << reply;
  EXPECT_NE(reply.find(R"("signals":2)"), std::string::npos) << "views are counted by user; " << reply;
  EXPECT_NE(reply.find(R"("marks":3)"), std::string::npos) << reply;

  EXPECT_NE(database.run("GET user @" + secret).find("does not exist"), std::string::npos);
  EXPECT_EQ(database.run("RETRIEVE users LIMIT 100;").find(secret), std::string::npos);
  EXPECT_NE(database.run("EXPORT USER @" + secret).find("does not exist"), std::string::npos);
  const std::string counted_after =
      database.run("GET item @secret-item WITH signals(view.count(7d), like.count(24h));");
  const auto without_time = [](const std::string& text) { return text.substr(0, text.find("\"stats\"")); };
  EXPECT_EQ(without_time(counted_after), without_time(counted)) << "what an item earned stays";
  ASSERT_TRUE(database.core->checkpoint().ok());
  const std::vector<std::string> names = fs.list("/db/checkpoints").value();
  EXPECT_EQ(files_with(fs, "/db/checkpoints/" + names.back(), secret), std::vector<std::string>{});
  const Digest forgotten = database.digest();
  database.core.reset();
  EXPECT_EQ(by_view(db::ReplayedDatabase::open(fs, "/db").value()->digest()), forgotten) << "from the first record";
  database.open();
  EXPECT_EQ(database.digest(), forgotten);
}

TEST(Erasure, TheSameKeyComesBackAsSomebodyNew) {
  base::MemoryFileSystem fs(4);
  Forgetful database(fs, "/db", db::Stores::Files::Plain, 4);
  database.open();
  database.run(history_schema());
  database.act_as("again");
  const Ordinal first = database.core->views().entities().find(EntityKind::User, "again");
  ASSERT_TRUE(database.forget("again").ok());
  database.run("PUT user @again {}");
  const Ordinal second = database.core->views().entities().find(EntityKind::User, "again");
  EXPECT_NE(second, Ordinal::None);
  EXPECT_NE(second, first);
  EXPECT_EQ(database.core->views().user_state().marked(second, Mark::Liked).cardinality(), 0U);
  EXPECT_EQ(database.run("GET user @again").find("from again"), std::string::npos);
  database.act_as("again");
  database.act_as("other");
  ASSERT_TRUE(database.forget("other").ok());  // so that the later life is before an erasure too
  const std::size_t rows = db::export_user(*database.core, "again")->rows.size();
  ASSERT_TRUE(database.core->compact().ok());
  const std::size_t gone = 2 * 5;  // of the first life: puts and signals
  EXPECT_EQ(db::export_user(*database.core, "again")->rows.size(), rows - gone);
  const Digest digest = database.digest();
  EXPECT_NE(database.run("GET user @again").find("from again"), std::string::npos) << "its later life is untouched";
  database.core.reset();
  database.drop_caches();
  database.open();
  EXPECT_EQ(database.digest(), digest);
  EXPECT_EQ(database.core->views().entities().find(EntityKind::User, "again"), second);
}

TEST(Erasure, OfWhoIsUnknownOrInABatchIsRefused) {
  base::MemoryFileSystem fs(5);
  Forgetful database(fs, "/db", db::Stores::Files::Plain, 5);
  database.open();
  database.run(history_schema());
  const SeqNo before = database.core->applied();
  EXPECT_EQ(db::forget_user(*database.core, "nobody").error().code, Code::NotFound);
  EXPECT_EQ(db::export_user(*database.core, "nobody").error().code, Code::NotFound);
  database.act_as("u");
  EXPECT_NE(database.run("BEGIN; FORGET USER @u; COMMIT;").find("stands alone"), std::string::npos);
  EXPECT_EQ(database.core->applied().value, before.value + 15) << "nothing of it was written";
}

TEST(Export, TellsEverythingOfAUser) {
  base::MemoryFileSystem fs(6);
  Forgetful database(fs, "/db", db::Stores::Files::Plain, 6);
  database.open();
  database.run(history_schema());
  database.run("ALTER SETTINGS log_bytes:128KiB, log_archive:true");
  database.act_as("me");
  database.write_segments(5);
  database.act_as("me");
  ASSERT_TRUE(database.core->compact().ok());
  ASSERT_GT(database.core->stats().archive_segments, 0U);
  const RowsReply reply = db::export_user(*database.core, "me").value();
  std::map<std::string, int> rows;
  for (const auto& row : reply.rows) ++rows[std::get<std::string>(row.front())];
  EXPECT_EQ(rows["user"], 1);
  EXPECT_EQ(rows["field"], 1);
  EXPECT_EQ(rows["record"], 2 * 5 * 2) << "signals and puts, from archive and log";
  for (const std::string mark : {"seen", "liked", "saved", "hidden"}) EXPECT_EQ(rows[mark], 1) << mark;
  EXPECT_GT(rows["count"], 0) << "of signals with SCOPE user";
  EXPECT_EQ(rows["count"], rows["score"]);
  const std::string json = database.run("EXPORT USER @me");
  EXPECT_NE(json.find("from me"), std::string::npos);
  EXPECT_NE(json.find("surface"), std::string::npos);
  EXPECT_EQ(json.find("\"u1\""), std::string::npos) << "and nothing of anybody else";
}

/// State before the erasure cannot be replayed from a log that was rewritten, and nobody tries.
TEST(Erasure, NoStateIsReplayedFromAnonymousRecords) {
  base::MemoryFileSystem fs(7);
  Forgetful database(fs, "/db", db::Stores::Files::Plain, 7);
  database.open();
  database.run(history_schema());
  database.write(50);
  database.act_as("gone");
  ASSERT_TRUE(database.forget("gone").ok());
  ASSERT_TRUE(database.core->compact().ok());
  database.core.reset();
  ASSERT_TRUE(fs.remove_all("/db/base").ok());
  database.drop_caches();
  const auto opened = database.open_result();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::Corruption);
  EXPECT_NE(opened.error().message.find("anonymous"), std::string::npos) << opened.error().message;
  const auto replayed = db::ReplayedDatabase::open(fs, "/db");
  ASSERT_FALSE(replayed.ok());
  EXPECT_NE(replayed.error().message.find("anonymous"), std::string::npos) << replayed.error().message;
}

/// A checkpoint from before the erasure that a crash brought back is not taken in place of the base.
TEST(Erasure, ACheckpointFromBeforeTheBaseComesLast) {
  base::MemoryFileSystem fs(8);
  Forgetful database(fs, "/db", db::Stores::Files::Plain, 8);
  database.open();
  database.run(history_schema());
  database.write(50);
  const SeqNo early = database.core->checkpoint().value();
  database.act_as("gone");
  ASSERT_TRUE(database.forget("gone").ok());
  const std::string folder = "/db/checkpoints/" + fs.list("/db/checkpoints")->front();
  std::map<std::string, std::string> files;
  const std::vector<std::string> names = fs.list(folder).value();
  for (const std::string& name : names) files[name] = base::read_file(fs, folder + "/" + name).value();
  ASSERT_TRUE(database.core->compact().ok());
  EXPECT_TRUE(fs.list("/db/checkpoints")->empty());
  const Digest digest = database.digest();
  database.core.reset();
  ASSERT_TRUE(fs.create_directories(folder).ok());
  for (const auto& [name, bytes] : files) {
    ASSERT_TRUE(base::write_file_atomically(fs, folder + "/" + name, bytes).ok());
  }
  database.open();
  EXPECT_LT(early, database.core->open_report().base);
  EXPECT_EQ(database.core->open_report().checkpoint, SeqNo{});
  EXPECT_EQ(database.digest(), digest);
}

/// Who is known, beside a database that forgets and is compacted, closed and opened at random.
TEST(Erasure, RandomHistoriesAgreeWithAModelAndWithTheirReplay) {
  std::uint64_t erased = 0;
  std::uint64_t rewritten = 0;
  std::uint64_t returned = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::MemoryFileSystem fs(seed);
    base::Random random(seed);
    Forgetful database(fs, "/db", db::Stores::Files::Plain, seed);
    database.open();
    database.run(history_schema());
    database.run(std::string("ALTER SETTINGS log_bytes:192KiB, log_archive:") + (seed % 2 == 0 ? "true" : "false"));
    std::set<std::string> gone;  // and not seen again
    for (int round = 0; round < 40; ++round) {
      database.write(static_cast<int>(5 + random.below(30)));
      const std::string user = "x" + std::to_string(random.below(5));
      switch (random.below(6)) {
        case 0:
        case 1:
          database.act_as(user);
          returned += gone.erase(user);
          break;
        case 2:
          if (database.forget(user).ok()) {
            ++erased;
            gone.insert(user);
          }
          break;
        case 3: ASSERT_TRUE(database.core->checkpoint().ok()); break;
        case 4: {
          const Result<CompactionReport> report = database.core->compact();
          ASSERT_TRUE(report.ok()) << report.error().to_string();
          rewritten += report->segments_rewritten;
          for (const std::string& key : gone) {
            ASSERT_EQ(joined_names(files_with(fs, "/db", "from " + key)), "") << key;
          }
          break;
        }
        default: {
          const Digest live = database.digest();
          database.core.reset();
          if (random.coin()) database.drop_caches();
          ASSERT_EQ(by_view(db::ReplayedDatabase::open(fs, "/db").value()->digest()), live);
          database.open();
          ASSERT_EQ(database.digest(), live);
        }
      }
      for (const std::string& key : gone) {
        ASSERT_EQ(database.core->views().entities().find(EntityKind::User, key), Ordinal::None) << key;
      }
    }
  }
  EXPECT_GT(erased, 20U);
  EXPECT_GT(rewritten, 20U);
  EXPECT_GT(returned, 5U);
}

/// A database with archives, checkpoints and two erasures that wait for a compaction.
std::unique_ptr<Forgetful> waiting(base::MemoryFileSystem& fs) {
  auto database = std::make_unique<Forgetful>(fs, "/db", db::Stores::Files::Plain, 9);
  database->open();
  database->run(history_schema());
  database->run("ALTER SETTINGS log_bytes:192KiB, log_archive:true");
  database->act_as("first-secret-user");
  database->act_as("second-secret-user");
  database->write_segments(4);
  EXPECT_TRUE(database->core->compact().ok());
  EXPECT_TRUE(database->core->checkpoint().ok());
  EXPECT_TRUE(database->forget("first-secret-user").ok());
  database->act_as("second-secret-user");
  EXPECT_TRUE(database->forget("second-secret-user").ok());
  database->write(20);
  return database;
}

/// The power goes at every file operation of the compaction that rewrites.
TEST(Erasure, SurvivesACrashAtEveryOperation) {
  std::uint64_t operations = 0;
  {
    base::MemoryFileSystem fs(9);
    const auto database = waiting(fs);
    const std::uint64_t before = fs.operations();
    const CompactionReport report = database->core->compact().value();
    operations = fs.operations() - before;
    EXPECT_EQ(report.records_made_anonymous, 30U);
    EXPECT_GT(report.segments_rewritten, 1U);
  }
  ASSERT_GT(operations, 60U);
  for (std::uint64_t at = base::first_case(operations); at <= operations; at += base::kCaseStride) {
    SCOPED_TRACE("operation " + std::to_string(at) + " of " + std::to_string(operations));
    base::MemoryFileSystem fs(9);
    const auto database = waiting(fs);
    const Digest before = database->digest();
    fs.stop_at(at);
    EXPECT_FALSE(database->core->compact().ok());
    fs.crash();
    database->core.reset();
    database->open();
    ASSERT_EQ(database->digest(), before);
    const auto again = database->core->compact();
    ASSERT_TRUE(again.ok()) << again.error().to_string();
    ASSERT_EQ(joined_names(files_with(fs, "/db", "-secret-user")), "");
    ASSERT_EQ(database->digest(), before);
    database->core.reset();
    database->drop_caches();
    database->open();
    ASSERT_EQ(database->digest(), before);
  }
}

/// Whoever closes is not kept waiting for all segments; the next life goes on.
TEST(Erasure, IsCarriedOutInTheNextLifeWhenItIsBeingClosed) {
  base::MemoryFileSystem fs(9);
  const auto database = waiting(fs);
  database->core->hasten();
  EXPECT_EQ(database->core->compact().error().code, Code::Unavailable);
  EXPECT_NE(joined_names(files_with(fs, "/db/wal", "-secret-user")), "");
  database->core.reset();
  database->open();
  EXPECT_GT(database->core->compact().value().segments_rewritten, 0U);
  EXPECT_EQ(joined_names(files_with(fs, "/db", "-secret-user")), "");
}

/// What the failed attempt left goes with the next one, without an open in between.
TEST(Erasure, IsCarriedOutAfterACompactionThatFailed) {
  int judged = 0;
  for (std::uint64_t at = 2; at <= 80; at += 4) {
    base::MemoryFileSystem fs(9);
    const auto database = waiting(fs);
    fs.fail_operation(at, base::MemoryFileSystem::Fault::NoSpace);
    if (database->core->compact().ok() || !database->core->compact().ok()) continue;  // or the log is poisoned
    ++judged;
    ASSERT_EQ(joined_names(files_with(fs, "/db", "-secret-user")), "") << "operation " << at;
  }
  EXPECT_GT(judged, 10);
}

}  // namespace
}  // namespace tidal::test
