// Store keys: order and round trip.
#include "storage/keys.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace tidal::storage {
namespace {

struct KeyParts {
  std::uint16_t partition;
  std::uint8_t kind;
  std::uint32_t ordinal;
  std::uint8_t tag;
  std::string suffix;
  [[nodiscard]] StoreKey key() const { return {partition, kind, to_ordinal(ordinal), tag, suffix}; }
};

rc::Gen<KeyParts> any_key() {
  // Few values of each part, so that keys often differ only in a late one; the large ones catch a wrong byte order.
  return rc::gen::apply(
      [](std::uint16_t partition, std::uint8_t kind, std::uint32_t ordinal, std::uint8_t tag, std::string suffix) {
        return KeyParts{partition, kind, ordinal, tag, std::move(suffix)};
      },
      rc::gen::element<std::uint16_t>(0, 1, 0xFF, 0x100, 0xFFFF), rc::gen::element<std::uint8_t>(0, 1, 2, 0xFF),
      rc::gen::element<std::uint32_t>(0, 1, 0xFF, 0x100, 0x1FFFF, 0x1000000, 0xFFFFFFFF),
      rc::gen::element<std::uint8_t>(0, 1, 0x80, 0xFF),
      rc::gen::container<std::string>(rc::gen::element('\0', 'a', '\xFF')));
}

// K4
RC_GTEST_PROP(StoreKeys, ByteOrderIsLogicalOrder, ()) {
  const KeyParts a = *any_key();
  const KeyParts b = *any_key();
  RC_ASSERT((encode_key(a.key()) < encode_key(b.key())) == (a.key() < b.key()));
  RC_ASSERT((encode_key(a.key()) == encode_key(b.key())) == (a.key() == b.key()));
}

RC_GTEST_PROP(StoreKeys, DecodeReversesEncode, ()) {
  const KeyParts a = *any_key();
  const std::string bytes = encode_key(a.key());
  const auto decoded = decode_key(bytes);
  RC_ASSERT(decoded.ok());
  RC_ASSERT(*decoded == a.key());
}

TEST(StoreKeys, TooShortIsCorruption) {
  for (std::size_t bytes = 0; bytes < kStoreKeyPrefixBytes; ++bytes) {
    EXPECT_EQ(decode_key(std::string(bytes, 'k')).error().code, Code::Corruption);
  }
}

}  // namespace
}  // namespace tidal::storage
