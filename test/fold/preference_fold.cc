// Preference and interest vectors: each user's moves in a list, made one by one in doubles, kept as floats in between.
//
// The view adds in floats, so vectors agree to 1e-4 (a float's 6e-8 a move, and some hundreds of moves). Where a cosine
// is so near to 0.5 or to another one, or a weight to another, that rounding decides which interest moves, the user's
// interests are left out from there on and counted as undecided.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "test/fold/folds.h"
#include "test/fold/vector_fold.h"

namespace tidal::test::fold {

using wal::RecordType;

namespace {

constexpr double kVectorError = 1e-4;
constexpr double kCosineDoubt = 2e-5;
constexpr double kWeightDoubt = 1e-7;  // relative

struct Move {
  std::int64_t at = 0;
  double rate = 0;
  Vector about;
  std::size_t limit = 4;
};

struct Interest {
  Vector direction;
  double weight = 0;
  std::int64_t newest = 0;
  [[nodiscard]] double weight_at(std::int64_t now) const {
    const auto age = static_cast<double>(std::max<std::int64_t>(0, now - newest));
    return weight * std::exp2(-age / static_cast<double>(days(30).us));
  }
};

class Taste {
 public:
  Vector whole;  // empty: none
  std::vector<Interest> interests;
  std::uint32_t positives = 0;
  bool in_doubt = false;

  void make(const Move& move) {
    if (whole.empty() && move.rate < 0) return;
    const std::optional<Vector> direction = unit(as_doubles(move.about));
    if (!direction) return;
    if (move.rate > 0) ++positives;
    move_interests(move, *direction);
    if (whole.empty()) {
      whole = *direction;
    } else {
      step(whole, move);
    }
  }

 private:
  static void step(Vector& v, const Move& move) {
    std::vector<double> sum = as_doubles(v);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += move.rate * static_cast<double>(move.about[i]);
    if (const auto moved = unit(sum)) v = *moved;
  }
  [[nodiscard]] std::size_t weakest() {
    std::int64_t now = INT64_MIN;
    for (const Interest& each : interests) now = std::max(now, each.newest);
    std::size_t found = 0;
    for (std::size_t i = 1; i < interests.size(); ++i) {
      const double a = interests[found].weight_at(now);
      const double b = interests[i].weight_at(now);
      if (a != b && std::abs(a - b) < kWeightDoubt * std::max(a, b)) in_doubt = true;
      if (b < a) found = i;
    }
    return found;
  }
  void move_interests(const Move& move, const Vector& direction) {
    while (interests.size() > move.limit) interests.erase(interests.begin() + static_cast<std::ptrdiff_t>(weakest()));
    std::size_t nearest = interests.size();
    double best = 0;
    for (std::size_t i = 0; i < interests.size(); ++i) {
      const double cosine = dot(interests[i].direction, direction);
      if (std::abs(cosine - 0.5) < kCosineDoubt) in_doubt = true;
      if (cosine < 0.5) continue;
      if (nearest != interests.size() && std::abs(cosine - best) < kCosineDoubt) in_doubt = true;
      if (nearest != interests.size() && cosine <= best) continue;
      nearest = i;
      best = cosine;
    }
    if (nearest != interests.size()) {
      Interest& moved = interests[nearest];
      step(moved.direction, move);
      if (move.rate < 0) return;
      const std::int64_t reference = std::max(moved.newest, move.at);
      const auto lateness = static_cast<double>(reference - move.at) / static_cast<double>(days(30).us);
      moved.weight = moved.weight_at(reference) + move.rate * std::exp2(-lateness);
      moved.newest = reference;
      return;
    }
    if (move.rate < 0 || move.limit == 0) return;
    if (interests.size() == move.limit) nearest = weakest();
    if (nearest == interests.size()) interests.emplace_back();
    interests[nearest] = {direction, move.rate, move.at};
  }
};

std::map<Ordinal, std::vector<Move>> fold_moves(const Told& told) {
  std::map<Ordinal, std::vector<Move>> moves;
  VectorFold vectors(told);
  std::size_t limit = 4;
  for (const Happening& h : told.happenings) {
    vectors.take(h);
    if (h.deletes(EntityKind::User) || h.erases()) moves.erase(h.subject);
    if (h.is(RecordType::SchemaChange) && h.change->has_settings) {
      limit = static_cast<std::size_t>(h.change->settings.interest_vectors);
    }
    if (h.is_void || h.user == Ordinal::None) continue;
    const double rate = told.moves_of(h).preference;
    if (rate == 0) continue;
    if (const auto about = vectors.about(h)) moves[h.user].push_back({h.at.us, rate, *about, limit});
  }
  return moves;
}

void compare_vectors(const Vector& expected, std::span<const float> got, const std::string& what, Differences& out) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    out.near(static_cast<double>(expected[i]), static_cast<double>(got[i]), kVectorError, [&] { return what; });
  }
}

void compare_taste(const Told& told, const signal::Preferences& view, Ordinal user, const Taste& taste, Timestamp now,
                   Differences& out) {
  const auto what = [&] { return told.name(EntityKind::User, user); };
  Vector got(view.size());
  const bool has_one = view.vector(user, got);
  out.same(!taste.whole.empty(), has_one, what);
  out.same(taste.positives, view.positives(user), what);
  if (has_one && !taste.whole.empty()) compare_vectors(taste.whole, got, "preference of " + what(), out);
  if (taste.in_doubt) return out.undecided();
  const signal::Preferences::Interests interests = view.interests(user, now);
  out.same(taste.interests.size(), interests.count, what);
  if (taste.interests.size() != interests.count) return;
  for (std::size_t i = 0; i < interests.count; ++i) {
    compare_vectors(taste.interests[i].direction, interests.vector(i), "interest vector of " + what(), out);
    out.relative(taste.interests[i].weight_at(now.us), interests.weights[i],
                 [&] { return "weight of an interest vector of " + what(); });
  }
  const signal::Preferences::Matcher matcher = view.matcher(user);
  out.same(taste.whole.empty(), matcher.empty(), what);
  if (taste.whole.empty()) return;
  std::vector<double> along(view.size(), 1.0);
  along[0] = -2;
  const Vector candidate = unit(along).value();
  double best = taste.interests.empty() ? dot(taste.whole, candidate) : -2;
  for (const Interest& each : taste.interests) best = std::max(best, dot(each.direction, candidate));
  out.near(best, static_cast<double>(matcher.best(candidate)), 10 * kVectorError, what);
}

}  // namespace

void compare_preference(const Told& told, const db::Views& views, Timestamp now, Differences& out) {
  const signal::Preferences& view = views.preferences();
  std::map<Ordinal, Taste> tastes;
  std::size_t users = 0;
  for (const auto& [user, moves] : fold_moves(told)) {
    for (const Move& move : moves) tastes[user].make(move);
    if (!tastes[user].whole.empty()) ++users;
  }
  out.same(users, view.users(), [] { return "users with a preference"; });
  for (const Ordinal user : told.all(EntityKind::User)) {
    compare_taste(told, view, user, tastes[user], now, out);
  }
}

}  // namespace tidal::test::fold
