// The table of marks against a map.
#include "signal/mark_table.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "base/random.h"

namespace tidal::signal {
namespace {

RC_GTEST_PROP(MarkTable, EqualsAMap, (std::uint64_t seed)) {
  base::Random random(seed);
  MarkTable table;
  std::map<std::uint64_t, std::int64_t> model;
  const int steps = *rc::gen::element(10, 300, 3000);
  const auto random_key = [&] {
    return mark_key(static_cast<std::uint8_t>(random.below(4)),
                    to_ordinal(static_cast<std::uint32_t>(random.below(200))),
                    static_cast<std::uint16_t>(random.below(2)));
  };
  for (int i = 0; i < steps; ++i) {
    const std::uint64_t key = random_key();
    const std::uint64_t what = random.below(200);
    if (what < 150) {
      model[key] = i;
      table.set(key, i, 0);
    } else if (what == 199) {
      const KeyRange range = keys_of_slot(slot_of(key));
      table.erase(range);
      std::erase_if(model, [&](const auto& e) { return e.first >= range.first && e.first < range.end; });
    }
    const auto known = model.find(key);
    RC_ASSERT(table.get(key) == (known == model.end() ? std::nullopt : std::optional(known->second)));
    const KeyRange range = keys_of_item(slot_of(key), item_of(key));
    std::optional<std::int64_t> max;
    for (const auto& [k, word] : model) {
      if (k >= range.first && k < range.end && (!max || word > *max)) max = word;
    }
    RC_ASSERT(table.max_in(range) == max);
  }
  std::vector<MarkEntry> expected;
  for (const auto& [key, word] : model) expected.push_back({key, word});
  RC_ASSERT(table.all() == expected);

  // Many at once, in any order: forwards, backwards, repeated.
  std::vector<Ordinal> items(*rc::gen::inRange(0, 300));
  for (Ordinal& item : items) item = to_ordinal(static_cast<std::uint32_t>(random.below(210)));
  if (random.coin()) std::sort(items.begin(), items.end());
  const auto slot = static_cast<std::uint8_t>(random.below(4));
  std::vector<std::int64_t> words(items.size());
  table.words_of(slot, items, -7, words);
  for (std::size_t i = 0; i < items.size(); ++i) {
    RC_ASSERT(words[i] == table.get(mark_key(slot, items[i], 0)).value_or(-7));
  }
}

}  // namespace
}  // namespace tidal::signal
