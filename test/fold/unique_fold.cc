// Distinct users: sets of users by sub-window. Exact where sets are; where a set is a sketch, the documented estimate
// of the documented sketch, worked out here anew, within 1.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "test/fold/folds.h"

namespace tidal::test::fold {

using wal::RecordType;

namespace {

using Users = std::set<Ordinal>;
constexpr std::size_t kExactMax = 64;

struct Sent {
  Ordinal user = Ordinal::None;
  std::int64_t at = 0;
};
using Pair = std::tuple<EntityKind, std::size_t, Ordinal>;  // signal, entity

std::map<Pair, std::vector<Sent>> fold_senders(const Told& told) {
  std::map<Pair, std::vector<Sent>> sent;
  for (const Happening& h : told.happenings) {
    if (h.is(RecordType::DeleteEntity)) {
      for (std::size_t s = 0; s < told.definitions.signals.size(); ++s) sent.erase({h.kind, s, h.subject});
    }
    if (!h.counts() || h.user == Ordinal::None || !told.signal(h).unique || h.kind == EntityKind::User) continue;
    sent[{h.kind, h.signal, h.subject}].push_back({h.user, h.at.us});
    if (h.kind == EntityKind::Item && h.creator != Ordinal::None) {
      sent[{EntityKind::Creator, h.signal, h.creator}].push_back({h.user, h.at.us});
    }
  }
  return sent;
}

/// HyperLogLog of 512 registers by Ertl's improved estimator, docs/distinct_users.md.
double estimate(const Users& users) {
  constexpr int kRegisters = 512;
  std::array<int, kRegisters> ranks{};
  for (const Ordinal user : users) {
    std::uint64_t z = (std::uint64_t{to_index(user)} + 1) * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    z ^= z >> 31;
    int rank = 1;
    while (rank <= 55 && (z >> (55 - rank) & 1) == 0) ++rank;
    int& of = ranks[z >> 55];
    of = std::max(of, rank);
  }
  std::array<double, 57> having{};
  for (const int rank : ranks) ++having[static_cast<std::size_t>(rank)];
  const double m = kRegisters;
  double low = having[0] / m;  // sigma
  double sigma = low;
  for (double step = 1; low > 0 && step < 1e15; step *= 2) {
    low *= low;
    sigma += low * step;
  }
  double high = 1 - having[56] / m;
  double tau = 1 - high;
  for (int k = 1; k < 60; ++k) {
    high = std::sqrt(high);
    tau -= (1 - high) * (1 - high) * std::ldexp(1.0, -k);
  }
  double sum = m * (tau / 3) * std::ldexp(1.0, -55) + m * sigma;
  for (int k = 1; k <= 55; ++k) sum += having[static_cast<std::size_t>(k)] * std::ldexp(1.0, -k);
  return std::max(65.0, std::floor(m * m / (2 * std::log(2.0) * sum) + 0.5));
}

struct Answer {
  double users = 0;
  bool is_estimate = false;
};

Answer count(const std::vector<Sent>& sent, Window w, Timestamp now) {
  std::map<std::int64_t, Users> sets;
  if (w == Window::All) {
    for (const Sent& s : sent) sets[0].insert(s.user);
  } else {
    const double width = static_cast<double>(window_span(w).us) / 8;
    const auto sub_window = [width](std::int64_t at) {
      return static_cast<std::int64_t>(std::floor(static_cast<double>(at) / width));
    };
    for (const Sent& s : sent) sets[sub_window(s.at)].insert(s.user);
    const std::int64_t newest = sets.empty() ? 0 : sets.rbegin()->first;
    const std::int64_t last = sub_window(now.us);
    std::erase_if(
        sets, [&](const auto& set) { return set.first <= newest - 8 || set.first > last || set.first <= last - 8; });
  }
  Users all;
  bool is_estimate = false;
  for (const auto& [number, users] : sets) {
    all.insert(users.begin(), users.end());
    if (users.size() > kExactMax) is_estimate = true;
  }
  if (is_estimate) return {estimate(all), true};
  return {static_cast<double>(all.size()), false};
}

}  // namespace

void compare_uniques(const Told& told, const db::Views& views, Timestamp now, Differences& out) {
  const std::map<Pair, std::vector<Sent>> sent = fold_senders(told);
  static const std::vector<Sent> kNone;
  for (const EntityKind kind : {EntityKind::Item, EntityKind::Creator}) {
    const std::vector<Ordinal> all = told.all(kind);
    std::vector<double> got(all.size());
    for (std::size_t s = 0; s < told.definitions.signals.size(); ++s) {
      const SignalDef& def = told.definitions.signals[s];
      if (!def.unique) continue;
      std::vector<Window> windows = def.windows;
      windows.push_back(Window::All);
      for (const Window w : windows) {
        views.uniques().uniques({.kind = kind, .signal = static_cast<std::uint16_t>(s), .window = w, .now = now}, all,
                                got);
        for (const Ordinal o : all) {
          const auto found = sent.find({kind, s, o});
          const Answer answer = count(found == sent.end() ? kNone : found->second, w, now);
          out.near(answer.users, got[to_index(o)], answer.is_estimate ? 1 : 0,
                   [&] { return def.name + ".unique(" + std::string(window_name(w)) + ") of " + told.name(kind, o); });
        }
      }
    }
  }
}

}  // namespace tidal::test::fold
