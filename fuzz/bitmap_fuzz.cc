// Roaring bitmaps from arbitrary bytes: refused, or a set that is written and read back unchanged.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "index/bitmap.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tidal::index::Bitmap;
  auto bitmap = Bitmap::deserialize({reinterpret_cast<const char*>(data), size});
  if (!bitmap.ok()) return 0;
  TIDAL_ASSERT(bitmap->to_vector().size() == bitmap->cardinality());
  bitmap->optimize();
  std::string written;
  bitmap->serialize(written);
  const auto again = Bitmap::deserialize(written);
  TIDAL_ASSERT(again.ok() && *again == *bitmap);
  return 0;
}
