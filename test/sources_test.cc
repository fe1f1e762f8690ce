// What the sources that walk give, against a list of all items: whatever the filters leave, it is the newest of it.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "test/statements_fixture.h"

namespace tidal::test {
namespace {

constexpr std::string_view kSchema =
    "DEFINE FIELD item.price INT INDEXED; DEFINE SIGNAL view; DEFINE SIGNAL like ROLE positive EFFECTS mark liked;"
    "DEFINE RELATION follows FROM user TO creator; DEFINE RELATION friend FROM user TO user;";

constexpr int kCreators = 6;
constexpr int kOthers = 5;  // users whom the asking user may have for friends

struct Item {
  std::uint64_t ordinal = 0;
  std::string creator;
  std::optional<Timestamp> created;  // none: open
  std::int64_t price = 0;
  bool hidden = false;
  bool open = false;
  std::set<std::string> liked_by{};
};

class Walks : public Statements {
 public:
  void TestBody() override {}

  void random_history(base::Random& random, std::uint64_t steps) {
    random_ = &random;
    begin(kSchema);
    for (int i = 0; i < kCreators; ++i) status("PUT creator @c" + std::to_string(i) + " {}");
    status("PUT user @me {}");
    for (int i = 0; i < kOthers; ++i) status("PUT user @u" + std::to_string(i) + " {}");
    for (std::uint64_t i = 0; i < steps; ++i) step();
  }

