// What can be said about whole files on any file system: read one, replace one atomically.
#include "base/file_system.h"

namespace tidal::base {
namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status write_and_sync(FileSystem& fs, const std::string& path, std::string_view content) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<File> file, fs.open(path, OpenMode::Create));
  TIDAL_TRY(file->write_at(0, as_bytes(content)));
  return file->sync();
}

}  // namespace

Result<std::string> read_file(FileSystem& fs, const std::string& path) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<File> file, fs.open(path, OpenMode::Read));
  TIDAL_TRY_ASSIGN(const std::uint64_t size, file->size());
  std::string content(size, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t n, file->read_at(0, std::as_writable_bytes(std::span(content))));
  if (n != size) {
    return Error(Code::IoError,
                 "read " + path + ": expected " + std::to_string(size) + " bytes, got " + std::to_string(n));
  }
  return content;
}

Status write_file_atomically(FileSystem& fs, const std::string& path, std::string_view content) {
  const std::string aside = path + ".tmp";
  if (fs.exists(aside)) TIDAL_TRY(fs.remove(aside));  // left by a crash
  if (Status written = write_and_sync(fs, aside, content); !written.ok()) {
    static_cast<void>(fs.remove(aside));  // best effort: the first error is the one to report
    return written;
  }
  TIDAL_TRY(fs.rename(aside, path));
  return fs.sync_directory(parent_of(path));
}

}  // namespace tidal::base
