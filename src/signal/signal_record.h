// The payload of a signal record: which signal, how much, which value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tidal/result.h"

namespace tidal::signal {

struct SignalPayload {
  std::string_view name;
  double weight = 1.0;          ///< finite, >= 0
  std::optional<double> value;  ///< finite, inside the signal's declared range
};

void encode_payload(const SignalPayload& payload, std::string& out);
/// Corruption on any byte string that encode_payload cannot have written. Views point into `bytes`.
[[nodiscard]] Result<SignalPayload> decode_payload(std::string_view bytes);

}  // namespace tidal::signal
