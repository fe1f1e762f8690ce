// The image of interests and their facts for the digest.
//
// Image: format u8 = 1; ends of user and item ordinals, varints; number of fields, then each: name; terms that somebody
// has, in the order of their first use: count and strings; defaults; items with values, then of each its values; users
// with interests, then of each its terms, and of each term score f64 and newest event zigzag. Sets of ordinals and of
// positions of terms are differences (ordinal_list.h).
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/epoch.h"
#include "index/ordinal_list.h"
#include "schema/schema.h"
#include "signal/interests_state.h"

namespace tidal::signal {
namespace {

constexpr std::uint8_t kImageFormat = 1;

Error corrupt(std::string what) { return Error(Code::Corruption, "interests image: " + std::move(what)); }

using Ids = std::vector<std::uint32_t>;

/// Ids that are in use get dense numbers, in the same order.
class Renumbering {
 public:
  explicit Renumbering(std::uint32_t end) : used_(end) {}
  void use(std::uint32_t id) { used_[id] = true; }
  void finish() {
    numbers_.resize(used_.size());
    for (std::uint32_t id = 0; id < used_.size(); ++id) {
      numbers_[id] = static_cast<std::uint32_t>(kept_.size());
      if (used_[id]) kept_.push_back(id);
    }
  }
  [[nodiscard]] const Ids& kept() const { return kept_; }
  void encode(std::span<const std::uint32_t> ids, base::Encoder& out) const {
    std::vector<Ordinal> numbers;
    for (const std::uint32_t id : ids) numbers.push_back(to_ordinal(numbers_[id]));
    index::encode_ordinals(numbers, out);
  }

 private:
  std::vector<bool> used_;
  Ids numbers_;
  Ids kept_;
};

/// Ascending and below `end`, or `in` fails.
Ids decode_ids(base::Decoder& in, std::uint32_t end) {
  Ids ids;
  for (const Ordinal o : index::decode_ordinals(in, end)) ids.push_back(to_index(o));
  return ids;
}

}  // namespace

class Interests::StateCapture final : public Interests::Capture {
 public:
  explicit StateCapture(const State& state) {
    for (const auto& f : state.fields) fields_.push_back(std::make_unique<PastField>(*f));
  }

  [[nodiscard]] std::string encode() const override {
    base::Encoder fields;
    Ends ends;
    for (const auto& field : fields_) encode_field(*field, fields, ends);
    base::Encoder out;
    out.u8(kImageFormat);
    out.varint(ends.users);
    out.varint(ends.items);
    out.varint(fields_.size());
    out.raw(fields.str());
    return out.take();
  }

 private:
  struct PastField {
    explicit PastField(const Field& f)
        : field(f),
          defaults(f.defaults),
          term_end(f.terms.size()),
          items(f.items.capture()),
          user_end(f.user_end.load(std::memory_order_relaxed)),
          changed(f.past_users.begin()) {}
    const Field& field;
    Ids defaults;
    std::uint32_t term_end;
    ItemValues::Past items;
    std::uint32_t user_end;
    base::Captures<std::vector<ScoredTerm>>::Capture changed;

    [[nodiscard]] std::vector<ScoredTerm> interests_of(std::uint32_t user) const {
      const InterestTable* table = field.users.find(user);
      std::vector<ScoredTerm> entries = table == nullptr ? std::vector<ScoredTerm>() : table->entries();
      if (auto saved = changed.saved(user)) entries = *std::move(saved);  // S1: after the look at the live user
      return entries;
    }
  };
  struct Ends {
    std::uint64_t users = 0;
    std::uint64_t items = 0;
  };

  static void encode_field(const PastField& past, base::Encoder& out, Ends& ends) {
    Renumbering numbers(past.term_end);
    std::vector<Ordinal> items;
    std::vector<Ids> values;
    past.items.for_each_item([&](Ordinal item, std::span<const std::uint32_t> ids) {
      items.push_back(item);
      values.emplace_back(ids.begin(), ids.end());
      for (const std::uint32_t id : ids) numbers.use(id);
    });
    std::vector<Ordinal> users;
    std::vector<std::vector<ScoredTerm>> interests;
    for (std::uint32_t u = 0; u < past.user_end; ++u) {
      std::vector<ScoredTerm> entries = past.interests_of(u);
      if (entries.empty()) continue;
      for (const ScoredTerm& e : entries) numbers.use(e.term);
      users.push_back(to_ordinal(u));
      interests.push_back(std::move(entries));
    }
    for (const std::uint32_t id : past.defaults) numbers.use(id);
    numbers.finish();
    if (!items.empty()) ends.items = std::max<std::uint64_t>(ends.items, to_index(items.back()) + std::uint64_t{1});
    if (!users.empty()) ends.users = std::max<std::uint64_t>(ends.users, to_index(users.back()) + std::uint64_t{1});

    out.string(past.field.name);
    out.varint(numbers.kept().size());
    for (const std::uint32_t id : numbers.kept()) out.string(past.field.terms.term(id));
    numbers.encode(past.defaults, out);
    index::encode_ordinals(items, out);
    for (const Ids& ids : values) numbers.encode(ids, out);
    index::encode_ordinals(users, out);
    for (const std::vector<ScoredTerm>& entries : interests) {
      Ids ids;
      for (const ScoredTerm& e : entries) ids.push_back(e.term);
      numbers.encode(ids, out);
      for (const ScoredTerm& e : entries) {
        out.f64(e.decayed.score);
        out.zigzag(e.decayed.newest_us);
      }
    }
  }

