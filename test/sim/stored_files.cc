// Reading and writing whole directories.
#include "test/sim/stored_files.h"

#include <vector>

namespace tidal::sim {

Result<StoredFiles> files_below(base::FileSystem& fs, const std::string& directory) {
  StoredFiles files;
  if (!fs.exists(directory)) return files;
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs.list(directory));
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name;
    if (fs.is_directory(path)) {
      TIDAL_TRY_ASSIGN(StoredFiles below, files_below(fs, path));
      files.merge(std::move(below));
    } else {
      TIDAL_TRY_ASSIGN(files[path], base::read_file(fs, path));
    }
  }
  return files;
}

Status put_files(base::FileSystem& fs, const std::string& directory, const StoredFiles& files) {
  TIDAL_TRY(fs.remove_all(directory));
  for (const auto& [path, content] : files) {
    const std::string parent = path.substr(0, path.rfind('/'));
    TIDAL_TRY(fs.create_directories(parent));
    TIDAL_TRY(base::write_file_atomically(fs, path, content));
  }
  return {};
}

Status damage_file(base::FileSystem& fs, const std::string& path, Loss loss) {
  if (loss == Loss::Removed) {
    TIDAL_TRY(fs.remove(path));
    return fs.sync_directory(path.substr(0, path.rfind('/')));  // what is lost does not come back
  }
  TIDAL_TRY_ASSIGN(std::string content, base::read_file(fs, path));
  if (loss == Loss::Truncated) {
    content.resize(content.size() / 2);
  } else {
    content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 4);
  }
  return base::write_file_atomically(fs, path, content);
}

}  // namespace tidal::sim
