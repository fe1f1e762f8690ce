// Writes a new file from its beginning to its end, in large pieces, and knows the checksum of all it wrote.
//
// Threads: externally synchronized.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/crc32c.h"
#include "base/file_system.h"

namespace tidal::base {

class FileWriter {
 public:
  /// AlreadyExists, IoError, ResourceExhausted.
  [[nodiscard]] static Result<FileWriter> create(FileSystem& fs, const std::string& path) {
    TIDAL_TRY_ASSIGN(std::unique_ptr<File> file, fs.open(path, OpenMode::Create));
    return FileWriter(std::move(file));
  }

  /// IoError, ResourceExhausted.
  [[nodiscard]] Status append(std::string_view bytes) {
    checksum_ = crc32c(bytes, checksum_);
    size_ += bytes.size();
    waiting_.append(bytes);
    return waiting_.size() < kPieceBytes ? Status{} : flush();
  }
  /// Writes what waits and syncs the file. The last call.
  [[nodiscard]] Status finish() {
    TIDAL_TRY(flush());
    return file_->sync();
  }

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// CRC-32C of everything appended.
  [[nodiscard]] std::uint32_t checksum() const { return checksum_; }

 private:
  static constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

  explicit FileWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Status flush() {
    TIDAL_TRY(file_->write_at(written_, as_bytes(waiting_)));
    written_ += waiting_.size();
    waiting_.clear();
    return {};
  }

  std::unique_ptr<File> file_;
  std::string waiting_;
  std::uint64_t written_ = 0;
  std::uint64_t size_ = 0;
  std::uint32_t checksum_ = 0;
};

}  // namespace tidal::base
