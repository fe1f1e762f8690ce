// The one adapter over CRoaring.
#include "index/bitmap.h"

#include <bit>
#include <roaring/roaring.hh>
#include <utility>

#include "base/coding.h"
#include "index/bitmap_format.h"

namespace tidal::index {

static_assert(sizeof(Ordinal) == sizeof(std::uint32_t), "spans of ordinals are handed to CRoaring as they are");

struct Bitmap::Impl {
  Roaring set;
};

namespace {

const std::uint32_t* raw(const Ordinal* ordinals) { return reinterpret_cast<const std::uint32_t*>(ordinals); }

}  // namespace

Bitmap::Bitmap() : impl_(std::make_unique<Impl>()) {}
Bitmap::Bitmap(const Bitmap& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Bitmap::Bitmap(Bitmap&& other) noexcept = default;
Bitmap& Bitmap::operator=(const Bitmap& other) {
  if (this != &other) impl_ = std::make_unique<Impl>(*other.impl_);
  return *this;
}
Bitmap& Bitmap::operator=(Bitmap&& other) noexcept = default;
Bitmap::~Bitmap() = default;

Bitmap Bitmap::range(std::uint32_t n) {
  Bitmap b;
  b.impl_->set.addRange(0, n);
  return b;
}

Bitmap Bitmap::of(std::span<const Ordinal> ordinals) {
  Bitmap b;
  b.impl_->set.addMany(ordinals.size(), raw(ordinals.data()));
  return b;
}

Bitmap Bitmap::of_words(std::span<const std::uint64_t> words) {
  // Through the portable format: a dense block of 2^16 ordinals is there as the very words, so it costs one copy.
  std::string bytes;
  write_portable(words, bytes);
  Bitmap b;
  b.impl_->set = Roaring(roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size()));
  return b;
}

void Bitmap::add(Ordinal o) { impl_->set.add(to_index(o)); }
void Bitmap::remove(Ordinal o) { impl_->set.remove(to_index(o)); }
bool Bitmap::contains(Ordinal o) const { return impl_->set.contains(to_index(o)); }
std::uint64_t Bitmap::cardinality() const { return impl_->set.cardinality(); }
bool Bitmap::empty() const { return impl_->set.isEmpty(); }

Bitmap& Bitmap::operator&=(const Bitmap& other) {
  impl_->set &= other.impl_->set;
  return *this;
}
Bitmap& Bitmap::operator|=(const Bitmap& other) {
  impl_->set |= other.impl_->set;
  return *this;
}
Bitmap& Bitmap::operator-=(const Bitmap& other) {
  if (this == &other) {  // CRoaring's in-place difference does not expect to be its own operand
    impl_ = std::make_unique<Impl>();
  } else {
    impl_->set -= other.impl_->set;
  }
  return *this;
}
Bitmap& Bitmap::operator^=(const Bitmap& other) {
  if (this == &other) {
    impl_ = std::make_unique<Impl>();
  } else {
    impl_->set ^= other.impl_->set;
  }
  return *this;
}
bool Bitmap::operator==(const Bitmap& other) const { return impl_->set == other.impl_->set; }

std::vector<Ordinal> Bitmap::to_vector() const {
  std::vector<Ordinal> out(cardinality());
  impl_->set.toUint32Array(reinterpret_cast<std::uint32_t*>(out.data()));
  return out;
}

void Bitmap::for_each(const std::function<bool(Ordinal)>& visit) const {
  impl_->set.iterate(
      [](std::uint32_t o, void* f) { return (*static_cast<const std::function<bool(Ordinal)>*>(f))(to_ordinal(o)); },
      const_cast<std::function<bool(Ordinal)>*>(&visit));
}

void Bitmap::serialize(std::string& out) const {
  const std::size_t at = out.size();
  out.resize(at + impl_->set.getSizeInBytes());
  impl_->set.write(out.data() + at);
}

Result<Bitmap> Bitmap::deserialize(std::string_view bytes) {
  TIDAL_TRY(check_portable(bytes));
  roaring_bitmap_t* read = roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size());
  if (read == nullptr) return Error(Code::Corruption, "bitmap: CRoaring refuses its bytes");
  Bitmap b;
  b.impl_->set = Roaring(read);
  return b;
}

void Bitmap::optimize() {
  impl_->set.runOptimize();
  impl_->set.shrinkToFit();
}

std::size_t Bitmap::memory_bytes() const {
  // The serialized size is the containers' payload; CRoaring keeps besides per container a pointer, a key, a type and
  // two heap blocks (struct and payload) of about 48 bytes together.
  roaring_statistics_t statistics;
  roaring_bitmap_statistics(&impl_->set.roaring, &statistics);
  return sizeof(Impl) + statistics.n_bytes_array_containers + statistics.n_bytes_run_containers +
         statistics.n_bytes_bitset_containers + std::size_t{statistics.n_containers} * (8 + 2 + 1 + 48);
}

}  // namespace tidal::index
