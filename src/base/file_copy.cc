// Reading files piece by piece.
#include "base/file_copy.h"

#include <functional>
#include <memory>
#include <string_view>

#include "base/crc32c.h"

namespace tidal::base {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 18;

Result<FileSum> read_pieces(const File& file, const std::function<Status(std::uint64_t, std::string_view)>& visit) {
  std::string buffer(kPieceBytes, '\0');
  FileSum sum;
  while (true) {
    TIDAL_TRY_ASSIGN(const std::size_t n, file.read_at(sum.bytes, std::as_writable_bytes(std::span(buffer))));
    if (n == 0) return sum;
    const std::string_view piece = std::string_view(buffer).substr(0, n);
    TIDAL_TRY(visit(sum.bytes, piece));
    sum.checksum = crc32c(piece, sum.checksum);
    sum.bytes += n;
  }
}

}  // namespace

Result<FileSum> sum_file(FileSystem& fs, const std::string& path) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<File> file, fs.open(path, OpenMode::Read));
  return read_pieces(*file, [](std::uint64_t, std::string_view) { return Status(); });
}

Result<FileSum> copy_file(FileSystem& fs, const std::string& from, const std::string& to) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<File> source, fs.open(from, OpenMode::Read));
  TIDAL_TRY_ASSIGN(const std::unique_ptr<File> copy, fs.open(to, OpenMode::Create));
  std::uint64_t end = 0;
  TIDAL_TRY_ASSIGN(const FileSum sum, read_pieces(*source, [&](std::uint64_t offset, std::string_view piece) -> Status {
                     if (piece.find_first_not_of('\0') == std::string_view::npos) return {};
                     end = offset + piece.size();
                     return copy->write_at(offset, as_bytes(piece));
                   }));
  if (end < sum.bytes) TIDAL_TRY(copy->truncate(sum.bytes));
  TIDAL_TRY(copy->sync());
  return sum;
}

}  // namespace tidal::base
