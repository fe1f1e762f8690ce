// Reads and writes of the field index.
#include "index/field_index.h"

#include <algorithm>
#include <optional>

#include "base/epoch.h"
#include "index/field_index_state.h"
#include "schema/schema.h"

namespace tidal::index {
namespace {

bool is_keyword(FieldType type) { return type == FieldType::Keyword || type == FieldType::KeywordList; }

/// Nothing for a value that is no number.
std::optional<double> number_of(const Value& value) {
  if (const auto* b = std::get_if<bool>(&value)) return *b ? 1.0 : 0.0;
  if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&value)) return *d;
  if (const auto* t = std::get_if<Timestamp>(&value)) return static_cast<double>(t->us);
  if (const auto* d = std::get_if<Duration>(&value)) return static_cast<double>(d->us);
  return std::nullopt;
}

const Value* find_value(const Fields& fields, std::string_view name) {
  const auto it = fields.find(name);
  return it == fields.end() ? nullptr : &it->second;
}

}  // namespace

std::uint64_t text_sort_key(std::string_view text) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < sizeof key; ++i) {
    auto c = i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
    if (c >= 'A' && c <= 'Z') c = static_cast<unsigned char>(c - 'A' + 'a');
    key = key << 8 | c;
  }
  return key;
}

// IndexedField

FieldIndex::IndexedField::IndexedField(const FieldDef& d) : def(d) {
  if (is_keyword(def.type)) {
    keywords = std::make_unique<KeywordPostings>();
  } else {
    numbers = std::make_unique<NumberColumn>();
  }
}

void FieldIndex::IndexedField::set(Ordinal o, const Value* value) {
  if (value != nullptr && set_explicit(o, *value)) return;
  if (!set_explicit(o, def.default_value)) clear(o);
}

bool FieldIndex::IndexedField::set_explicit(Ordinal o, const Value& value) {
  if (numbers != nullptr) {
    const std::optional<double> number = number_of(value);
    if (number) numbers->set(o, *number);
    return number.has_value();
  }
  if (const auto* one = std::get_if<std::string>(&value)) {
    const std::string_view view = *one;
    keywords->set(o, {&view, 1});
    return true;
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    const std::vector<std::string_view> views(list->begin(), list->end());
    keywords->set(o, views);
    return true;
  }
  return false;
}

void FieldIndex::IndexedField::clear(Ordinal o) {
  if (numbers != nullptr) {
    numbers->set(o, NumberColumn::kNone);
  } else {
    keywords->set(o, {});
  }
}

// KindState

bool FieldIndex::KindState::make_live(Ordinal o) {
  std::uint64_t& word = live_bits.at_grown(to_index(o) / 64);
  const std::uint64_t bit = std::uint64_t{1} << (to_index(o) % 64);
  if ((word & bit) != 0) return false;
  word |= bit;
  return live.add(o);
}

bool FieldIndex::KindState::make_dead(Ordinal o) {
  std::uint64_t* word = live_bits.find(to_index(o) / 64);
  const std::uint64_t bit = std::uint64_t{1} << (to_index(o) % 64);
  if (word == nullptr || (*word & bit) == 0) return false;
  *word &= ~bit;
  return live.remove(o);
}

void FieldIndex::KindState::publish() {
  auto next = std::make_unique<Directory>();
  for (const auto& f : fields) next->fields.push_back(f.get());
  // release: pairs with the acquire in find(), so that readers see the fields and their defaults.
  const Directory* old = directory.exchange(next.release(), std::memory_order_release);
  if (old != nullptr) base::retire(old);
}

bool FieldIndex::KindState::adopt(const FieldDef& def) {
  if (def.type == FieldType::Text) {
    if (text.name.empty()) {
      text = def;
      for (const Ordinal o : live.to_vector()) set_text(o, nullptr);
    }
    return false;
  }
  if (!def.indexed) return false;
  for (const auto& f : fields) {
    if (f->def.name == def.name) return false;
  }
  fields.push_back(std::make_unique<IndexedField>(def));
  if (!std::holds_alternative<std::monostate>(def.default_value)) {
    for (const Ordinal o : live.to_vector()) fields.back()->set(o, nullptr);
  }
  return true;
}

void FieldIndex::KindState::set_text(Ordinal o, const Value* value) {
  const auto* given = value != nullptr ? std::get_if<std::string>(value) : nullptr;
  if (given == nullptr) given = std::get_if<std::string>(&text.default_value);
  if (given == nullptr) return clear_text(o);
  text_keys.set(to_index(o), ~text_sort_key(*given));
}

void FieldIndex::KindState::clear_text(Ordinal o) { text_keys.set(to_index(o), 0); }

// Reads. Each holds a guard for as long as it uses the state.

FieldIndex::FieldIndex() : state_(new State) {}
FieldIndex::~FieldIndex() { delete state_.load(std::memory_order_relaxed); }

const FieldIndex::IndexedField* FieldIndex::find(EntityKind kind, std::string_view field) const {
  // acquire: pairs with the exchange in clear() and restore(), then with publish().
  const Directory* directory =
      state_.load(std::memory_order_acquire)->of(kind).directory.load(std::memory_order_acquire);
  if (directory == nullptr) return nullptr;
  for (const IndexedField* f : directory->fields) {
    if (f->def.name == field) return f;
  }
  return nullptr;
}

Bitmap FieldIndex::live(EntityKind kind) const {
  const base::EpochGuard guard;
  return state_.load(std::memory_order_acquire)->of(kind).live.snapshot();
}

