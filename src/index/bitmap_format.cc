// Checks and writes Roaring's portable format.
#include "index/bitmap_format.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "base/coding.h"

namespace tidal::index {
namespace {

constexpr std::uint32_t kCookieNoRuns = 12346;
constexpr std::uint32_t kCookieRuns = 12347;
constexpr std::uint32_t kNoOffsetThreshold = 4;
constexpr std::uint32_t kContainersMax = 1U << 16;
constexpr std::uint32_t kArrayMax = 4096;
constexpr std::size_t kBitsetBytes = 8192;
constexpr std::size_t kWordsPerBlock = kBitsetBytes / sizeof(std::uint64_t);

Error corrupt(std::string_view what, std::uint32_t container) {
  return Error(Code::Corruption, "bitmap: " + std::string(what) + " in container " + std::to_string(container));
}

std::uint16_t u16_at(std::string_view bytes, std::size_t at) {
  std::uint16_t v;
  std::memcpy(&v, bytes.data() + at, sizeof v);
  return v;
}

Status check_runs(base::Decoder& in, std::uint32_t cardinality, std::uint32_t container) {
  const std::uint32_t count = in.u16();
  const std::string_view runs = in.raw(std::uint64_t{4} * count);
  if (!in.ok()) return corrupt("truncated runs", container);
  std::uint32_t total = 0;
  std::uint32_t end_before = 0;  // one past the last member so far
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t start = u16_at(runs, 4 * i);
    const std::uint32_t end = start + u16_at(runs, 4 * i + 2) + 1;
    if (end > 1U << 16) return corrupt("a run beyond the container", container);
    if (i > 0 && start <= end_before) return corrupt("runs that touch or are out of order", container);
    total += end - start;
    end_before = end;
  }
  if (total != cardinality) return corrupt("runs that do not add up to the cardinality", container);
  return {};
}

Status check_array(base::Decoder& in, std::uint32_t cardinality, std::uint32_t container) {
  const std::string_view values = in.raw(std::uint64_t{2} * cardinality);
  if (!in.ok()) return corrupt("a truncated array", container);
  for (std::uint32_t i = 1; i < cardinality; ++i) {
    if (u16_at(values, 2 * (i - 1)) >= u16_at(values, 2 * i)) return corrupt("an array out of order", container);
  }
  return {};
}

Status check_bitset(base::Decoder& in, std::uint32_t cardinality, std::uint32_t container) {
  const std::string_view bits = in.raw(kBitsetBytes);
  if (!in.ok()) return corrupt("a truncated bitset", container);
  std::uint32_t total = 0;
  for (std::size_t at = 0; at < kBitsetBytes; at += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, bits.data() + at, sizeof word);
    total += static_cast<std::uint32_t>(std::popcount(word));
  }
  if (total != cardinality) return corrupt("bits that do not add up to the cardinality", container);
  return {};
}

}  // namespace

Status check_portable(std::string_view bytes) {
  base::Decoder in(bytes);
  const std::uint32_t cookie = in.u32();
  std::uint32_t count = 0;
  std::string_view run_flags;
  if ((cookie & 0xFFFF) == kCookieRuns) {
    count = (cookie >> 16) + 1;
    run_flags = in.raw((count + 7) / 8);
  } else if (cookie == kCookieNoRuns) {
    count = in.u32();
    if (count > kContainersMax) return Error(Code::Corruption, "bitmap: too many containers: " + std::to_string(count));
  } else {
    return Error(Code::Corruption, "bitmap: unknown cookie " + std::to_string(cookie));
  }
  const std::string_view headers = in.raw(std::uint64_t{4} * count);
  const bool has_offsets = run_flags.empty() || count >= kNoOffsetThreshold;
  const std::string_view offsets = has_offsets ? in.raw(std::uint64_t{4} * count) : std::string_view();
  if (!in.ok()) return Error(Code::Corruption, "bitmap: truncated header");

  for (std::uint32_t c = 0; c < count; ++c) {
    if (c > 0 && u16_at(headers, 4 * (c - 1)) >= u16_at(headers, 4 * c)) return corrupt("a key out of order", c);
    const std::uint32_t cardinality = std::uint32_t{u16_at(headers, 4 * c + 2)} + 1;
    if (has_offsets) {
      std::uint32_t offset;
      std::memcpy(&offset, offsets.data() + 4 * c, sizeof offset);
      if (offset != bytes.size() - in.rest().size()) return corrupt("a wrong offset", c);
    }
    const bool is_run = !run_flags.empty() && ((static_cast<std::uint8_t>(run_flags[c / 8]) >> (c % 8)) & 1) != 0;
    if (is_run) {
      TIDAL_TRY(check_runs(in, cardinality, c));
    } else if (cardinality <= kArrayMax) {
      TIDAL_TRY(check_array(in, cardinality, c));
    } else {
      TIDAL_TRY(check_bitset(in, cardinality, c));
    }
  }
  if (!in.at_end()) {
    return Error(Code::Corruption, "bitmap: " + std::to_string(in.rest().size()) + " bytes after its end");
  }
  return {};
}

void write_portable(std::span<const std::uint64_t> words, std::string& out) {
  struct Block {
    std::uint32_t key;
    std::uint32_t cardinality;
  };
  std::vector<Block> blocks;
  for (std::size_t first = 0; first < words.size(); first += kWordsPerBlock) {
    std::uint32_t cardinality = 0;
    const std::size_t end = std::min(first + kWordsPerBlock, words.size());
    for (std::size_t w = first; w < end; ++w) cardinality += static_cast<std::uint32_t>(std::popcount(words[w]));
    if (cardinality > 0) blocks.push_back({static_cast<std::uint32_t>(first / kWordsPerBlock), cardinality});
  }

  base::Encoder encoder;
  encoder.u32(kCookieNoRuns);
  encoder.u32(static_cast<std::uint32_t>(blocks.size()));
  for (const Block& b : blocks) {
    encoder.u16(static_cast<std::uint16_t>(b.key));
    encoder.u16(static_cast<std::uint16_t>(b.cardinality - 1));
  }
  std::size_t offset = encoder.size() + 4 * blocks.size();
  for (const Block& b : blocks) {
    encoder.u32(static_cast<std::uint32_t>(offset));
    offset += b.cardinality <= kArrayMax ? 2 * std::size_t{b.cardinality} : kBitsetBytes;
  }
  std::string data = encoder.take();
  std::size_t at = data.size();
  data.resize(offset);
  for (const Block& b : blocks) {
    const auto block =
        words.subspan(b.key * kWordsPerBlock, std::min(kWordsPerBlock, words.size() - b.key * kWordsPerBlock));
    if (b.cardinality > kArrayMax) {
      std::memcpy(data.data() + at, block.data(), block.size_bytes());  // what is missing at the end is zero already
      at += kBitsetBytes;
      continue;
    }
    for (std::size_t w = 0; w < block.size(); ++w) {
      for (std::uint64_t bits = block[w]; bits != 0; bits &= bits - 1) {
        const auto low = static_cast<std::uint16_t>(64 * w + static_cast<std::size_t>(std::countr_zero(bits)));
        std::memcpy(data.data() + at, &low, sizeof low);
        at += sizeof low;
      }
    }
  }
  out += data;
}

}  // namespace tidal::index
