// Writing, choosing and reading back checkpoint directories.
#include "materializer/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/coding.h"
#include "base/crc32c.h"

namespace tidal::materializer {
namespace {

constexpr std::string_view kManifestMagic = "TDLMANIF";
constexpr std::string_view kViewMagic = "TDLVIEW1";
constexpr std::string_view kManifestName = "MANIFEST";
constexpr std::string_view kUnfinished = ".tmp";
constexpr std::uint32_t kMinimumReader = 1;

std::string twenty_digits(SeqNo seqno) {
  std::string digits = std::to_string(seqno.value);
  return std::string(20 - digits.size(), '0') + digits;
}

std::optional<SeqNo> parse_twenty_digits(std::string_view name) {
  SeqNo seqno;
  if (name.size() != 20) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), seqno.value);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return seqno;
}

/// Magic, format, minimum reader: the same twelve-byte-plus-magic opening as every file of ours.
void encode_opening(base::Encoder& out, std::string_view magic) {
  out.raw(magic);
  out.u32(kCheckpointFormat);
  out.u32(kMinimumReader);
}

Status check_opening(base::Decoder& in, std::string_view magic, std::string_view what) {
  if (in.raw(magic.size()) != magic) return Error(Code::Corruption, std::string(what) + ": not a file of this kind");
  const std::uint32_t format = in.u32();
  const std::uint32_t minimum_reader = in.u32();
  if (!in.ok()) return Error(Code::Corruption, std::string(what) + ": truncated");
  if (minimum_reader > kCheckpointFormat) {
    return Error(Code::FailedPrecondition, std::string(what) + ": format " + std::to_string(format) +
                                               " needs a reader of format " + std::to_string(minimum_reader) +
                                               ", this one reads up to " + std::to_string(kCheckpointFormat));
  }
  return {};
}

Status write_file(base::FileSystem& fs, const std::string& path, std::string_view content) {
  TIDAL_TRY_ASSIGN(auto file, fs.open(path, base::OpenMode::Create));
  TIDAL_TRY(file->write_at(0, base::as_bytes(content)));
  return file->sync();
}

bool holds(const Manifest& manifest, std::string_view file) {
  return std::ranges::find(manifest.entries, file, &ManifestEntry::view) != manifest.entries.end();
}

Result<ManifestEntry> write_store(base::FileSystem& fs, const std::string& aside, const StoreFile& store) {
  TIDAL_TRY_ASSIGN(base::FileWriter file, base::FileWriter::create(fs, aside + "/" + store.name));
  TIDAL_TRY(store.write(file));
  TIDAL_TRY(file.finish());
  return ManifestEntry{
      .view = store.name, .logic_version = store.format, .bytes = file.size(), .checksum = file.checksum()};
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  base::Encoder out;
  encode_opening(out, kManifestMagic);
  out.u64(manifest.seqno.value);
  out.u32(manifest.schema_version);
  out.i64(manifest.created_at.us);
  out.varint(manifest.entries.size());
  for (const ManifestEntry& entry : manifest.entries) {
    out.string(entry.view);
    out.u32(entry.logic_version);
    out.u64(entry.bytes);
    out.u32(entry.checksum);
  }
  out.u32(base::crc32c(out.str()));
  return out.take();
}

Result<Manifest> decode_manifest(std::string_view bytes) {
  // The checksum is judged first: a flipped bit must not pass for a newer format.
  if (bytes.size() < 4 ||
      base::Decoder(bytes.substr(bytes.size() - 4)).u32() != base::crc32c(bytes.substr(0, bytes.size() - 4))) {
    return Error(Code::Corruption, "checkpoint manifest: checksum mismatch");
  }
  base::Decoder in(bytes);
  TIDAL_TRY(check_opening(in, kManifestMagic, "checkpoint manifest"));
  Manifest manifest;
  manifest.seqno.value = in.u64();
  manifest.schema_version = in.u32();
  manifest.created_at.us = in.i64();
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    ManifestEntry entry;
    entry.view = in.string();
    entry.logic_version = in.u32();
    entry.bytes = in.u64();
    entry.checksum = in.u32();
    manifest.entries.push_back(std::move(entry));
  }
  if (!in.ok() || in.rest().size() != 4) return Error(Code::Corruption, "checkpoint manifest: malformed");
  return manifest;
}

Capture capture(const Registry& registry, SeqNo seqno, std::uint32_t schema_version) {
  Capture taken{.seqno = seqno, .schema_version = schema_version, .views = {}};
  for (const auto& view : registry.views()) {
    CapturedView captured;
    captured.view = view->name();
    captured.logic_version = view->logic_version();
    captured.image = view->checkpoint();
    taken.views.push_back(std::move(captured));
  }
  return taken;
}

