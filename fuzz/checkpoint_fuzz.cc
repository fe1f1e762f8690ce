// Files of checkpoints and bases from arbitrary bytes: refused, or state that is written and read back unchanged.
//
// The first byte chooses what the rest is: M a manifest (its checksum is made right), D the dump of a store, V the name
// of a view, a line break and its image. Names, not numbers: a new view leaves the seeds what they were.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/memory_file_system.h"
#include "db/prepare.h"
#include "db/views.h"
#include "materializer/checkpoint.h"
#include "query/define.h"
#include "query/parser.h"
#include "storage/store_dump.h"

namespace {

using namespace tidal;  // NOLINT: a program of one file

constexpr std::string_view kSchema = R"(
  DEFINE FIELD item.title TEXT SEARCHABLE; DEFINE FIELD item.category KEYWORD INDEXED INTEREST DEFAULT "none";
  DEFINE FIELD item.tags KEYWORD[] INDEXED INTEREST; DEFINE FIELD item.year INT INDEXED;
  DEFINE FIELD user.country KEYWORD INDEXED; DEFINE FIELD creator.verified BOOL INDEXED;
  DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY UNIQUE SCOPE global, user
    EFFECTS preference +0.02, creator +0.02, mark seen;
  DEFINE SIGNAL like ROLE positive DECAY linear(14d) WINDOWS 24h, 7d UNIQUE
    EFFECTS preference +0.10, creator +0.15, affinity +0.30, mark liked, mark seen;
  DEFINE EMBEDDING item.content SIZE 3 STORAGE f16 PREFERENCE; DEFINE EMBEDDING user.face SIZE 2;
  DEFINE RELATION follows FROM user TO creator WINDOWS 24h UNIQUE EFFECTS preference +0.10, creator +0.30;
  DEFINE RELATION blocks FROM user TO creator EXCLUDES always;
  DEFINE RELATION friend FROM user TO user HALF LIFE 30d;)";

/// Views of a small database, which an image is restored into.
struct World {
  db::Stores stores;
  db::Views views{stores};

  World() {
    constexpr SeqNo kAhead{~std::uint64_t{0} >> 1};  // of any image
    base::Encoder marker;
    marker.u64(kAhead.value);
    storage::WriteBatch batch;
    batch.put(std::string(signal::kRollupMarker), marker.take());
    TIDAL_ASSERT(stores.entities().commit({}, kAhead).ok() && stores.rollups().commit(batch, kAhead).ok());
    const query::Script script = query::parse(kSchema).value();
    apply(db::schema_record(query::validate_definitions({}, script.statements)->change, {}));
    for (int i = 0; i < 12; ++i) put(EntityKind::Item, "i" + std::to_string(i));
    for (int i = 0; i < 6; ++i) put(EntityKind::User, "u" + std::to_string(i));
    for (int i = 0; i < 3; ++i) put(EntityKind::Creator, "c" + std::to_string(i));
  }

 private:
  void apply(const db::PreparedRecord& prepared) {
    wal::WalEvent event;
    event.seqno = views.registry().min_applied().next();
    event.record = prepared.record();
    views.registry().apply(event);
  }
  void put(EntityKind kind, const std::string& key) {
    db::Preparer preparer(views.schema(), views, {});
    WriteReply reply;
    apply(**preparer.prepare(PutOperation{.kind = kind, .key = key, .entity = {}}, reply));
  }
};

void check_manifest(std::string_view bytes) {
  base::Encoder whole;
  whole.raw(bytes);
  whole.u32(base::crc32c(bytes));
  const auto manifest = materializer::decode_manifest(whole.str());
  if (!manifest.ok()) return;
  const auto again = materializer::decode_manifest(materializer::encode_manifest(*manifest));
  TIDAL_ASSERT(again.ok() && again->entries.size() == manifest->entries.size() && again->seqno == manifest->seqno);
}

void check_dump(std::string_view bytes) {
  base::MemoryFileSystem fs;
  TIDAL_ASSERT(base::write_file_atomically(fs, "/dump", bytes).ok());
  const auto nothing = [](std::string_view, std::string_view) { return Status(); };
  const Result<storage::DumpSummary> summary = storage::read_dump(fs, "/dump", nothing);
  if (!summary.ok()) return;
  const auto store = storage::open_store(storage::Backend::Memory, fs, "").value();
  TIDAL_ASSERT(storage::load_dump(fs, "/dump", summary->seqno, *store).ok());
  base::FileWriter again = base::FileWriter::create(fs, "/again").value();
  TIDAL_ASSERT(storage::write_dump(*store, summary->seqno, again).ok() && again.finish().ok());
}

/// The image of the entities says which seqno it is of; the others do not.
SeqNo seqno_of(std::string_view image) {
  base::Decoder in(image);
  return SeqNo{in.u64()};
}

void check_image(std::string_view bytes) {
  const std::size_t line_break = bytes.find('\n');
  if (line_break == std::string_view::npos) return;
  World world;
  materializer::Materializer* found = world.views.registry().find(bytes.substr(0, line_break));
  if (found == nullptr) return;
  materializer::Materializer& view = *found;
  bytes.remove_prefix(line_break + 1);
  const SeqNo seqno = view.name() == "entities" ? seqno_of(bytes) : SeqNo{1000};
  if (!view.restore(bytes, seqno).ok()) return;
  const std::string digest = materializer::digest_of(view).hex;
  std::string image;
  TIDAL_ASSERT(view.checkpoint()->write_to(image).ok());
  TIDAL_ASSERT(view.restore(image, seqno).ok());
  TIDAL_ASSERT(materializer::digest_of(view).hex == digest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::uint8_t kManifest = 'M';
  constexpr std::uint8_t kDump = 'D';
  constexpr std::uint8_t kView = 'V';
  if (data[0] == kManifest) {
    check_manifest(bytes);
  } else if (data[0] == kDump) {
    check_dump(bytes);
  } else if (data[0] == kView) {
    check_image(bytes);
  }
  return 0;
}
