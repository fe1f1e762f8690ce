// Refusals of vectors that a slot cannot hold, and normalisation.
#include "entity/embedding_check.h"

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "base/vector_math.h"

namespace tidal::entity {
namespace {

/// The largest half. What lies beyond it is refused though a little of it would still round to it.
constexpr float kHalfMax = 65504.0F;

/// How far from 1 the squared norm of a vector may lie that was divided by its norm: each number is rounded to a float.
constexpr double kUnitSlack = 1e-6;

Error refusal(const EmbeddingDef& slot, const std::string& expected, const std::string& got) {
  return Error(Code::InvalidArgument, "embedding " + std::string(kind_name(slot.kind)) + "." + slot.name +
                                          ": expected " + expected + ", got " + got);
}

/// The shortest text that reads as the same float.
std::string text_of(float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-infinity" : "infinity";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

}  // namespace

Result<std::vector<float>> prepared_vector(const EmbeddingDef& slot, std::vector<float> vector) {
  if (vector.size() != slot.size) {
    return refusal(slot, std::to_string(slot.size) + " numbers", std::to_string(vector.size()));
  }
  const bool halves = slot.storage == VectorStorage::F16;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const bool fits = halves ? std::abs(vector[i]) <= kHalfMax : std::isfinite(vector[i]);
    if (fits) continue;
    const std::string expected =
        halves && std::isfinite(vector[i]) ? "numbers from -65504 to 65504 (storage f16)" : "finite numbers";
    return refusal(slot, expected, text_of(vector[i]) + " as number " + std::to_string(i + 1));
  }
  // What came out of here once comes out the same: an export that is imported must not drift.
  const bool is_unit = std::abs(base::squared_norm(vector) - 1.0) <= kUnitSlack;
  if (slot.metric == VectorMetric::Cosine && !is_unit && !base::normalise(vector)) {
    return refusal(slot, "a norm of at least 1e-06 (metric cosine)",
                   text_of(static_cast<float>(std::sqrt(base::squared_norm(vector)))));
  }
  return vector;
}

}  // namespace tidal::entity