std::uint64_t FieldIndex::live_count(EntityKind kind) const {
  const base::EpochGuard guard;
  return state_.load(std::memory_order_acquire)->of(kind).live.cardinality();
}

bool FieldIndex::is_live(EntityKind kind, Ordinal o) const {
  const base::EpochGuard guard;
  return state_.load(std::memory_order_acquire)->of(kind).live.contains(o);
}

bool FieldIndex::is_indexed(EntityKind kind, std::string_view field) const {
  const base::EpochGuard guard;
  return find(kind, field) != nullptr;
}

Bitmap FieldIndex::with_keyword(EntityKind kind, std::string_view field, std::string_view value) const {
  const base::EpochGuard guard;
  const IndexedField* f = find(kind, field);
  return f != nullptr && f->keywords ? f->keywords->with(value) : Bitmap();
}

std::uint64_t FieldIndex::count_keyword(EntityKind kind, std::string_view field, std::string_view value) const {
  const base::EpochGuard guard;
  const IndexedField* f = find(kind, field);
  return f != nullptr && f->keywords ? f->keywords->count(value) : 0;
}

Bitmap FieldIndex::in_range(EntityKind kind, std::string_view field, NumberRange range) const {
  const base::EpochGuard guard;
  const IndexedField* f = find(kind, field);
  return f != nullptr && f->numbers ? f->numbers->in_range(range) : Bitmap();
}

Bitmap FieldIndex::having(EntityKind kind, std::string_view field) const {
  const base::EpochGuard guard;
  const IndexedField* f = find(kind, field);
  if (f == nullptr) return {};
  return f->numbers ? f->numbers->having() : f->keywords->having();
}

void FieldIndex::numbers(EntityKind kind, std::string_view field, std::span<const Ordinal> ordinals, double missing,
                         std::span<double> out) const {
  const base::EpochGuard guard;
  const IndexedField* f = find(kind, field);
  if (f != nullptr && f->numbers) {
    f->numbers->gather(ordinals, missing, out);
  } else {
    std::fill(out.begin(), out.end(), missing);
  }
}

void FieldIndex::text_sort_keys(EntityKind kind, std::span<const Ordinal> ordinals,
                                std::span<std::uint64_t> out) const {
  const base::EpochGuard guard;
  const auto& keys = state_.load(std::memory_order_acquire)->of(kind).text_keys;
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    out[i] = ordinals[i] == Ordinal::None ? ~std::uint64_t{0} : ~keys.get(to_index(ordinals[i]));
  }
}

std::vector<std::pair<std::string, std::uint64_t>> FieldIndex::top_keywords(EntityKind kind, std::string_view field,
                                                                            std::size_t n) const {
  const base::EpochGuard guard;
  const IndexedField* f = find(kind, field);
  if (f == nullptr || !f->keywords) return {};
  return f->keywords->top(n);
}

// Writes. Only this thread replaces the state, so it needs no guard.

void FieldIndex::configure(const schema::Schema& schema) {
  State& state = *state_.load(std::memory_order_relaxed);
  std::array<bool, kEntityKinds> changed{};
  for (const FieldDef& def : schema.fields) {
    if (state.of(def.kind).adopt(def)) changed[static_cast<std::size_t>(def.kind)] = true;
  }
  for (std::size_t k = 0; k < kEntityKinds; ++k) {
    if (changed[k]) state.kinds[k].publish();
  }
}

void FieldIndex::ensure_live(EntityKind kind, Ordinal o) {
  KindState& state = state_.load(std::memory_order_relaxed)->of(kind);
  if (!state.make_live(o)) return;
  for (const auto& f : state.fields) f->set(o, nullptr);
  state.set_text(o, nullptr);
}

void FieldIndex::put(EntityKind kind, Ordinal o, const Fields& fields) {
  KindState& state = state_.load(std::memory_order_relaxed)->of(kind);
  for (const auto& f : state.fields) f->set(o, find_value(fields, f->def.name));
  state.set_text(o, find_value(fields, state.text.name));
  state.make_live(o);
}

void FieldIndex::update(EntityKind kind, Ordinal o, const Fields& fields) {
  ensure_live(kind, o);
  KindState& state = state_.load(std::memory_order_relaxed)->of(kind);
  for (const auto& f : state.fields) {
    if (const Value* value = find_value(fields, f->def.name)) f->set(o, value);
  }
  if (const Value* value = find_value(fields, state.text.name)) state.set_text(o, value);
}

void FieldIndex::remove(EntityKind kind, Ordinal o) {
  KindState& state = state_.load(std::memory_order_relaxed)->of(kind);
  if (!state.make_dead(o)) return;
  for (const auto& f : state.fields) f->clear(o);
  state.clear_text(o);
}

void FieldIndex::clear() {
  // release: pairs with the readers' acquire.
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));
}

std::size_t FieldIndex::memory_bytes() const {
  const base::EpochGuard guard;
  std::size_t bytes = sizeof(State);
  for (const KindState& kind : state_.load(std::memory_order_acquire)->kinds) {
    bytes += kind.live.heap_bytes() + kind.live_bits.memory_bytes() + kind.text_keys.memory_bytes();
    const Directory* directory = kind.directory.load(std::memory_order_acquire);
    if (directory == nullptr) continue;
    for (const IndexedField* f : directory->fields) {
      bytes += sizeof *f + (f->numbers ? f->numbers->memory_bytes() : f->keywords->memory_bytes());
    }
  }
  return bytes;
}

}  // namespace tidal::index