std::string CheckpointDirectory::directory_of(SeqNo seqno) const { return path_ + "/" + twenty_digits(seqno); }

Status CheckpointDirectory::write_aside(Capture& capture, Timestamp now, std::span<const StoreFile> stores,
                                        const std::string& aside) {
  TIDAL_TRY(fs_.create_directories(path_));
  TIDAL_TRY(fs_.remove_all(aside));
  TIDAL_TRY(fs_.create_directories(aside));

  Manifest manifest{.seqno = capture.seqno, .schema_version = capture.schema_version, .created_at = now, .entries = {}};
  for (CapturedView& view : capture.views) {
    base::Encoder header;
    encode_opening(header, kViewMagic);
    header.string(view.view);
    header.u32(view.logic_version);
    header.u64(capture.seqno.value);
    std::string content = header.take();
    TIDAL_TRY(view.image->write_to(content));
    view.image.reset();  // what it pinned may be freed
    TIDAL_TRY(write_file(fs_, aside + "/" + view.view, content));
    ManifestEntry entry;
    entry.view = view.view;
    entry.logic_version = view.logic_version;
    entry.bytes = content.size();
    entry.checksum = base::crc32c(content);
    manifest.entries.push_back(std::move(entry));
  }
  return write_manifest(std::move(manifest), stores, aside);
}

/// The stores, the manifest, and what makes them durable: the end of every checkpoint.
Status CheckpointDirectory::write_manifest(Manifest manifest, std::span<const StoreFile> stores,
                                           const std::string& aside) {
  for (const StoreFile& store : stores) {
    if (!holds(manifest, store.view)) continue;  // it was written before there was such a view
    TIDAL_TRY_ASSIGN(ManifestEntry entry, write_store(fs_, aside, store));
    manifest.entries.push_back(std::move(entry));
  }
  TIDAL_TRY(write_file(fs_, aside + "/" + std::string(kManifestName), encode_manifest(manifest)));
  TIDAL_TRY(fs_.sync_directory(aside));
  if (!policy_.read_back) return {};
  for (const ManifestEntry& entry : manifest.entries) TIDAL_TRY(check_file(aside + "/" + entry.view, entry));
  return {};
}

Status CheckpointDirectory::write(Capture capture, Timestamp now, std::span<const StoreFile> stores, Same same) {
  const std::string aside = directory_of(capture.seqno) + std::string(kUnfinished);
  return name(capture.seqno, write_aside(capture, now, stores, aside), aside, same);
}

Status CheckpointDirectory::copy_from(const CheckpointDirectory& other, SeqNo seqno, std::span<const StoreFile> stores,
                                      std::span<const std::string> lost) {
  TIDAL_TRY_ASSIGN(Manifest manifest, other.manifest(seqno));
  std::erase_if(manifest.entries,
                [lost](const ManifestEntry& entry) { return std::ranges::find(lost, entry.view) != lost.end(); });
  const std::string aside = directory_of(seqno) + std::string(kUnfinished);
  TIDAL_TRY(fs_.create_directories(path_));
  TIDAL_TRY(fs_.remove_all(aside));
  TIDAL_TRY(fs_.create_directories(aside));
  const auto copy = [&]() -> Status {
    for (const ManifestEntry& entry : manifest.entries) {
      TIDAL_TRY_ASSIGN(const std::string bytes, other.read_view_file(seqno, entry));
      TIDAL_TRY(write_file(fs_, aside + "/" + entry.view, bytes));
    }
    return write_manifest(std::move(manifest), stores, aside);
  };
  return name(seqno, copy(), aside, Same::Stays);
}

/// Whether two sound checkpoints hold the same views, written by the same logic.
Result<bool> CheckpointDirectory::have_same_logic(const std::string& one, const std::string& other) const {
  std::vector<ManifestEntry> entries[2];
  for (std::size_t i = 0; i < 2; ++i) {
    TIDAL_TRY_ASSIGN(const std::string bytes,
                     base::read_file(fs_, (i == 0 ? one : other) + "/" + std::string(kManifestName)));
    TIDAL_TRY_ASSIGN(Manifest manifest, decode_manifest(bytes));
    entries[i] = std::move(manifest.entries);
  }
  return std::ranges::equal(entries[0], entries[1], [](const ManifestEntry& a, const ManifestEntry& b) {
    return a.view == b.view && a.logic_version == b.logic_version;
  });
}

