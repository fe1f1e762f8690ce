// The spill coding: private to one run of one program, so it carries no version.
#include "cli/import/operation.h"

#include <bit>
#include <utility>

#include "base/coding.h"

namespace tidal::cli {
namespace {

enum class Kind : std::uint8_t {
  Refused = 0,
  Signal = 1,
  Put = 2,
  Delete = 3,
  Definitions = 4,
  Unsignal = 5,
  Relate = 6,
  Hide = 7
};

void write_value(base::Encoder& out, const Value& value) {
  out.u8(static_cast<std::uint8_t>(value.index()));
  if (const auto* b = std::get_if<bool>(&value)) out.u8(*b ? 1 : 0);
  if (const auto* n = std::get_if<std::int64_t>(&value)) out.zigzag(*n);
  if (const auto* d = std::get_if<double>(&value)) out.f64(*d);
  if (const auto* s = std::get_if<std::string>(&value)) out.string(*s);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    out.varint(list->size());
    for (const std::string& s : *list) out.string(s);
  }
  if (const auto* t = std::get_if<Timestamp>(&value)) out.zigzag(t->us);
  if (const auto* d = std::get_if<Duration>(&value)) out.zigzag(d->us);
}

Value read_value(base::Decoder& in) {
  switch (in.u8()) {
    case 0: return std::monostate{};
    case 1: return in.u8() != 0;
    case 2: return in.zigzag();
    case 3: return in.f64();
    case 4: return std::string(in.string());
    case 5: {
      std::vector<std::string> list;
      for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) list.emplace_back(in.string());
      return list;
    }
    case 6: return Timestamp{in.zigzag()};
    case 7: return Duration{in.zigzag()};
    default: in.fail(); return std::monostate{};
  }
}

void write_signal(base::Encoder& out, const Signal& signal) {
  out.u8(static_cast<std::uint8_t>(Kind::Signal));
  out.string(signal.kind);
  out.string(signal.item);
  out.string(signal.user);
  out.f64(signal.weight);
  out.u8(static_cast<std::uint8_t>((signal.value ? 1 : 0) | (signal.at ? 2 : 0)));
  if (signal.value) out.f64(*signal.value);
  if (signal.at) out.zigzag(signal.at->us);
  out.string(signal.idempotency_key);
  out.string(signal.context);
}

Signal read_signal(base::Decoder& in) {
  Signal signal;
  signal.kind = in.string();
  signal.item = in.string();
  signal.user = in.string();
  signal.weight = in.f64();
  const std::uint8_t present = in.u8();
  if ((present & 1) != 0) signal.value = in.f64();
  if ((present & 2) != 0) signal.at = Timestamp{in.zigzag()};
  signal.idempotency_key = in.string();
  signal.context = in.string();
  return signal;
}

void write_put(base::Encoder& out, const PutOperation& put) {
  out.u8(static_cast<std::uint8_t>(Kind::Put));
  out.u8(static_cast<std::uint8_t>(put.kind));
  out.string(put.key);
  const Entity& entity = put.entity;
  out.u8(static_cast<std::uint8_t>((put.update ? 1 : 0) | (entity.creator ? 2 : 0) | (entity.created_at ? 4 : 0) |
                                   (entity.created_at_open ? 8 : 0) | (put.at ? 16 : 0)));
  if (entity.creator) out.string(*entity.creator);
  if (entity.created_at) out.zigzag(entity.created_at->us);
  if (put.at) out.zigzag(put.at->us);
  out.varint(entity.fields.size());
  for (const auto& [name, value] : entity.fields) {
    out.string(name);
    write_value(out, value);
  }
  out.varint(entity.embeddings.size());
  for (const auto& [name, vector] : entity.embeddings) {
    out.string(name);
    out.varint(vector.size());
    for (const float x : vector) out.u32(std::bit_cast<std::uint32_t>(x));
  }
}

PutOperation read_put(base::Decoder& in) {
  PutOperation put;
  put.kind = static_cast<EntityKind>(in.u8());
  put.key = in.string();
  const std::uint8_t present = in.u8();
  put.update = (present & 1) != 0;
  if ((present & 2) != 0) put.entity.creator = std::string(in.string());
  if ((present & 4) != 0) put.entity.created_at = Timestamp{in.zigzag()};
  put.entity.created_at_open = (present & 8) != 0;
  if ((present & 16) != 0) put.at = Timestamp{in.zigzag()};
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    std::string name(in.string());
    put.entity.fields[std::move(name)] = read_value(in);
  }
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    std::vector<float>& vector = put.entity.embeddings[std::string(in.string())];
    for (std::uint64_t i = in.varint(); i > 0 && in.ok(); --i) vector.push_back(std::bit_cast<float>(in.u32()));
  }
  return put;
}

void write_time(base::Encoder& out, const std::optional<Timestamp>& at) {
  out.u8(at ? 1 : 0);
  if (at) out.zigzag(at->us);
}

