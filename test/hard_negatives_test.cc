// What must never be shown is never shown: what a user hid, what a creator made whom the user blocks, and what is
// hidden from everybody, on no path by which a query can come to it, also after a crash at any point.
//
// N1: of an acknowledged wish the latest by event time holds, of equal ones the later. What a crash may or may not have
//     kept is left out of the comparison, and nothing else is.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/case_stride_for_test.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "test/core_fixture.h"

namespace tidal::test {
namespace {

const std::string kPath = "/db";

/// Whether something is wished, since which event time, and whether that is certain.
struct Wish {
  Timestamp at{};
  bool holds = false;
  bool certain = true;
};

/// What users and moderators have asked for, from acknowledged operations alone.
class Wishes {
 public:
  /// Of an operation that was refused nothing is learnt; of one that met the crash only that it may have been written.
  void note(const Operation& operation, Timestamp now, bool acknowledged) {
    if (const auto* signal = std::get_if<Signal>(&operation)) {
      if (signal->kind == "hide" && !signal->user.empty()) {
        decide({"hide", signal->user, signal->item}, signal->at.value_or(now), true, acknowledged);
      }
    } else if (const auto* undo = std::get_if<Unsignal>(&operation)) {
      if (undo->kind == "hide") decide({"hide", undo->user, undo->item}, undo->at.value_or(now), false, acknowledged);
    } else if (const auto* edge = std::get_if<Relate>(&operation)) {
      if (edge->relation == "blocks") {
        decide({"blocks", edge->from, edge->to}, edge->at.value_or(now), !edge->remove, acknowledged);
      }
    } else if (const auto* hide = std::get_if<Hide>(&operation)) {
      decide({"everybody", std::string(kind_name(hide->kind)), hide->key}, hide->at.value_or(now), !hide->unhide,
             acknowledged);
    }
  }
  [[nodiscard]] bool holds(const std::string& what, const std::string& who, const std::string& key) const {
    const auto it = wishes_.find({what, who, key});
    return it != wishes_.end() && it->second.holds && it->second.certain;
  }
  [[nodiscard]] std::size_t held() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(wishes_, [](const auto& each) { return each.second.holds && each.second.certain; }));
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string>;
  void decide(const Key& key, Timestamp at, bool holds, bool acknowledged) {
    Wish& wish = wishes_[key];
    if (!acknowledged) {
      wish.certain = false;
    } else if (at >= wish.at) {
      wish.at = at;
      wish.holds = holds;
    }
  }
  std::map<Key, Wish> wishes_;
};

// Every way to ask for items, users or creators. `$u` is the asking user, `$i` an item, `$c` a creator.
constexpr std::string_view kSorts[] = {"new",
                                       "old",
                                       "hot",
                                       "top(all)",
                                       "top(day)",
                                       "most_viewed",
                                       "most_liked",
                                       "controversial",
                                       "hidden_gems",
                                       "shuffle(3)",
                                       "alphabetical",
                                       "shortest",
                                       "longest",
                                       "date_saved",
                                       "reddit_hot",
                                       "hn",
                                       "rising",
                                       "personalized",
                                       "trending",
                                       "view.count(all) DESC",
                                       "view.decay_score ASC",
                                       "preference_match DESC",
                                       "co_engagement DESC",
                                       "creator_affinity DESC",
                                       "item_affinity ASC",
                                       "interest(category) DESC",
                                       "time_of(hidden) DESC",
                                       "rank(view.count(7d)) DESC"};
constexpr std::string_view kFilters[] = {"seen",
                                         "unseen",
                                         "liked",
                                         "disliked",
                                         "saved",
                                         "completed",
                                         "in_progress",
                                         "NOT liked",
                                         "relation:follows",
                                         "NOT relation:follows",
                                         "category = \"jazz\"",
                                         "tags IN (\"a\")",
                                         "year >= 1990",
                                         "exists(title)",
                                         "creator = $c",
                                         "key IN ($i, @i1, @i2, @i3)",
                                         "scheduled OR view.count(all) >= 0",
                                         "creator.verified OR NOT creator.verified",
                                         "like.net >= 0, age < 90d",
                                         "relation:blocks",
                                         "NOT relation:blocks OR relation:blocks"};
constexpr std::string_view kProfiles[] = {"trending",      "rising",      "hot",     "new",      "top",
                                          "controversial", "hidden_gems", "shuffle", "following"};
constexpr std::string_view kSources[] = {"scan",
                                         "following",
                                         "following(depth:2)",
                                         "friends_liked",
                                         "co_engaged",
                                         "co_engaged, following, scan",
                                         "following(limit:2)"};
constexpr std::string_view kOthers[] = {
    "RETRIEVE items FOR USER $u",
    "RETRIEVE items FOR USER $u SIMILAR TO $i",
    "RETRIEVE items FOR USER $u SIMILAR TO $i USING PROFILE related",
    "RETRIEVE items FOR USER $u SIMILAR TO $i SORT BY new",
    "RETRIEVE items FOR USER $u EXCLUDE [@i0] SORT BY new MIN SCORE now - 36500d",
    "RETRIEVE items FOR USER $u WITH fields() SORT BY new",
    "RETRIEVE items FOR USER $u WITH explain, signals(view.count(all)) SORT BY top(all)",
    "RETRIEVE creators FOR USER $u SORT BY new",
    "RETRIEVE creators FOR USER $u FILTER verified SORT BY old",
    "RETRIEVE creators FOR USER $u SORT BY creator_affinity DESC",
    "RETRIEVE users FOR USER $u SORT BY new",
    "RETRIEVE users SORT BY old",
    "RETRIEVE items SORT BY new",
    "RETRIEVE items SIMILAR TO $i",
    "RETRIEVE creators SORT BY new"};

const std::vector<std::string>& query_forms() {
  static const std::vector<std::string> forms = [] {
    const std::string items = "RETRIEVE items FOR USER $u ";
    std::vector<std::string> out(std::begin(kOthers), std::end(kOthers));
    for (const std::string_view sort : kSorts) out.push_back(items + "SORT BY " + std::string(sort));
    for (const std::string_view each : kFilters) out.push_back(items + "FILTER " + std::string(each) + " SORT BY new");
    for (const std::string_view profile : kProfiles) out.push_back(items + "USING PROFILE " + std::string(profile));
    for (const std::string_view source : kSources) {
      out.push_back(items + "FROM " + std::string(source));
      out.push_back(items + "FROM " + std::string(source) + " FILTER unseen SORT BY old");
    }
    return out;
  }();
  return forms;
}

struct Tally {
  std::uint64_t answers = 0;
  std::uint64_t entries = 0;
  std::uint64_t kept_away = 0;  ///< live entities that a user asking must not get
  std::uint64_t crashes = 0;
  std::set<std::string> answered;  ///< forms that gave entries
};

class Asker {
 public:
  Asker(db::Core& core, const Wishes& wishes, Tally& tally) : core_(core), wishes_(wishes), tally_(tally) {}

