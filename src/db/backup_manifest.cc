// Coding the manifest of a backup, and comparing a backup with it.
#include "db/backup_manifest.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/coding.h"
#include "base/crc32c.h"
#include "db/unfinished_directory.h"

namespace tidal::db {
namespace {

constexpr std::size_t kChecksumBytes = 4;
constexpr std::string_view kFolders[] = {"archive", "base", "wal"};

Error malformed(const std::string& what) { return Error(Code::Corruption, "backup manifest: " + what); }

/// Plain names below one of the folders, none of them hidden or leading up.
bool is_backup_path(std::string_view path) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/";
  const std::string_view folder = path.substr(0, path.find('/'));
  if (std::ranges::find(kFolders, folder) == std::end(kFolders) || folder.size() == path.size()) return false;
  std::size_t depth = 0;
  for (std::size_t begin = 0; begin <= path.size(); ++depth) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end == begin || path[begin] == '.') return false;
    begin = end + 1;
  }
  return depth == (folder == "base" ? 3U : 2U) && path.find_first_not_of(kLetters) == std::string_view::npos;
}

/// Files at any depth below `directory`/`below`.
Status list_files(base::FileSystem& fs, const std::string& directory, const std::string& below,
                  std::set<std::string>& files) {
  const std::string path = directory + "/" + below;
  if (!fs.exists(path)) return {};
  if (!fs.is_directory(path)) {
    files.insert(below);
    return {};
  }
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs.list(path));
  for (const std::string& name : names) TIDAL_TRY(list_files(fs, directory, below + "/" + name, files));
  return {};
}

/// What is wrong with one file; an error when it cannot be read for another reason.
Result<std::optional<std::string>> defect_of(base::FileSystem& fs, const std::string& path, const base::FileSum& sum) {
  const Result<base::FileSum> found = base::sum_file(fs, path);
  if (!found.ok() && found.error().code == Code::NotFound) return std::optional(path + " is missing from the backup");
  if (!found.ok()) return found.error();
  if (found->bytes != sum.bytes) {
    return std::optional(path + ": expected " + std::to_string(sum.bytes) + " bytes, got " +
                         std::to_string(found->bytes));
  }
  if (found->checksum != sum.checksum) return std::optional(path + ": checksum mismatch");
  return std::optional<std::string>();
}

}  // namespace

std::uint64_t BackupManifest::bytes() const {
  std::uint64_t sum = 0;
  for (const BackupFile& file : files) sum += file.sum.bytes;
  return sum;
}

std::string encode_backup_manifest(const BackupManifest& manifest) {
  base::Encoder out;
  out.raw(kBackupMagic);
  out.u32(kBackupFormat);
  out.u32(kBackupMinReader);
  out.u64(manifest.seqno.value);
  out.i64(manifest.last_append.us);
  out.i64(manifest.created_at.us);
  out.varint(manifest.files.size());
  for (const BackupFile& file : manifest.files) {
    out.string(file.path);
    out.u64(file.sum.bytes);
    out.u32(file.sum.checksum);
  }
  out.u32(base::crc32c(out.str()));
  return out.take();
}

Result<BackupManifest> decode_backup_manifest(std::string_view bytes) {
  if (bytes.size() < kChecksumBytes) return malformed("truncated");
  // The checksum is judged first: a flipped bit must not pass for a newer format.
  const std::string_view content = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (base::Decoder(bytes.substr(content.size())).u32() != base::crc32c(content)) return malformed("checksum mismatch");
  base::Decoder in(content);
  if (in.raw(kBackupMagic.size()) != kBackupMagic) return malformed("not a file of this kind");
  const std::uint32_t format = in.u32();
  const std::uint32_t min_reader = in.u32();
  if (in.ok() && min_reader > kBackupFormat) {
    return Error(Code::FailedPrecondition, "backup manifest: format " + std::to_string(format) +
                                               " needs a reader of format " + std::to_string(min_reader) +
                                               ", this one reads up to " + std::to_string(kBackupFormat));
  }
  BackupManifest manifest;
  manifest.seqno.value = in.u64();
  manifest.last_append.us = in.i64();
  manifest.created_at.us = in.i64();
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    BackupFile file;
    file.path = in.string();
    file.sum.bytes = in.u64();
    file.sum.checksum = in.u32();
    if (in.ok() && !is_backup_path(file.path))
      return malformed("names a file that no backup holds: " + std::string(file.path.c_str()));
    manifest.files.push_back(std::move(file));
  }
  if (!in.ok() || !in.at_end()) return malformed("its fields do not fill it");
  return manifest;
}

Result<BackupManifest> read_backup_manifest(base::FileSystem& fs, const std::string& directory) {
  TIDAL_TRY(check_is_finished(fs, directory));
  const std::string path = directory + "/" + std::string(kBackupManifestName);
  const Result<std::string> bytes = base::read_file(fs, path);
  if (!bytes.ok() && bytes.error().code == Code::NotFound) {
    return Error(Code::NotFound, "no backup at '" + directory + "': it has no file " +
                                     std::string(kBackupManifestName) + " (make one: tidal backup DIR " + directory +
                                     ")");
  }
  if (!bytes.ok()) return bytes.error();
  Result<BackupManifest> manifest = decode_backup_manifest(*bytes);
  if (!manifest.ok()) return Error(manifest.error().code, path + ": " + manifest.error().message);
  return manifest;
}

Result<std::vector<std::string>> check_backup_files(base::FileSystem& fs, const std::string& directory,
                                                    const BackupManifest& manifest, const CopyProgress& progress) {
  std::vector<std::string> defects;
  std::set<std::string> unnamed;
  for (const std::string_view folder : kFolders) TIDAL_TRY(list_files(fs, directory, std::string(folder), unnamed));
  const std::uint64_t all = manifest.bytes();
  std::uint64_t done = 0;
  for (const BackupFile& file : manifest.files) {
    unnamed.erase(file.path);
    TIDAL_TRY_ASSIGN(std::optional<std::string> defect, defect_of(fs, directory + "/" + file.path, file.sum));
    if (defect) defects.push_back(std::move(*defect));
    done += file.sum.bytes;
    if (progress && !progress(done, all)) return Error(Code::Unavailable, "interrupted");
  }
  for (const std::string& path : unnamed) {
    defects.push_back(directory + "/" + path + " is no file of this backup: its manifest does not name it");
  }
  return defects;
}

}  // namespace tidal::db