/// Gives what was `written` under the name `aside` its own, and lets older ones go.
Status CheckpointDirectory::name(SeqNo seqno, const Status& written, const std::string& aside, Same same) {
  if (!written.ok()) {
    static_cast<void>(fs_.remove_all(aside));  // a disk that is full must not fill up with attempts
    return written;
  }
  const std::string final_path = directory_of(seqno);
  if (fs_.exists(final_path)) {
    // A sound one of the same state stays: there is no moment without it. One of older logic is of another state.
    TIDAL_TRY_ASSIGN(const std::vector<std::string> found, defects(seqno));
    if (found.empty() && same == Same::Stays) {
      TIDAL_TRY_ASSIGN(const bool is_same, have_same_logic(final_path, aside));
      if (is_same) {
        TIDAL_TRY(fs_.remove_all(aside));
        return fs_.sync_directory(path_);
      }
    }
    TIDAL_TRY(fs_.remove_all(final_path));
  }
  TIDAL_TRY(fs_.rename(aside, final_path));
  TIDAL_TRY(fs_.sync_directory(path_));

  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> complete, list());
  for (std::size_t i = policy_.kept; i < complete.size(); ++i) TIDAL_TRY(remove(complete[i]));
  return {};
}

/// First the name, so that nobody takes what a crash leaves of it for a checkpoint.
Status CheckpointDirectory::remove(SeqNo seqno) {
  const std::string unnamed = directory_of(seqno) + std::string(kUnfinished);
  TIDAL_TRY(fs_.remove_all(unnamed));
  TIDAL_TRY(fs_.rename(directory_of(seqno), unnamed));
  TIDAL_TRY(fs_.sync_directory(path_));
  return fs_.remove_all(unnamed);
}

Status CheckpointDirectory::sync_names() const { return fs_.exists(path_) ? fs_.sync_directory(path_) : Status(); }

Result<std::vector<SeqNo>> CheckpointDirectory::list() const {
  std::vector<SeqNo> seqnos;
  if (!fs_.exists(path_)) return seqnos;
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs_.list(path_));
  for (const std::string& name : names) {
    if (const auto seqno = parse_twenty_digits(name)) seqnos.push_back(*seqno);
  }
  std::ranges::sort(seqnos, std::greater<>{});
  return seqnos;
}

Result<Manifest> CheckpointDirectory::manifest(SeqNo seqno) const {
  const std::string path = directory_of(seqno) + "/" + std::string(kManifestName);
  TIDAL_TRY_ASSIGN(const std::string bytes, base::read_file(fs_, path));
  Result<Manifest> manifest = decode_manifest(bytes);
  if (!manifest.ok()) return Error(manifest.error().code, path + ": " + manifest.error().message);
  if (manifest->seqno != seqno) {
    return Error(Code::Corruption, path + ": manifest is of seqno " + std::to_string(manifest->seqno.value));
  }
  return manifest;
}

/// Reads the file in pieces, since one of a store may be larger than memory; a small one in one piece of its size, and
/// a byte more, that tells a file that is longer.
Status CheckpointDirectory::check_file(const std::string& path, const ManifestEntry& entry) const {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs_.open(path, base::OpenMode::Read));
  constexpr std::uint64_t kPieceBytesMin = 4096;
  constexpr std::uint64_t kPieceBytesMax = 1U << 20U;
  std::string piece(std::clamp(entry.bytes + 1, kPieceBytesMin, kPieceBytesMax), '\0');
  std::uint64_t bytes = 0;
  std::uint32_t checksum = 0;
  for (std::size_t n = piece.size(); n == piece.size(); bytes += n) {
    TIDAL_TRY_ASSIGN(n, file->read_at(bytes, std::as_writable_bytes(std::span(piece))));
    checksum = base::crc32c(std::string_view(piece).substr(0, n), checksum);
  }
  if (bytes != entry.bytes) {
    return Error(Code::Corruption,
                 path + ": expected " + std::to_string(entry.bytes) + " bytes, got " + std::to_string(bytes));
  }
  if (checksum != entry.checksum) return Error(Code::Corruption, path + ": checksum mismatch");
  return {};
}

Result<std::string> CheckpointDirectory::read_view_file(SeqNo seqno, const ManifestEntry& entry) const {
  const std::string path = directory_of(seqno) + "/" + entry.view;
  TIDAL_TRY_ASSIGN(std::string bytes, base::read_file(fs_, path));
  if (bytes.size() != entry.bytes) {
    return Error(Code::Corruption,
                 path + ": expected " + std::to_string(entry.bytes) + " bytes, got " + std::to_string(bytes.size()));
  }
  if (base::crc32c(bytes) != entry.checksum) return Error(Code::Corruption, path + ": checksum mismatch");
  return bytes;
}