  void ask_everything(base::Random& random) {
    for (int u = 0; u < kHistoryUsers && !testing::Test::HasFailure(); ++u) {
      const std::string user = "u" + std::to_string(u);
      count_kept_away(user);
      for (const std::string& form : query_forms()) {
        ask(form, user, random);
        if (testing::Test::HasFailure()) return;
      }
    }
  }

 private:
  [[nodiscard]] bool is_forbidden(const std::string& user, EntityKind kind, const std::string& key) const {
    if (wishes_.holds("everybody", std::string(kind_name(kind)), key)) return true;
    if (kind == EntityKind::Creator) return wishes_.holds("blocks", user, key);
    if (kind == EntityKind::User) return false;
    const entity::EntityStore& entities = core_.views().entities();
    const Ordinal creator = entities.creator_of(entities.find(EntityKind::Item, key));
    const std::string creator_key(creator == Ordinal::None ? "" : entities.key_of(EntityKind::Creator, creator));
    return wishes_.holds("hide", user, key) || wishes_.holds("blocks", user, creator_key) ||
           wishes_.holds("everybody", "creator", creator_key);
  }

  void count_kept_away(const std::string& user) {
    for (const EntityKind kind : {EntityKind::Item, EntityKind::User, EntityKind::Creator}) {
      const entity::EntityStore& entities = core_.views().entities();
      for (std::uint32_t i = 0; i < entities.ordinal_count(kind); ++i) {
        const bool live = entities.is_live(kind, to_ordinal(i));
        if (live && is_forbidden(user, kind, std::string(entities.key_of(kind, to_ordinal(i))))) ++tally_.kept_away;
      }
    }
  }

