// The image of the field index, its facts for the digest, and its self-check.
//
// Image: format u8 = 1; then for each kind: live ordinals; name of the text field, then ordinals with a sort key and
// the keys u64; number of fields, then each: name, type u8, postings or column. Ordinals as differences
// (ordinal_list.h).
#include <array>
#include <bit>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/epoch.h"
#include "index/field_index_state.h"
#include "index/ordinal_list.h"
#include "schema/schema.h"

namespace tidal::index {
namespace {

constexpr std::uint8_t kImageFormat = 1;

Error corrupt(std::string what) { return Error(Code::Corruption, "field index image: " + std::move(what)); }

}  // namespace

class FieldIndex::StateCapture final : public FieldIndex::Capture {
 public:
  explicit StateCapture(const State& state) {
    for (std::size_t k = 0; k < kEntityKinds; ++k) {
      const KindState& from = state.kinds[k];
      Kind& to = kinds_[k];
      to.live = from.live.capture();
      to.text_name = from.text.name;
      to.text_keys.emplace(from.text_keys.capture());
      for (const auto& f : from.fields) {
        Field field{.name = f->def.name, .type = f->def.type, .keywords = {}, .numbers = {}};
        if (f->numbers) {
          field.numbers.emplace(f->numbers->capture());
        } else {
          field.keywords = f->keywords->capture();
        }
        to.fields.push_back(std::move(field));
      }
    }
  }

  [[nodiscard]] std::string encode() const override {
    base::Encoder out;
    out.u8(kImageFormat);
    for (const Kind& kind : kinds_) {
      encode_ordinals(kind.live.to_vector(), out);
      out.string(kind.text_name);
      const std::vector<std::uint64_t> text_keys = kind.text_keys->copy();
      std::vector<Ordinal> texts;
      for (std::uint32_t i = 0; i < text_keys.size(); ++i) {
        if (text_keys[i] != 0) texts.push_back(to_ordinal(i));
      }
      encode_ordinals(texts, out);
      for (const Ordinal o : texts) out.u64(~text_keys[to_index(o)]);
      out.varint(kind.fields.size());
      for (const Field& f : kind.fields) {
        out.string(f.name);
        out.u8(static_cast<std::uint8_t>(f.type));
        if (f.type == FieldType::Keyword || f.type == FieldType::KeywordList) {
          encode_postings(f.keywords, out);
        } else {
          encode_numbers(*f.numbers, out);
        }
      }
    }
    return out.take();
  }

 private:
  struct Field {
    std::string name;
    FieldType type;
    std::vector<KeywordPostings::CapturedValue> keywords;
    std::optional<NumberColumn::Past> numbers;
  };
  struct Kind {
    LiveBitmap::Capture live;
    std::string text_name;
    std::optional<base::WordColumn<std::uint64_t>::Past> text_keys;  // as stored: complements
    std::vector<Field> fields;
  };
  base::EpochPin pin_;  // first: what follows points into pinned versions, and into a state that clear() would retire
  std::array<Kind, kEntityKinds> kinds_;
};

std::unique_ptr<FieldIndex::Capture> FieldIndex::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

Status FieldIndex::restore(std::string_view image, const schema::Schema& schema,
                           const std::function<bool(EntityKind, Ordinal)>& is_known) {
  base::Decoder in(image);
  if (const std::uint8_t format = in.u8(); format != kImageFormat) return corrupt("format " + std::to_string(format));
  auto next = std::make_unique<State>();
  for (std::size_t k = 0; k < kEntityKinds; ++k) {
    const auto kind = static_cast<EntityKind>(k);
    KindState& state = next->kinds[k];
    const std::vector<Ordinal> live = decode_ordinals(in, to_index(Ordinal::None));
    if (!live.empty() && !is_known(kind, live.back())) {
      return corrupt("unknown " + std::string(kind_name(kind)) + " " + std::to_string(to_index(live.back())));
    }
    const std::uint32_t end = live.empty() ? 0 : to_index(live.back()) + 1;

    if (const std::string_view text = in.string(); !text.empty()) {
      const FieldDef* def = schema.field(kind, text);
      if (def == nullptr || def->type != FieldType::Text) return corrupt("no text field " + std::string(text));
      state.text = *def;
    }
    for (const Ordinal o : decode_ordinals(in, end)) {
      const std::uint64_t key = in.u64();
      if (~key == 0) in.fail();
      if (!in.ok()) break;
      state.text_keys.set(to_index(o), ~key);
    }

    const std::uint64_t field_count = in.varint();
    for (std::uint64_t i = 0; i < field_count && in.ok(); ++i) {
      const std::string_view name = in.string();
      const std::uint8_t type = in.u8();
      const FieldDef* def = schema.field(kind, name);
      if (!in.ok() || def == nullptr || !def->indexed || static_cast<std::uint8_t>(def->type) != type ||
          !state.adopt(*def)) {
        return corrupt("field '" + std::string(name.substr(0, 64)) + "' does not fit the schema");
      }
      IndexedField& field = *state.fields.back();
      TIDAL_TRY(field.numbers ? field.numbers->decode(in, end) : field.keywords->decode(in, end));
    }
    if (!in.ok()) return corrupt("truncated");
    state.live.assign(live);  // last, so that adopt() found nobody to give a default to
    for (const Ordinal o : live) state.live_bits.at_grown(to_index(o) / 64) |= std::uint64_t{1} << (to_index(o) % 64);
    state.publish();
  }
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  base::retire(state_.exchange(next.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

void FieldIndex::for_each_fact(const std::function<void(const IndexFact&)>& visit) const {
  using Type = IndexFact::Type;
  State& state = *state_.load(std::memory_order_relaxed);
  for (std::size_t k = 0; k < kEntityKinds; ++k) {
    const auto kind = static_cast<EntityKind>(k);
    const KindState& s = state.kinds[k];
    for (const Ordinal o : s.live.to_vector()) {
      visit({Type::Live, kind, o, "", "", 0});
      if (const std::uint64_t key = s.text_keys.get(to_index(o))) {
        visit({Type::TextSortKey, kind, o, s.text.name, "", ~key});
      }
    }
    for (const auto& f : s.fields) {
      if (f->numbers) {
        for (const auto& [o, number] : f->numbers->all()) {
          visit({Type::Number, kind, o, f->def.name, "", std::bit_cast<std::uint64_t>(number)});
        }
        continue;
      }
      f->keywords->for_each_value([&](std::string_view value, const std::vector<Ordinal>& entities) {
        for (const Ordinal o : entities) visit({Type::Keyword, kind, o, f->def.name, value, 0});
      });
      for (const Ordinal o : f->keywords->having().to_vector()) {
        visit({Type::HasKeywords, kind, o, f->def.name, "", 0});
      }
    }
  }
}

Status FieldIndex::validate() const {
  for (const KindState& kind : state_.load(std::memory_order_relaxed)->kinds) {
    const Bitmap live = kind.live.snapshot();
    if (live.cardinality() != kind.live.cardinality()) return Error(Code::Internal, "field index: live count is wrong");
    for (const auto& f : kind.fields) {
      if (f->keywords) TIDAL_TRY(f->keywords->validate());
      Bitmap dead = f->numbers ? f->numbers->having() : f->keywords->having();
      dead -= live;
      if (!dead.empty()) return Error(Code::Internal, "field index: dead entities in field " + f->def.name);
    }
  }
  return {};
}

}  // namespace tidal::index