std::optional<Timestamp> read_time(base::Decoder& in) {
  return in.u8() != 0 ? std::optional(Timestamp{in.zigzag()}) : std::nullopt;
}

void write_unsignal(base::Encoder& out, const Unsignal& unsignal) {
  out.u8(static_cast<std::uint8_t>(Kind::Unsignal));
  out.string(unsignal.kind);
  out.string(unsignal.item);
  out.string(unsignal.user);
  write_time(out, unsignal.at);
}

Unsignal read_unsignal(base::Decoder& in) {
  Unsignal unsignal;
  unsignal.kind = in.string();
  unsignal.item = in.string();
  unsignal.user = in.string();
  unsignal.at = read_time(in);
  return unsignal;
}

void write_relate(base::Encoder& out, const Relate& relate) {
  out.u8(static_cast<std::uint8_t>(Kind::Relate));
  out.string(relate.relation);
  out.string(relate.from);
  out.string(relate.to);
  out.u8(relate.remove ? 1 : 0);
  out.f64(relate.weight);
  write_time(out, relate.at);
}

Relate read_relate(base::Decoder& in) {
  Relate relate;
  relate.relation = in.string();
  relate.from = in.string();
  relate.to = in.string();
  relate.remove = in.u8() != 0;
  relate.weight = in.f64();
  relate.at = read_time(in);
  return relate;
}

void write_hide(base::Encoder& out, const Hide& hide) {
  out.u8(static_cast<std::uint8_t>(Kind::Hide));
  out.u8(static_cast<std::uint8_t>(hide.kind));
  out.string(hide.key);
  out.u8(hide.unhide ? 1 : 0);
  out.string(hide.reason);
  write_time(out, hide.at);
}

Hide read_hide(base::Decoder& in) {
  Hide hide;
  hide.kind = static_cast<EntityKind>(in.u8());
  hide.key = in.string();
  hide.unhide = in.u8() != 0;
  hide.reason = in.string();
  hide.at = read_time(in);
  return hide;
}

}  // namespace

void encode_operation(const ImportedOperation& operation, std::string& out) {
  base::Encoder encoder;
  encoder.varint(operation.line);
  if (const auto* what = std::get_if<Operation>(&operation.what)) {
    if (const auto* signal = std::get_if<Signal>(what)) {
      write_signal(encoder, *signal);
    } else if (const auto* put = std::get_if<PutOperation>(what)) {
      write_put(encoder, *put);
    } else if (const auto* unsignal = std::get_if<Unsignal>(what)) {
      write_unsignal(encoder, *unsignal);
    } else if (const auto* relate = std::get_if<Relate>(what)) {
      write_relate(encoder, *relate);
    } else if (const auto* hide = std::get_if<Hide>(what)) {
      write_hide(encoder, *hide);
    } else {
      const auto& removed = std::get<DeleteOperation>(*what);
      encoder.u8(static_cast<std::uint8_t>(Kind::Delete));
      encoder.u8(static_cast<std::uint8_t>(removed.kind));
      encoder.string(removed.key);
    }
  } else if (const auto* definitions = std::get_if<Definitions>(&operation.what)) {
    encoder.u8(static_cast<std::uint8_t>(Kind::Definitions));
    encoder.string(definitions->statements);
    encoder.u8(definitions->at ? 1 : 0);
    if (definitions->at) encoder.zigzag(definitions->at->us);
  } else {
    encoder.u8(static_cast<std::uint8_t>(Kind::Refused));
  }
  out = encoder.take();
}

Result<ImportedOperation> decode_operation(std::string_view bytes) {
  base::Decoder in(bytes);
  ImportedOperation operation;
  operation.line = in.varint();
  switch (static_cast<Kind>(in.u8())) {
    case Kind::Refused: break;
    case Kind::Signal: operation.what = Operation(read_signal(in)); break;
    case Kind::Put: operation.what = Operation(read_put(in)); break;
    case Kind::Unsignal: operation.what = Operation(read_unsignal(in)); break;
    case Kind::Relate: operation.what = Operation(read_relate(in)); break;
    case Kind::Hide: operation.what = Operation(read_hide(in)); break;
    case Kind::Delete: {
      const auto kind = static_cast<EntityKind>(in.u8());
      operation.what = Operation(DeleteOperation{kind, std::string(in.string())});
      break;
    }
    case Kind::Definitions: {
      Definitions definitions{.statements = std::string(in.string())};
      if (in.u8() != 0) definitions.at = Timestamp{in.zigzag()};
      operation.what = std::move(definitions);
      break;
    }
    default: in.fail();
  }
  if (!in.ok() || !in.at_end()) return Error(Code::Corruption, "damaged spill file: an operation cannot be decoded");
  return operation;
}

std::string key_defect(std::string_view key) {
  if (key.empty()) return "is empty";
  if (key.size() > 128) return "has " + std::to_string(key.size()) + " bytes, at most 128 are allowed";
  for (const char c : key) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return "holds a control character";
  }
  return "";
}

}  // namespace tidal::cli