  /// The keys that the source gives, in any order.
  std::set<std::string> asked(const std::string& source, std::size_t limit, std::int64_t price_max, bool scheduled) {
    const std::string options = source + (source.back() == '2' ? ", limit:" : "(limit:") + std::to_string(limit) + ")";
    const std::vector<std::string> page =
        keys("RETRIEVE items FOR USER @me FROM " + options + " FILTER price <= " + std::to_string(price_max) +
             (scheduled ? " AND scheduled" : "") + " LIMIT 1000");
    return {page.begin(), page.end()};
  }
  std::set<std::string> wanted(const std::string& source, std::size_t limit, std::int64_t price_max,
                               bool scheduled) const {
    std::vector<std::tuple<std::int64_t, std::uint64_t, std::string>> found;
    for (const auto& [key, item] : items_) {
      if (!is_reached(source, item) || item.hidden || item.price > price_max) continue;
      const Timestamp created = item.created.value_or(Timestamp{-62'167'219'200'000'000});
      if ((created > kStart) == scheduled) found.emplace_back(-created.us, item.ordinal, key);
    }
    std::ranges::sort(found);
    std::set<std::string> out;
    for (std::size_t i = 0; i < std::min(limit, found.size()); ++i) out.insert(std::get<2>(found[i]));
    return out;
  }

 private:
  bool is_reached(const std::string& source, const Item& item) const {
    if (source == "following") return follows_.contains({"me", item.creator});
    return std::ranges::any_of(item.liked_by, [&](const std::string& user) {
      if (source == "friends_liked") return friends_.contains(user);
      return user != "me" && std::ranges::any_of(follows_, [&](const auto& edge) {  // of a fellow
               return edge.first == user && follows_.contains({"me", edge.second});
             });
    });
  }
  void write(Operation operation) {
    db::Preparer preparer = core->preparer();
    Result<db::PreparedBatch> batch = db::prepare_batch(preparer, {&operation, 1}, {});
    ASSERT_TRUE(batch.ok()) << batch.error().to_string();
    ASSERT_TRUE(core->commit(*batch).ok());
  }
  std::string random_creator() { return "c" + std::to_string(random_->below(kCreators)); }
  /// So that no two signals are one that was sent twice.
  std::string new_key() { return "k" + std::to_string(++signals_); }
  std::string random_other() { return "u" + std::to_string(random_->below(kOthers)); }
  /// Few different ones, so that many tie; one in five has not come yet.
  Timestamp random_time() {
    return kStart + hours(static_cast<std::int64_t>(random_->below(5) == 0 ? 1 + random_->below(9) : 0)) -
           seconds(static_cast<std::int64_t>(random_->below(60)));
  }

  void step() {
    const std::string key = "i" + std::to_string(random_->below(250));
    const auto known = items_.find(key);
    const bool lives = known != items_.end();
    const std::uint64_t what = random_->below(20);
    if (what == 0) {
      const std::pair<std::string, std::string> edge{random_->below(2) == 0 ? "me" : random_other(), random_creator()};
      const bool stands = follows_.contains(edge);
      write(Relate{.relation = "follows", .from = edge.first, .to = edge.second, .remove = stands});
      stands ? static_cast<void>(follows_.erase(edge)) : static_cast<void>(follows_.insert(edge));
    } else if (what == 8) {
      const std::string other = random_other();
      const bool stands = friends_.contains(other);
      write(Relate{.relation = "friend", .from = "me", .to = other, .remove = stands});
      stands ? static_cast<void>(friends_.erase(other)) : static_cast<void>(friends_.insert(other));
    } else if (what == 9 && lives) {
      const std::string other = random_->below(4) == 0 ? "me" : random_other();
      write(Signal{.kind = "like", .item = key, .user = other, .at = kStart, .idempotency_key = new_key()});
      Item& item = known->second;
      item.liked_by.insert(other);
      if (item.open && (!item.created || kStart < *item.created)) item.created = kStart;
    } else if (what == 1 && lives) {
      status((known->second.hidden ? "UNHIDE item @" : "HIDE item @") + key);
      known->second.hidden = !known->second.hidden;
    } else if (what == 2 && lives && !known->second.hidden && known->second.liked_by.empty()) {
      status("DELETE item @" + key);
      items_.erase(known);
    } else if (what <= 6 && lives) {
      const Timestamp at = kStart - seconds(static_cast<std::int64_t>(random_->below(90)));
      write(Signal{.kind = "view", .item = key, .user = "you", .at = at, .idempotency_key = new_key()});
      Item& item = known->second;
      if (item.open && (!item.created || at < *item.created)) item.created = at;
    } else if (what == 7 && lives) {
      const Timestamp at = random_time();
      status("UPDATE item @" + key + " {\"created_at\":\"" + to_string(at) + "\"}");
      known->second.created = at;
      known->second.open = false;
    } else {
      put(key);
    }
  }

  void put(const std::string& key) {
    PutOperation put{.key = key};
    const auto known = items_.find(key);
    Item item{.ordinal = ordinals_.try_emplace(key, ordinals_.size()).first->second,
              .creator = random_creator(),
              .created = {},
              .price = static_cast<std::int64_t>(random_->below(100)),
              .hidden = known != items_.end() && known->second.hidden,
              .open = random_->below(6) == 0,
              .liked_by = known != items_.end() ? known->second.liked_by : std::set<std::string>()};
    put.entity.creator = item.creator;
    put.entity.fields["price"] = item.price;
    if (item.open) {
      put.entity.created_at_open = true;
      if (known != items_.end() && known->second.open) item.created = known->second.created;
    } else {
      put.entity.created_at = item.created = random_time();
    }
    write(std::move(put));
    items_[key] = item;
  }

  base::Random* random_ = nullptr;
  int signals_ = 0;
  std::map<std::string, Item> items_;
  std::map<std::string, std::uint64_t> ordinals_;
  std::set<std::pair<std::string, std::string>> follows_{};  // user, creator
  std::set<std::string> friends_{};
};

RC_GTEST_PROP(Sources, GiveTheNewestOfWhatTheFiltersLeave, (std::uint64_t seed)) {
  base::Random random(seed);
  Walks walks;
  walks.random_history(random, random.below(700));
  for (const std::size_t limit : {1, 2, 7, 40, 500}) {
    for (const std::int64_t price_max : {0, 5, 60, 100}) {
      for (const bool scheduled : {false, true}) {
        for (const std::string source : {"following", "friends_liked", "following(depth:2"}) {
          RC_ASSERT(walks.asked(source, limit, price_max, scheduled) ==
                    walks.wanted(source, limit, price_max, scheduled));
        }
      }
    }
  }
}

}  // namespace
}  // namespace tidal::test
