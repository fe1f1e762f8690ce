// Log records and frame headers from arbitrary bytes: refused, or read back to the same bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "signal/signal_record.h"
#include "wal/frame.h"
#include "wal/record.h"
#include "wal/segment.h"

namespace {

void check_payload(std::string_view bytes) {
  const auto payload = tidal::signal::decode_payload(bytes);
  if (!payload.ok()) return;
  std::string again;
  tidal::signal::encode_payload(*payload, again);
  TIDAL_ASSERT(again == bytes);
}

void check_records(std::string_view bytes) {
  tidal::SeqNo seqno;
  tidal::wal::Record record;
  while (!bytes.empty()) {
    if (!tidal::wal::decode_record(bytes, seqno, record).ok()) return;
    std::string once;
    tidal::wal::encode_record(record, seqno, once);
    std::string_view rest = once;
    tidal::SeqNo seqno_again;
    tidal::wal::Record record_again;
    TIDAL_ASSERT(tidal::wal::decode_record(rest, seqno_again, record_again).ok() && rest.empty());
    std::string twice;
    tidal::wal::encode_record(record_again, seqno_again, twice);
    TIDAL_ASSERT(once == twice);
    check_payload(record.payload);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_records(bytes);
  check_payload(bytes);
  static_cast<void>(tidal::wal::decode_frame_header(bytes, {}));
  static_cast<void>(tidal::wal::decode_segment_header(bytes));
  return 0;
}
