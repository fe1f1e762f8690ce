// The bytes of a signal record's payload: name, then a byte of flags, then the weight and the value that are not
// implied.
//
//   [varint n][n bytes of name][flags u8][weight f64, if flag 1][value f64, if flag 2]
// A weight of 1 is never written, so every payload has exactly one encoding.
#include "signal/signal_record.h"

#include <cmath>

#include "base/coding.h"

namespace tidal::signal {
namespace {

constexpr std::uint8_t kHasWeight = 1;
constexpr std::uint8_t kHasValue = 2;

}  // namespace

void encode_payload(const SignalPayload& payload, std::string& out) {
  base::Encoder encoder;
  encoder.string(payload.name);
  const bool has_weight = payload.weight != 1.0;
  encoder.u8(static_cast<std::uint8_t>((has_weight ? kHasWeight : 0) | (payload.value ? kHasValue : 0)));
  if (has_weight) encoder.f64(payload.weight);
  if (payload.value) encoder.f64(*payload.value);
  out += encoder.str();
}

Result<SignalPayload> decode_payload(std::string_view bytes) {
  base::Decoder decoder(bytes);
  SignalPayload payload;
  payload.name = decoder.string();
  const std::uint8_t flags = decoder.u8();
  if ((flags & kHasWeight) != 0) payload.weight = decoder.f64();
  if ((flags & kHasValue) != 0) payload.value = decoder.f64();
  if (!decoder.ok() || !decoder.at_end()) {
    return Error(Code::Corruption, "signal payload of " + std::to_string(bytes.size()) + " bytes: wrong length");
  }
  if (!std::isfinite(payload.weight) || payload.weight < 0) {
    return Error(Code::Corruption, "signal payload: weight is not a finite number >= 0");
  }
  if (payload.value && !std::isfinite(*payload.value)) {
    return Error(Code::Corruption, "signal payload: value is not finite");
  }
  // One encoding per payload: unknown flags, an explicit weight of 1 and overlong lengths are damage.
  const bool has_weight = (flags & kHasWeight) != 0;
  const std::size_t numbers = (has_weight ? sizeof(double) : 0) + (payload.value ? sizeof(double) : 0);
  const std::size_t canonical = base::varint_bytes(payload.name.size()) + payload.name.size() + 1 + numbers;
  if (flags > (kHasWeight | kHasValue) || (has_weight && payload.weight == 1.0) || canonical != bytes.size()) {
    return Error(Code::Corruption, "signal payload: not in canonical form");
  }
  return payload;
}

}  // namespace tidal::signal