  base::EpochPin pin_;  // first: it keeps the state, should clear() retire it, and the lists of its items
  std::vector<std::unique_ptr<PastField>> fields_;
};

std::unique_ptr<Interests::Capture> Interests::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

/// Reads one field's content into a fresh field; `in` fails on what encode() cannot have written.
class Interests::FieldReader {
 public:
  FieldReader(base::Decoder& in, Field& field) : in_(in), field_(field) {}

  void read(std::uint32_t user_end, std::uint32_t item_end) {
    const std::uint64_t terms = in_.varint();
    if (terms > in_.rest().size()) in_.fail();  // each takes at least one byte
    for (std::uint64_t i = 0; i < terms && in_.ok(); ++i) {
      const std::string_view term = in_.string();
      if (in_.ok() && field_.terms.intern(term) != i) in_.fail();  // one that was there
    }
    if (!in_.ok()) return;
    used_.resize(terms);
    field_.defaults = ids();
    for (const Ordinal item : index::decode_ordinals(in_, item_end)) {
      const Ids values = ids();
      if (values.empty()) in_.fail();
      if (!in_.ok()) return;
      field_.items.set(item, values);
    }
    for (const Ordinal user : index::decode_ordinals(in_, user_end)) {
      read_user(user);
      if (!in_.ok()) return;
    }
    if (std::ranges::find(used_, false) != used_.end()) in_.fail();
  }

 private:
  Ids ids() {
    Ids out = decode_ids(in_, static_cast<std::uint32_t>(used_.size()));
    for (const std::uint32_t id : out) used_[id] = true;
    return out;
  }
  void read_user(Ordinal user) {
    std::vector<ScoredTerm> entries;
    for (const std::uint32_t id : ids()) {
      const double score = in_.f64();
      const std::int64_t newest_us = in_.zigzag();
      if (!std::isfinite(score) || score < 0) in_.fail();
      if (!in_.ok()) return;
      entries.push_back({id, {score, newest_us}});
    }
    if (entries.empty()) in_.fail();
    if (in_.ok()) field_.grow_to(user).assign(entries);
  }

  base::Decoder& in_;
  Field& field_;
  std::vector<bool> used_;
};

Status Interests::restore(std::string_view image, const schema::Schema& schema,
                          const std::function<bool(EntityKind, Ordinal)>& is_known) {
  base::Decoder in(image);
  if (const std::uint8_t format = in.u8(); format != kImageFormat) return corrupt("format " + std::to_string(format));
  auto next = std::make_unique<State>();
  const std::uint64_t user_end = in.varint();
  const std::uint64_t item_end = in.varint();
  const auto beyond = [&](EntityKind kind, std::uint64_t end) {
    return end > to_index(Ordinal::None) ||
           (end > 0 && !is_known(kind, to_ordinal(static_cast<std::uint32_t>(end - 1))));
  };
  if (beyond(EntityKind::User, user_end)) return corrupt("unknown user " + std::to_string(user_end - 1));
  if (beyond(EntityKind::Item, item_end)) return corrupt("unknown item " + std::to_string(item_end - 1));
  const std::uint64_t fields = in.varint();
  for (std::uint64_t i = 0; i < fields && in.ok(); ++i) {
    const std::string_view name = in.string();
    const FieldDef* def = schema.field(EntityKind::Item, name);
    if (!in.ok() || def == nullptr || !def->interest || next->find(name) != nullptr) {
      return corrupt("field '" + std::string(name.substr(0, 64)) + "' does not fit the schema");
    }
    Field& field = next->add(static_cast<std::size_t>(def - schema.fields.data()), std::string(name));
    FieldReader(in, field).read(static_cast<std::uint32_t>(user_end), static_cast<std::uint32_t>(item_end));
  }
  if (!in.ok()) return corrupt("truncated or malformed");
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  next->publish();
  base::retire(state_.exchange(next.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

void Interests::for_each_fact(const std::function<void(const InterestFact&)>& visit) const {
  using Type = InterestFact::Type;
  for (const auto& f : state_.load(std::memory_order_relaxed)->fields) {
    visit({.type = Type::Field, .field = f->name});
    for (const std::uint32_t id : f->defaults) {
      visit({.type = Type::Default, .field = f->name, .value = f->terms.term(id)});
    }
    for (std::uint32_t i = 0; i < f->items.end(); ++i) {
      f->items.for_each(to_ordinal(i), [&](std::uint32_t id) {
        visit({.type = Type::ItemValue, .entity = to_ordinal(i), .field = f->name, .value = f->terms.term(id)});
      });
    }
    const std::uint32_t user_end = f->user_end.load(std::memory_order_relaxed);
    for (std::uint32_t u = 0; u < user_end; ++u) {
      for (const ScoredTerm& e : f->users[u].entries()) {
        visit({.type = Type::Score,
               .entity = to_ordinal(u),
               .field = f->name,
               .value = f->terms.term(e.term),
               .score = e.decayed.score,
               .newest_us = e.decayed.newest_us});
      }
    }
  }
}

}  // namespace tidal::signal
