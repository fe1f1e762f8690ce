// Feeds bytes to the reader of a backup's manifest: no crash, and what it reads is written as it was read.
//
// An odd first byte makes the checksum right, so that the search reaches behind it.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "db/backup_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidal;
  if (size == 0) return 0;
  const std::string_view content(reinterpret_cast<const char*>(data) + 1, size - 1);
  base::Encoder bytes;
  bytes.raw(content);
  if (data[0] % 2 == 1) bytes.u32(base::crc32c(content));
  const Result<db::BackupManifest> manifest = db::decode_backup_manifest(bytes.str());
  if (!manifest.ok()) return 0;
  const std::string again = db::encode_backup_manifest(*manifest);
  const Result<db::BackupManifest> reread = db::decode_backup_manifest(again);
  TIDAL_ASSERT(reread.ok() && db::encode_backup_manifest(*reread) == again);
  return 0;
}
