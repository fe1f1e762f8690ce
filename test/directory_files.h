// The files of a directory as values: golden ones, and copies to be altered and put into a file system in memory.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/file_system.h"
#include "materializer/checkpoint.h"

namespace tidal::test {

using Files = std::map<std::string, std::string>;  // by path below the directory

/// Written beside golden files: what the database they are of holds.
inline const std::string kDigestFile = "digest.txt";

inline void collect(base::FileSystem& fs, const std::string& path, const std::string& below, Files& files) {
  const std::vector<std::string> names = fs.list(path).value();
  for (const std::string& name : names) {
    const std::string child = path + "/" + name;
    if (fs.is_directory(child)) {
      collect(fs, child, below + name + "/", files);
    } else {
      files[below + name] = base::read_file(fs, child).value();
    }
  }
}

inline Files files_of(base::FileSystem& fs, const std::string& path) {
  Files files;
  collect(fs, path, "", files);
  return files;
}

/// Without what is random or empty.
inline Files lasting_files_of(base::FileSystem& fs, const std::string& path) {
  Files files = files_of(fs, path);
  files.erase("LOCK");
  files.erase("cursor.key");
  return files;
}

/// Those of a folder of test/golden.
inline Files golden_files(const std::string& folder) {
  return files_of(base::posix_file_system(), TIDAL_SOURCE_DIR "/test/golden/" + folder);
}

inline void put_into(base::FileSystem& fs, const Files& files, const std::string& directory) {
  for (const auto& [name, content] : files) {
    if (name.ends_with(".txt")) continue;  // of the golden files, not of the database
    const std::string path = directory + "/" + name;
    ASSERT_TRUE(fs.create_directories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(base::write_file_atomically(fs, path, content).ok());
  }
}

/// The last path that begins and ends so.
inline std::string path_in(const Files& files, const std::string& begin, const std::string& end) {
  std::string found;
  for (const auto& [name, content] : files) {
    if (name.starts_with(begin) && name.ends_with(end)) found = name;
  }
  EXPECT_NE(found, "") << "no file " << begin << "…" << end;
  return found;
}

/// Puts the right checksum over the first `bytes` behind them.
inline void fix_checksum(std::string& content, std::size_t bytes) {
  base::Encoder checksum;
  checksum.u32(base::crc32c(std::string_view(content).substr(0, bytes)));
  content.replace(bytes, sizeof(std::uint32_t), checksum.str());
}

/// Makes the manifest of a checkpoint or base say what `path`, a file beside it, now holds.
inline void fix_manifest(Files& files, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string& bytes = files.at(path.substr(0, slash) + "/MANIFEST");
  materializer::Manifest manifest = materializer::decode_manifest(bytes).value();
  for (materializer::ManifestEntry& entry : manifest.entries) {
    if (entry.view != path.substr(slash + 1)) continue;
    entry.bytes = files.at(path).size();
    entry.checksum = base::crc32c(files.at(path));
  }
  bytes = materializer::encode_manifest(manifest);
}

}  // namespace tidal::test
