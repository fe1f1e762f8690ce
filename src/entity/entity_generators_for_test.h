// Random content and events for property tests: few keys and names, so that they meet often.
#pragma once

#include <rapidcheck.h>

#include <bit>

#include "entity/entity_history_for_test.h"

namespace tidal::entity {

inline rc::Gen<Timestamp> any_time() {
  return rc::gen::map(rc::gen::inRange<std::int64_t>(-1000, 1000), [](std::int64_t us) { return Timestamp{us}; });
}

inline rc::Gen<Value> any_value() {
  const auto text = rc::gen::arbitrary<std::string>();
  return rc::gen::oneOf(
      rc::gen::just(Value{}), rc::gen::map(rc::gen::arbitrary<bool>(), [](bool v) { return Value{v}; }),
      rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](std::int64_t v) { return Value{v}; }),
      rc::gen::map(rc::gen::arbitrary<double>(), [](double v) { return Value{v}; }),
      rc::gen::map(text, [](std::string v) { return Value{std::move(v)}; }),
      rc::gen::map(rc::gen::container<std::vector<std::string>>(text),
                   [](std::vector<std::string> v) { return Value{std::move(v)}; }),
      rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](std::int64_t v) { return Value{Timestamp{v}}; }),
      rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](std::int64_t v) { return Value{Duration{v}}; }));
}

inline rc::Gen<Fields> any_fields() {
  // Through a list: rapidcheck gives up on a map of more entries than there are names.
  return rc::gen::map(rc::gen::container<std::vector<std::pair<std::string, Value>>>(
                          rc::gen::pair(rc::gen::element<std::string>("", "a", "b", "title", "tags"), any_value())),
                      [](std::vector<std::pair<std::string, Value>> list) {
                        return Fields(std::make_move_iterator(list.begin()), std::make_move_iterator(list.end()));
                      });
}

/// Finite floats of any magnitude.
inline rc::Gen<float> any_component() {
  return rc::gen::map(rc::gen::arbitrary<std::uint32_t>(), [](std::uint32_t bits) {
    constexpr std::uint32_t kExponent = 0x7F800000;
    return std::bit_cast<float>((bits & kExponent) == kExponent ? bits & ~kExponent : bits);
  });
}

/// None in half of the cases.
inline rc::Gen<Embeddings> any_embeddings() {
  const auto vector = rc::gen::container<std::vector<float>>(any_component());
  return rc::gen::oneOf(rc::gen::just(Embeddings{}),
                        rc::gen::map(rc::gen::container<std::vector<std::pair<std::string, std::vector<float>>>>(
                                         rc::gen::pair(rc::gen::element<std::string>("", "content", "look"), vector)),
                                     [](std::vector<std::pair<std::string, std::vector<float>>> list) {
                                       return Embeddings(std::make_move_iterator(list.begin()),
                                                         std::make_move_iterator(list.end()));
                                     }));
}

template <class T>
rc::Gen<std::optional<T>> maybe(rc::Gen<T> gen) {
  return rc::gen::oneOf(rc::gen::just(std::optional<T>{}),
                        rc::gen::map(std::move(gen), [](T v) { return std::optional<T>(std::move(v)); }));
}

inline rc::Gen<EntityContent> any_content() {
  return rc::gen::apply(
      [](std::optional<std::string> creator, std::optional<Timestamp> created_at, Fields fields,
         Embeddings embeddings) {
        return EntityContent{std::move(creator), created_at, std::move(fields), std::move(embeddings)};
      },
      maybe(rc::gen::element<std::string>("", "c1", "c2")), maybe(any_time()), any_fields(), any_embeddings());
}

inline rc::Gen<TestEvent> any_event() {
  using wal::RecordType;
  return rc::gen::apply(
      [](RecordType type, EntityKind kind, int key, int user, Timestamp at, EntityContent content) {
        static constexpr const char* kKeys[][3] = {{"i1", "i2", "i3"}, {"u1", "u2", "u3"}, {"c1", "c2", "c3"}};
        TestEvent event{type, kind, kKeys[static_cast<int>(kind)][key], "", at, {}};
        if (type == RecordType::Signal) {
          if (user < 3) event.user = kKeys[1][user];
        } else if (type != RecordType::DeleteEntity) {
          event.content = std::move(content);
        }
        return event;
      },
      rc::gen::weightedElement<RecordType>({{4, RecordType::PutEntity},
                                            {3, RecordType::UpdateEntity},
                                            {1, RecordType::DeleteEntity},
                                            {3, RecordType::Signal}}),
      rc::gen::weightedElement<EntityKind>({{4, EntityKind::Item}, {1, EntityKind::User}, {1, EntityKind::Creator}}),
      rc::gen::inRange(0, 3), rc::gen::inRange(0, 4), any_time(), any_content());
}

}  // namespace tidal::entity
