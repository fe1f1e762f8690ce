// What a vector must be before it may be written for a slot, and the form in which a record carries it.
//
// Threads: pure functions.   Source: docs/embeddings.md.
#pragma once

#include <vector>

#include "tidal/result.h"
#include "tidal/schema.h"

namespace tidal::entity {

/// The vector as a record carries it: under the cosine metric divided by its norm, else as given. InvalidArgument, with
/// the slot, what was expected and what was there: another length than the slot's size; a number that is NaN or
/// infinite, or, where halves are stored, beyond ±65504 (before the division, with its position from 1); under cosine a
/// norm below 1e-6.
[[nodiscard]] Result<std::vector<float>> prepared_vector(const EmbeddingDef& slot, std::vector<float> vector);

}  // namespace tidal::entity