  /// All pages of one form.
  void ask(const std::string& form, const std::string& user, base::Random& random) {
    const bool by_user = form.find("$u") != std::string::npos;
    Params params = {{"u", Value(user)},
                     {"i", Value("i" + std::to_string(random.below(kHistoryItems)))},
                     {"c", Value("c" + std::to_string(random.below(kHistoryCreators)))}};
    std::string statement = form + " LIMIT " + std::to_string(1 + random.below(5));
    const std::string first = statement;
    for (int page = 0; page < 30; ++page) {
      const Result<query::Script> script = query::parse(statement);
      ASSERT_TRUE(script.ok()) << statement << ": " << script.error().to_string();
      db::Session session(core_, params);
      const Result<Reply> reply = session.execute(script->statements.front());
      if (!reply.ok()) {
        // SIMILAR TO what is not there; a clock behind the newest event.
        ASSERT_EQ(reply.error().code, Code::NotFound) << statement << ": " << reply.error().to_string();
        return;
      }
      const auto& answer = std::get<QueryReply>(*reply);
      ++tally_.answers;
      if (!answer.items.empty()) tally_.answered.insert(form);
      for (const ResultItem& item : answer.items) {
        ++tally_.entries;
        ASSERT_FALSE(is_forbidden(by_user ? user : std::string(), item.kind, item.key))
            << statement << " for " << user << " on page " << page << " gave " << kind_name(item.kind) << " "
            << item.key;
      }
      if (answer.cursor.empty()) return;
      params["cursor"] = ParamValue(Value(answer.cursor));
      statement = first + " AFTER $cursor";
    }
  }

  db::Core& core_;
  const Wishes& wishes_;
  Tally& tally_;
};

/// Writes, asks, crashes and goes on, by one seed.
void run_history(std::uint64_t seed, Tally& tally) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  base::Random random(seed);
  base::MemoryFileSystem fs(seed);
  base::FixedClock clock(kStart);
  History history(seed * 13, kStart);
  Wishes wishes;
  for (int life = 0; life < 3 && !testing::Test::HasFailure(); ++life) {
    auto opened = open_core(fs, clock, kPath);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    db::Core& core = **opened;
    if (core.views().schema().version == 0) define(core, history_schema());
    if (life > 0) Asker(core, wishes, tally).ask_everything(random);
    const std::uint64_t steps = 40 + random.below(60);
    const bool dies_inside = random.coin();
    if (dies_inside) fs.stop_at(1 + random.below(2 * steps));
    for (std::uint64_t i = 0; i < steps; ++i) {
      const Step step = history.next();
      clock.set(history.now());
      db::Preparer preparer = core.preparer();
      Result<db::PreparedBatch> batch = db::prepare_batch(preparer, step.operations, {});
      if (!batch.ok()) continue;
      const bool acknowledged = core.commit(*batch).ok();
      for (const Operation& operation : step.operations) wishes.note(operation, history.now(), acknowledged);
      if (!acknowledged) break;
      if (random.below(20) == 0) static_cast<void>(core.checkpoint());
    }
    if (!dies_inside) Asker(core, wishes, tally).ask_everything(random);
    ++tally.crashes;
    fs.crash();
    opened->reset();  // its files are dead
  }
}

TEST(HardNegatives, AreOnNoPathAfterAnyCrash) {
  const char* text = std::getenv("TIDAL_HISTORIES");
  const std::uint64_t histories = text != nullptr ? std::strtoull(text, nullptr, 10) : 40;
  Tally tally;
  for (std::uint64_t seed = 1; seed <= histories && !testing::Test::HasFailure(); seed += base::kCaseStride) {
    run_history(seed, tally);
  }
  std::printf("%llu answers with %llu entries, %llu kept away, %llu crashes\n",
              static_cast<unsigned long long>(tally.answers), static_cast<unsigned long long>(tally.entries),
              static_cast<unsigned long long>(tally.kept_away), static_cast<unsigned long long>(tally.crashes));
  EXPECT_GT(tally.kept_away, tally.crashes * 5);
  EXPECT_GT(tally.entries, tally.answers);
  for (const std::string& form : query_forms()) {
    const bool blocked =
        form == "RETRIEVE items FOR USER $u FILTER relation:blocks SORT BY new";  // asks for what it may not get
    if (!blocked && base::kCaseStride > 1) continue;  // fewer histories do not reach every form
    EXPECT_NE(tally.answered.contains(form), blocked) << form << " never gave anything";
  }
}

}  // namespace
}  // namespace tidal::test
