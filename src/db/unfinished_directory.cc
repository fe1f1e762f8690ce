// Marking a directory, and taking the mark away.
#include "db/unfinished_directory.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

namespace tidal::db {

Result<UnfinishedDirectory> UnfinishedDirectory::create(base::FileSystem& fs, const std::string& path,
                                                        std::string_view mark) {
  if (path.empty()) return Error(Code::InvalidArgument, "expected the path of a new folder, got ''");
  const bool was_there = fs.exists(path);
  if (was_there) {
    if (!fs.is_directory(path)) return Error(Code::AlreadyExists, "'" + path + "' is there and is not a folder");
    TIDAL_TRY(check_is_finished(fs, path));
    TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs.list(path));
    if (!names.empty()) {
      return Error(Code::AlreadyExists, "'" + path + "' is not empty: expected a new or an empty folder, found '" +
                                            names.front() + "' in it");
    }
  }
  TIDAL_TRY(fs.create_directories(path));  // of one that is there, the name may not be durable yet
  UnfinishedDirectory directory(fs, path, mark, was_there);
  {
    const Result<std::unique_ptr<base::File>> file = fs.open(directory.mark_path(), base::OpenMode::Create);
    if (!file.ok()) {
      if (!was_there) static_cast<void>(fs.remove(path));  // unless somebody else is in it
      if (file.error().code != Code::AlreadyExists) return file.error();
      return Error(Code::AlreadyExists, "'" + path + "' is being written by somebody else: choose another folder");
    }
  }
  if (Status owned = directory.own(); !owned.ok()) return owned.error();
  return directory;
}

/// U3. Makes the mark durable, unless somebody else was done with the directory since it was found empty.
Status UnfinishedDirectory::own() {
  const Result<std::vector<std::string>> names = fs_.list(path_);
  if (!names.ok() || names->size() != 1) {
    static_cast<void>(fs_.remove(mark_path()));
    if (!names.ok()) return names.error();
    return Error(Code::AlreadyExists, "'" + path_ + "' was written by somebody else: choose another folder");
  }
  Status placed = sync_mark();
  if (!placed.ok()) discard();
  return placed;
}

Status UnfinishedDirectory::sync_mark() {
  {
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs_.open(mark_path(), base::OpenMode::ReadWrite));
    TIDAL_TRY(file->sync());
  }
  return fs_.sync_directory(path_);
}

Status UnfinishedDirectory::finish_as(std::string_view name, std::string_view content) {
  TIDAL_TRY(fs_.sync_directory(path_));
  {
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs_.open(mark_path(), base::OpenMode::ReadWrite));
    TIDAL_TRY(file->write_at(0, base::as_bytes(content)));
    TIDAL_TRY(file->sync());
  }
  TIDAL_TRY(fs_.rename(mark_path(), path_ + "/" + std::string(name)));
  return fs_.sync_directory(path_);
}

Status UnfinishedDirectory::finish() {
  TIDAL_TRY(fs_.sync_directory(path_));
  TIDAL_TRY(fs_.remove(mark_path()));
  return fs_.sync_directory(path_);
}

Status UnfinishedDirectory::remove_content() {
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs_.list(path_));
  if (std::ranges::find(names, mark_) != names.end()) {
    for (const std::string& name : names) {
      if (name != mark_) TIDAL_TRY(fs_.remove_all(path_ + "/" + name));
    }
    TIDAL_TRY(fs_.sync_directory(path_));
    TIDAL_TRY(fs_.remove(mark_path()));
  } else if (!names.empty()) {
    return {};  // whole, though the last sync failed: a part of it must not be left without the mark
  }
  return was_there_ ? fs_.sync_directory(path_) : fs_.remove(path_);
}

void UnfinishedDirectory::discard() { static_cast<void>(remove_content()); }

Status check_is_outside(std::string_view what, const std::string& dest, const std::string& source) {
  namespace stdfs = std::filesystem;
  std::error_code none;  // a path that cannot be followed is refused by whoever uses it
  const stdfs::path inner = stdfs::weakly_canonical(stdfs::absolute(dest, none), none);
  const stdfs::path outer = stdfs::weakly_canonical(stdfs::absolute(source, none), none);
  const auto [in, out] = std::mismatch(inner.begin(), inner.end(), outer.begin(), outer.end());
  if (outer.empty() || out != outer.end() || in == inner.end()) return {};
  return Error(Code::InvalidArgument, std::string(what) + " at '" + dest + "' lies in '" + source +
                                          "', which it is a copy of: choose a place outside of it");
}

Status check_is_finished(base::FileSystem& fs, const std::string& path) {
  if (fs.exists(path + "/" + std::string(kUnfinishedBackup))) {
    return Error(Code::FailedPrecondition, "'" + path + "' is a backup that was not finished: remove the folder");
  }
  if (fs.exists(path + "/" + std::string(kUnfinishedRestore))) {
    return Error(Code::FailedPrecondition,
                 "'" + path + "' was not restored to the end: remove the folder and restore again");
  }
  return {};
}

Status check_may_be_opened(base::FileSystem& fs, const std::string& path) {
  TIDAL_TRY(check_is_finished(fs, path));
  if (!fs.exists(path + "/" + std::string(kBackupManifestName))) return {};
  return Error(Code::FailedPrecondition,
               "'" + path + "' is a backup, which opening would change (restore it: tidal restore " + path + " DIR)");
}

}  // namespace tidal::db
