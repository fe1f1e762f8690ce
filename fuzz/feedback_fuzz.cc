// The payloads of edges, undos, erasures and signals from arbitrary bytes: what decodes was written by the encoder,
// byte for byte.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "db/edge_record.h"
#include "db/erased_user.h"
#include "signal/signal_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace db = tidal::db;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto edge = db::decode_edge(bytes); edge.ok()) {
    TIDAL_ASSERT(edge->weight >= 0);
    TIDAL_ASSERT(db::encode_edge(*edge) == bytes);
  }
  if (const auto undo = db::decode_undo(bytes); undo.ok()) TIDAL_ASSERT(db::encode_undo(*undo) == bytes);
  if (const auto erased = db::decode_erased_user(bytes); erased.ok()) {
    TIDAL_ASSERT(db::encode_erased_user(*erased) == bytes);
    static_cast<void>(db::is_key_of(*erased, bytes));
  }
  if (const auto sent = tidal::signal::decode_payload(bytes); sent.ok()) {
    std::string again;
    tidal::signal::encode_payload(*sent, again);
    TIDAL_ASSERT(again == bytes);
  }
  return 0;
}
