// Vectors and catalogues beside the embeddings' view. Vectors are compared bit for bit, catalogues within 1e-5: the
// view keeps a running sum, the fold adds up anew.
#include "test/fold/vector_fold.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "test/fold/folds.h"

namespace tidal::test::fold {

using wal::RecordType;

float rounded_to_half(float x) {
  if (x == 0 || !std::isfinite(x)) return x;
  const int exponent = std::max(std::ilogb(x), -14);
  const double quantum = std::ldexp(1.0, exponent - 10);
  const double rounded = std::nearbyint(static_cast<double>(x) / quantum) * quantum;  // ties to even
  if (std::abs(rounded) > 65504) return std::copysign(std::numeric_limits<float>::infinity(), x);
  return static_cast<float>(rounded);
}

std::optional<Vector> unit(const std::vector<double>& v) {
  double squares = 0;
  for (const double x : v) squares += x * x;
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm) || norm < 1e-6) return std::nullopt;
  Vector out;
  for (const double x : v) out.push_back(static_cast<float>(x / norm));
  return out;
}

std::vector<double> as_doubles(const Vector& v) { return {v.begin(), v.end()}; }

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

const Vector* VectorFold::vector(std::size_t slot, Ordinal o) const {
  const auto found = vectors_.find({slot, o});
  return found == vectors_.end() ? nullptr : &found->second;
}

std::size_t VectorFold::preference_slot() const {
  const auto& slots = told_.definitions.embeddings;
  std::size_t i = 0;
  while (i < slots.size() && !(slots[i].preference && slots[i].kind == EntityKind::Item)) ++i;
  return i;
}

const std::set<Ordinal>& VectorFold::items_of(Ordinal creator) const {
  static const std::set<Ordinal> kNone;
  const auto found = contributing_.find(creator);
  return found == contributing_.end() ? kNone : found->second;
}

std::vector<double> VectorFold::mean_of(Ordinal creator) const {
  std::vector<double> mean;
  const std::set<Ordinal>& items = items_of(creator);
  for (const Ordinal item : items) {
    const Vector& v = *vector(preference_slot(), item);
    mean.resize(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) mean[i] += static_cast<double>(v[i]);
  }
  for (double& x : mean) x /= static_cast<double>(items.size());
  return mean;
}

std::optional<Vector> VectorFold::about(const Happening& h) const {
  if (preference_slot() == told_.definitions.embeddings.size()) return std::nullopt;
  if (h.kind == EntityKind::Creator) return unit(mean_of(h.subject));
  if (h.kind == EntityKind::User) return std::nullopt;
  const Vector* v = vector(preference_slot(), h.subject);
  return v == nullptr ? std::nullopt : std::optional(*v);
}

void VectorFold::remove(EntityKind kind, Ordinal o) {
  const auto& slots = told_.definitions.embeddings;
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (slots[s].kind == kind) vectors_.erase({s, o});
  }
  if (kind == EntityKind::Item) contribute(o, Ordinal::None);
}

void VectorFold::contribute(Ordinal item, Ordinal creator) {
  if (const auto before = contributes_to_.find(item); before != contributes_to_.end()) {
    contributing_[before->second].erase(item);
    contributes_to_.erase(before);
  }
  if (creator == Ordinal::None) return;
  contributing_[creator].insert(item);
  contributes_to_[item] = creator;
}

void VectorFold::take(const Happening& h) {
  if (h.erases()) return remove(EntityKind::User, h.subject);
  if (h.is(RecordType::DeleteEntity)) return remove(h.kind, h.subject);
  const bool is_put = h.is(RecordType::PutEntity);
  if (!is_put && !h.is(RecordType::UpdateEntity)) return;
  const auto& slots = told_.definitions.embeddings;
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (slots[s].kind != h.kind) continue;
    const auto named = h.content->embeddings.find(slots[s].name);
    const bool fits = named != h.content->embeddings.end() && named->second.size() == slots[s].size;
    const bool is_removed = named != h.content->embeddings.end() && named->second.empty();
    if (is_put || is_removed) vectors_.erase({s, h.subject});
    if (!fits) continue;
    Vector v = named->second;
    if (slots[s].storage == VectorStorage::F16) std::ranges::transform(v, v.begin(), rounded_to_half);
    vectors_[{s, h.subject}] = std::move(v);
  }
  if (h.kind != EntityKind::Item) return;
  contribute(h.subject, vector(preference_slot(), h.subject) == nullptr ? Ordinal::None : h.creator);
}

void compare_embeddings(const Told& told, const db::Views& views, Timestamp /*now*/, Differences& out) {
  VectorFold fold(told);
  for (const Happening& h : told.happenings) fold.take(h);
  const entity::EmbeddingStore& store = views.embeddings();
  const auto& slots = told.definitions.embeddings;
  for (std::size_t s = 0; s < slots.size(); ++s) {
    const std::vector<Ordinal> all = told.all(slots[s].kind);
    const Vector query(slots[s].size, 0.25F);
    std::vector<double> dots(all.size());
    store.dots(s, query, all, -9, dots);
    std::uint32_t count = 0;
    for (const Ordinal o : all) {
      const auto what = [&] { return slots[s].name + " of " + told.name(slots[s].kind, o); };
      const Vector* expected = fold.vector(s, o);
      out.same(expected != nullptr, store.has(s, o), what);
      out.near(expected == nullptr ? -9 : dot(*expected, query), dots[to_index(o)], 1e-4, what);
      if (expected == nullptr) continue;
      ++count;
      Vector got(slots[s].size);
      out.same(true, store.vector(s, o, got), what);
      out.same(*expected, got, what);
    }
    out.same(count, store.count(s), [&] { return "vectors in " + slots[s].name; });
  }
  const std::size_t slot = fold.preference_slot();
  if (slot == slots.size()) return;
  for (const Ordinal creator : told.all(EntityKind::Creator)) {
    const auto what = [&] { return "catalogue of " + told.name(EntityKind::Creator, creator); };
    out.same(static_cast<std::uint32_t>(fold.items_of(creator).size()), store.catalogue_items(creator), what);
    const std::optional<Vector> expected = unit(fold.mean_of(creator));
    Vector got(slots[slot].size);
    const bool has_one = store.catalogue_vector(creator, got);
    out.same(expected.has_value(), has_one, what);
    if (!expected || !has_one) continue;
    for (std::size_t i = 0; i < got.size(); ++i) {
      out.near(static_cast<double>((*expected)[i]), static_cast<double>(got[i]), 1e-5, what);
    }
  }
}

}  // namespace tidal::test::fold