/// Its manifest, once its views can be read; where stores come with it, once every file of it is sound, too: no store
/// is given up for a base of which another file is damaged.
Result<Manifest> CheckpointDirectory::judge_one(const Registry& registry, SeqNo seqno, bool has_stores,
                                                bool may_begin) const {
  TIDAL_TRY_ASSIGN(Manifest manifest, this->manifest(seqno));
  if (const Status readable = check_versions(registry, manifest, may_begin); !readable.ok()) {
    return Error(Code::Corruption, readable.error().message);  // not used, like a damaged one; others may do
  }
  if (has_stores) {
    for (const ManifestEntry& entry : manifest.entries)
      TIDAL_TRY(check_file(directory_of(seqno) + "/" + entry.view, entry));
  }
  return manifest;
}

Status CheckpointDirectory::load_stores(const Manifest& manifest, const Registry& registry,
                                        std::span<const StoreFile> stores) const {
  for (const StoreFile& store : stores) {
    if (registry.find(store.view) == nullptr) continue;
    if (!holds(manifest, store.view)) {
      TIDAL_TRY(store.clear());  // check_versions() let the view begin
      continue;
    }
    if (!holds(manifest, store.name)) {
      return Error(Code::Corruption, directory_of(manifest.seqno) + " lacks the file " + store.name);
    }
    TIDAL_TRY(store.load(directory_of(manifest.seqno) + "/" + store.name, manifest.seqno));
  }
  return {};
}

Status CheckpointDirectory::load_views(const Manifest& manifest, const Registry& registry) const {
  const SeqNo seqno = manifest.seqno;
  for (const auto& view : registry.views()) {
    const auto entry = std::ranges::find(manifest.entries, view->name(), &ManifestEntry::view);
    if (entry == manifest.entries.end()) {
      TIDAL_TRY(view->begin(seqno));  // check_versions() let it
      continue;
    }
    TIDAL_TRY_ASSIGN(const std::string bytes, read_view_file(seqno, *entry));
    base::Decoder in(bytes);
    TIDAL_TRY(check_opening(in, kViewMagic, directory_of(seqno) + "/" + entry->view));
    const bool same = in.string() == entry->view && in.u32() == entry->logic_version && in.u64() == seqno.value;
    if (!same || !in.ok()) return Error(Code::Corruption, "view file " + entry->view + ": header does not match");
    TIDAL_TRY(view->restore(in.rest(), seqno, entry->logic_version));
  }
  return {};
}

/// All or nothing (P3): a view replayed from further back than the key map would resolve old events by newer state.
Status CheckpointDirectory::check_versions(const Registry& registry, const Manifest& manifest, bool may_begin) const {
  for (const auto& view : registry.views()) {
    const std::string name(view->name());
    const auto entry = std::ranges::find(manifest.entries, name, &ManifestEntry::view);
    if (entry == manifest.entries.end()) {
      if (may_begin && policy_.reads_older_images && view->may_begin_at_base()) continue;
      return Error(Code::FailedPrecondition, directory_of(manifest.seqno) + " lacks the view " + name +
                                                 ": the program that wrote it did not have it");
    }
    const std::uint32_t newest = view->logic_version();
    const std::uint32_t oldest = policy_.reads_older_images ? view->oldest_image_version() : newest;
    if (entry->logic_version >= oldest && entry->logic_version <= newest) continue;
    return Error(Code::FailedPrecondition, directory_of(manifest.seqno) + ": view " + name + " was written by logic " +
                                               std::to_string(entry->logic_version) + ", this program reads " +
                                               (oldest == newest ? "" : std::to_string(oldest) + " to ") +
                                               std::to_string(newest));
  }
  return {};
}

Status CheckpointDirectory::check_versions(const Registry& registry, SeqNo seqno) const {
  TIDAL_TRY_ASSIGN(const Manifest manifest, this->manifest(seqno));
  return check_versions(registry, manifest, true);
}

/// A newer opening counts only in a file whose checksum holds: a flipped bit must not pass for a newer format.
Status CheckpointDirectory::check_format(const std::string& path, const ManifestEntry& entry) const {
  const Result<std::unique_ptr<base::File>> file = fs_.open(path, base::OpenMode::Read);
  if (!file.ok()) return {};
  std::string head(kViewMagic.size() + 2 * sizeof(std::uint32_t), '\0');
  const Result<std::size_t> n = (*file)->read_at(0, std::as_writable_bytes(std::span(head)));
  if (!n.ok() || *n != head.size()) return {};
  base::Decoder in(head);
  Status opening = check_opening(in, kViewMagic, path);
  const bool newer = !opening.ok() && opening.error().code == Code::FailedPrecondition;
  return newer && check_file(path, entry).ok() ? opening : Status();
}

