// Rates, values and conditions to numbers.
#include "signal/effects.h"

#include <algorithm>

namespace tidal::signal {
namespace {

bool holds(const ValueTest& test, double value) {
  switch (test.op) {
    case ValueTest::Op::Eq: return value == test.threshold;
    case ValueTest::Op::Ne: return value != test.threshold;
    case ValueTest::Op::Lt: return value < test.threshold;
    case ValueTest::Op::Le: return value <= test.threshold;
    case ValueTest::Op::Gt: return value > test.threshold;
    case ValueTest::Op::Ge: return value >= test.threshold;
  }
  return false;
}

bool applies(const EffectDef& effect, std::optional<double> value) {
  return std::ranges::all_of(effect.when,
                             [&](const ValueTest& test) { return value.has_value() && holds(test, *value); });
}

void add(const EffectDef& effect, double rate, Effects& to) {
  switch (effect.kind) {
    case EffectDef::Kind::Preference: to.preference += rate; return;
    case EffectDef::Kind::Creator: to.creator += rate; return;
    case EffectDef::Kind::Affinity: to.affinity += rate; return;
    case EffectDef::Kind::Mark: to.marks |= 1U << static_cast<unsigned>(effect.mark); return;
  }
}

/// The sum of huge opposite rates may be no number.
double within_one(double rate) { return rate > -1.0 ? std::min(rate, 1.0) : rate <= -1.0 ? -1.0 : 0.0; }

Effects clamped(Effects effects) {
  effects.preference = within_one(effects.preference);
  effects.creator = within_one(effects.creator);
  effects.affinity = within_one(effects.affinity);
  return effects;
}

}  // namespace

Effects effects_of(const SignalDef& def, double weight, std::optional<double> value) {
  Effects out;
  for (const EffectDef& effect : def.effects) {
    if (!applies(effect, value)) continue;
    add(effect, effect.rate * weight * (effect.times_value ? value.value_or(0.0) : 1.0), out);
  }
  return clamped(out);
}

Effects undone_effects(const SignalDef& def) {
  Effects out;
  for (const EffectDef& effect : def.effects) {
    const bool needs_value = effect.times_value || !effect.when.empty();
    if (!needs_value && effect.kind != EffectDef::Kind::Mark) add(effect, -effect.rate, out);
  }
  return clamped(out);
}

Effects effects_of_event(const wal::WalEvent& event, const SignalDef& def) {
  switch (event.record.type) {
    case wal::RecordType::Signal:
      return effects_of(def, event.ids.weight, event.ids.has_value ? std::optional(event.ids.value) : std::nullopt);
    case wal::RecordType::Relate: return event.ids.stood ? Effects{} : effects_of(def, 1.0, std::nullopt);
    case wal::RecordType::Unsignal:
    case wal::RecordType::Unrelate: return event.ids.stood ? undone_effects(def) : Effects{};
    default: return {};
  }
}

}  // namespace tidal::signal
