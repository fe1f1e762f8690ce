// Reading a segment through a window that grows to the longest frame.
#include "wal/segment_reader.h"

#include <algorithm>

namespace tidal::wal {
namespace {

constexpr std::size_t kWindowBytes = std::size_t{1} << 20;

bool all_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

}  // namespace

Result<std::string_view> SegmentReader::window(std::uint64_t offset, std::size_t n) {
  n = static_cast<std::size_t>(std::min<std::uint64_t>(n, segment_.frames_end() - offset));
  const bool inside = offset >= window_begin_ && offset + n <= window_begin_ + window_.size();
  if (!inside) {
    const std::uint64_t wanted = std::min<std::uint64_t>(std::max(n, kWindowBytes), segment_.frames_end() - offset);
    window_.resize(static_cast<std::size_t>(wanted));
    TIDAL_TRY_ASSIGN(const std::size_t got, file_.read_at(offset, std::as_writable_bytes(std::span(window_))));
    window_.resize(got);
    window_begin_ = offset;
  }
  return std::string_view(window_).substr(static_cast<std::size_t>(offset - window_begin_), n);
}

Status SegmentReader::load_frame(std::uint64_t offset) {
  TIDAL_TRY_ASSIGN(const std::string_view head, window(offset, kFrameHeaderBytes));
  TIDAL_TRY_ASSIGN(header_, decode_frame_header(head, {.offset = offset, .segment_check = segment_.check}));
  TIDAL_TRY_ASSIGN(const std::string_view frame, window(offset, header_.frame_bytes()));
  TIDAL_TRY(check_frame_body(header_, frame.substr(std::min(frame.size(), kFrameHeaderBytes))));
  body_ = frame.substr(kFrameHeaderBytes, header_.body_bytes);
  return {};
}

Result<SegmentReader::Step> SegmentReader::next() {
  offset_ += step_bytes_;
  step_bytes_ = 0;
  if (offset_ + kFrameHeaderBytes > segment_.frames_end()) return Step::End;
  TIDAL_TRY_ASSIGN(const std::string_view head, window(offset_, kFrameHeaderBytes));
  if (all_zero(head)) return Step::End;
  if (Status loaded = load_frame(offset_); !loaded.ok()) {
    if (loaded.error().code != Code::Corruption) return std::move(loaded).error();
    problem_ = loaded.error().message;
    return Step::Bad;
  }
  if (!any_seqno_ && header_.first_seqno != next_seqno_) {
    problem_ = "frame does not follow on: expected seqno " + std::to_string(next_seqno_.value) + ", got " +
               std::to_string(header_.first_seqno.value);
    return Step::Bad;
  }
  any_seqno_ = false;
  next_seqno_ = SeqNo{header_.first_seqno.value + header_.record_count};
  step_bytes_ = header_.frame_bytes();
  return Step::Frame;
}

Result<std::uint64_t> SegmentReader::find_content_end(std::uint64_t from) {
  std::uint64_t end = from;
  for (std::uint64_t at = from; at < segment_.frames_end();) {
    TIDAL_TRY_ASSIGN(const std::string_view bytes, window(at, kWindowBytes));
    if (bytes.empty()) break;
    const std::size_t hit = bytes.find_last_not_of('\0');
    if (hit != std::string_view::npos) end = at + hit + 1;
    at += bytes.size();
  }
  return end;
}

Result<std::optional<std::uint64_t>> SegmentReader::find_frame(std::uint64_t from) {
  std::uint64_t at = (from + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
  for (; at + kFrameHeaderBytes <= segment_.frames_end(); at += kFrameAlignment) {
    TIDAL_TRY_ASSIGN(const std::string_view head, window(at, kFrameHeaderBytes));
    if (!starts_with_frame_magic(head)) continue;
    const Status loaded = load_frame(at);
    if (loaded.ok()) return std::optional(at);
    if (loaded.error().code != Code::Corruption) return loaded.error();
  }
  return std::optional<std::uint64_t>();
}

Result<std::optional<std::uint64_t>> SegmentReader::find_proof_of_sync(std::uint64_t from, SeqNo seqno) {
  while (true) {
    TIDAL_TRY_ASSIGN(const std::optional<std::uint64_t> later, find_frame(from));
    if (!later || header_.synced_through >= seqno) return later;
    from = *later + header_.frame_bytes();
  }
}

void SegmentReader::resume_at(std::uint64_t offset) {
  offset_ = offset;
  step_bytes_ = 0;
  any_seqno_ = true;
}

}  // namespace tidal::wal