Status CheckpointDirectory::check_formats() const {
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, list());
  for (const SeqNo seqno : seqnos) {
    const Result<Manifest> manifest = this->manifest(seqno);
    if (!manifest.ok() && manifest.error().code == Code::FailedPrecondition) return manifest.error();
    if (!manifest.ok()) continue;
    for (const ManifestEntry& entry : manifest->entries) {
      TIDAL_TRY(check_format(directory_of(seqno) + "/" + entry.view, entry));
    }
  }
  return {};
}

Result<SeqNo> CheckpointDirectory::restore(const Registry& registry, SeqNoRange usable, std::vector<std::string>& notes,
                                           std::span<const StoreFile> stores) {
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, list());
  for (const SeqNo seqno : seqnos) {
    if (seqno < usable.first || seqno > usable.last) continue;
    // Where the log reaches back to its first record, a view that is replayed from there knows more.
    const Result<Manifest> judged = judge_one(registry, seqno, !stores.empty(), usable.first > SeqNo{});
    const Status stored = judged.ok() ? load_stores(*judged, registry, stores) : Status(judged.error());
    // Its files are sound: it is the store that cannot be written.
    if (judged.ok() && !stored.ok() && stored.error().code != Code::Corruption) return stored.error();
    Status restored = stored.ok() ? load_views(*judged, registry) : stored;
    if (restored.ok()) return seqno;
    for (const auto& view : registry.views()) view->reset();
    const Code code = restored.error().code;
    // A newer format, or a want of space, memory or descriptors: nothing is wrong with the checkpoint.
    if (code == Code::FailedPrecondition || code == Code::ResourceExhausted) return std::move(restored).error();
    notes.push_back("checkpoint at seqno " + std::to_string(seqno.value) + " not used: " + restored.error().message);
  }
  return SeqNo{};
}

Result<SeqNo> CheckpointDirectory::newest() const {
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, list());
  for (const SeqNo seqno : seqnos) {
    if (this->manifest(seqno).ok()) return seqno;
  }
  return SeqNo{};
}

std::vector<std::string> CheckpointDirectory::verify(SeqNo seqno) const {
  Result<std::vector<std::string>> found = defects(seqno);
  if (!found.ok()) return {found.error().message};
  return std::move(found).value();
}

Result<std::vector<std::string>> CheckpointDirectory::defects(SeqNo seqno) const {
  const auto is_defect = [](const Error& error) {  // a file that is gone is damage, one of a newer format told as such
    return error.code == Code::Corruption || error.code == Code::NotFound || error.code == Code::FailedPrecondition;
  };
  std::vector<std::string> defects;
  const Result<Manifest> manifest = this->manifest(seqno);
  if (!manifest.ok()) {
    if (!is_defect(manifest.error())) return manifest.error();
    const std::string& message = manifest.error().message;
    const bool names_file = message.find(directory_of(seqno)) != std::string::npos;
    defects.push_back((names_file ? "" : directory_of(seqno) + ": ") + message);
    return defects;
  }
  for (const ManifestEntry& entry : manifest->entries) {
    const Status sound = check_file(directory_of(seqno) + "/" + entry.view, entry);
    if (sound.ok()) continue;
    if (!is_defect(sound.error())) return sound.error();
    defects.push_back(sound.error().message);
  }
  return defects;
}

Result<std::vector<std::string>> CheckpointDirectory::verify() const {
  std::vector<std::string> all;
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, list());
  for (const SeqNo seqno : seqnos) {
    TIDAL_TRY_ASSIGN(std::vector<std::string> found, defects(seqno));
    std::ranges::move(found, std::back_inserter(all));
  }
  return all;
}

Status CheckpointDirectory::remove_before(SeqNo seqno) {
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, list());
  for (const SeqNo each : seqnos) {
    if (each < seqno) TIDAL_TRY(remove(each));
  }
  return sync_names();  // also of those that an earlier call removed and failed to sync
}

Status CheckpointDirectory::remove_unfinished() {
  if (!fs_.exists(path_)) return {};
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs_.list(path_));
  for (const std::string& name : names) {
    if (name.size() == 20 + kUnfinished.size() && name.ends_with(kUnfinished)) {
      TIDAL_TRY(fs_.remove_all(path_ + "/" + name));
    }
  }
  return {};
}

}  // namespace tidal::materializer
