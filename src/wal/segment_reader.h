// Walks the frames of one segment file, judging each; also finds frames behind a damaged place. Never writes.
//
// Threads: externally synchronized; several readers of one file are fine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/frame.h"
#include "wal/segment.h"

namespace tidal::wal {

/// Names the segment in the refusal of a newer frame or record by whoever does not know its path.
[[nodiscard]] inline Error error_in(const std::string& path, Error error) {
  if (error.code == Code::FailedPrecondition) error.message = path + ": " + error.message;
  return error;
}

class SegmentReader {
 public:
  enum class Step : std::uint8_t {
    Frame,  ///< header() and body() are the frame at offset()
    End,    ///< no frame starts at offset(): zeros, or no room
    Bad,    ///< problem() says why the bytes at offset() are no valid frame
  };

  /// `file` must outlive the reader.
  SegmentReader(const base::File& file, const SegmentHeader& segment)
      : file_(file), segment_(segment), next_seqno_(segment.first_seqno) {}

  /// Steps over the frame read before and judges the next one. A frame is valid when its checksums hold, it lies where
  /// its header says (R1) and its first seqno follows on. IoError; FailedPrecondition for a newer frame format.
  [[nodiscard]] Result<Step> next();

  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] const FrameHeader& header() const { return header_; }
  /// Without padding; valid until the next call.
  [[nodiscard]] std::string_view body() const { return body_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// Of the record after the last one read.
  [[nodiscard]] SeqNo next_seqno() const { return next_seqno_; }

  /// The offset after the last byte in [from, frames_end) that is not zero; `from` when there is none.
  [[nodiscard]] Result<std::uint64_t> find_content_end(std::uint64_t from);
  /// The first sound frame at or after `from`, whatever its seqnos. Cost: reads on to the end of the segment.
  [[nodiscard]] Result<std::optional<std::uint64_t>> find_frame(std::uint64_t from);
  /// Looks behind a bad place for a sound frame that knows `seqno` to be synced; header() is then that frame's.
  [[nodiscard]] Result<std::optional<std::uint64_t>> find_proof_of_sync(std::uint64_t from, SeqNo seqno);
  /// Continues at `offset`, taking over the seqno found there.
  void resume_at(std::uint64_t offset);

 private:
  /// Up to `n` bytes at `offset`, fewer only before frames_end.
  Result<std::string_view> window(std::uint64_t offset, std::size_t n);
  /// Reads and judges the frame at `offset`, all but its seqnos. An error of code Corruption says what is wrong.
  Status load_frame(std::uint64_t offset);

  const base::File& file_;
  SegmentHeader segment_;
  std::uint64_t offset_ = kFramesBegin;
  std::uint64_t step_bytes_ = 0;  // of the frame at offset_ once read
  SeqNo next_seqno_;
  bool any_seqno_ = false;
  FrameHeader header_;
  std::string_view body_;
  std::string problem_;
  std::string window_;
  std::uint64_t window_begin_ = 0;
};

}  // namespace tidal::wal
