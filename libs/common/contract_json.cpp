#include "libs/common/contract_json.hpp"

#include "libs/common/protobuf_log.hpp"
#include "libs/common/utf8.hpp"
#include "perpwire/v1/decimal.pb.h"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/options.pb.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <set>

namespace perpwire {
namespace {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

// ---- writing ----

void append_string(std::string_view text, std::string& out) {
  const std::size_t begin = out.size();
  bool beyond_ascii = false;
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    beyond_ascii = beyond_ascii || byte > 0x7f;
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  if (beyond_ascii && !is_utf8(text)) {
    out.resize(begin);
    append_string(readable(text), out);
  }
}

void append_level(const v1::Level& level, std::string& out) {
  const auto append = [&](std::int64_t mantissa, int exponent) {
    const auto value = Decimal::from_parts(mantissa, exponent);
    if (value) {
      value->append_json(out);
    } else {
      out += "null";
    }
  };
  out.push_back('[');
  append(level.price_mantissa(), level.price_exponent());
  out.push_back(',');
  append(level.amount_mantissa(), level.amount_exponent());
  out.push_back(']');
}

bool omits_absent(const pb::Descriptor& descriptor) {
  return descriptor.options().GetExtension(v1::omit_absent);
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void message(const pb::Message& message, JsonOptions options) {
    const auto* descriptor = message.GetDescriptor();
    if (descriptor == v1::Decimal::descriptor()) {
      decimal(static_cast<const v1::Decimal&>(message));
      return;
    }
    if (descriptor == v1::Level::descriptor()) {
      append_level(static_cast<const v1::Level&>(message), out_);
      return;
    }
    if (descriptor == v1::Envelope::descriptor()) {
      envelope(static_cast<const v1::Envelope&>(message));
      return;
    }
    out_.push_back('{');
    bool first = true;
    fields(message, options, first);
    out_.push_back('}');
  }

 private:
  void decimal(const v1::Decimal& value) {
    const auto number = to_wide_decimal(value);
    if (number) {
      number->append_json(out_);
    } else {
      out_ += "null";
    }
  }

  void key(std::string_view name, bool& first) {
    if (!first) out_.push_back(',');
    first = false;
    out_.push_back('"');
    out_ += name;
    out_ += "\":";
  }

  void envelope(const v1::Envelope& value) {
    out_ += R"({"event_type":)";
    append_string(value.event_type(), out_);
    fmt::format_to(std::back_inserter(out_), R"(,"timestamp":{})", value.timestamp());
    if (value.payload_case() == v1::Envelope::kHeartbeat) {
      bool first = false;
      fields(value.heartbeat(), {}, first);
      out_.push_back('}');
      return;
    }
    out_ += R"(,"stream":)";
    append_string(value.stream(), out_);
    fmt::format_to(std::back_inserter(out_), R"(,"sequence":{},"topic_sequence":{},"data":)",
                   value.sequence(), value.topic_sequence());
    const auto* payload = value.GetReflection()->GetOneofFieldDescriptor(
        value, v1::Envelope::descriptor()->FindOneofByName("payload"));
    if (payload == nullptr) {
      out_ += "null}";
      return;
    }
    message(value.GetReflection()->GetMessage(value, payload), {});
    out_.push_back('}');
  }

  void fields(const pb::Message& message, JsonOptions options, bool& first) {
    const auto* descriptor = message.GetDescriptor();
    const auto* reflection = message.GetReflection();
    const bool omit = omits_absent(*descriptor);
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      const bool keep =
          std::find(options.keep.begin(), options.keep.end(), field->name()) != options.keep.end();
      if (field->is_map()) {
        if (omit && !keep && reflection->FieldSize(message, field) == 0) continue;
        key(field->name(), first);
        map(message, field);
      } else if (field->is_repeated()) {
        if (omit && !keep && reflection->FieldSize(message, field) == 0) continue;
        key(field->name(), first);
        list(message, field);
      } else if (field->has_presence()) {
        single_with_presence(message, field, omit, first);
      } else {
        if (omit && is_default(message, field)) continue;
        key(field->name(), first);
        value(message, field, -1);
      }
    }
  }

  void single_with_presence(const pb::Message& message, const FieldDescriptor* field, bool omit,
                            bool& first) {
    if (message.GetReflection()->HasField(message, field)) {
      key(field->name(), first);
      value(message, field, -1);
      return;
    }
    const bool is_number = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                           field->message_type() == v1::Decimal::descriptor();
    const bool is_scalar = field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
    if (!omit && (is_number || is_scalar)) {
      key(field->name(), first);
      // A Decimal that is not `optional` always has a value; unset it is zero.
      out_ += is_scalar || field->has_optional_keyword() ? "null" : "0.0";
    }
  }

  static bool is_default(const pb::Message& message, const FieldDescriptor* field) {
    return !message.GetReflection()->HasField(message, field);
  }

  void list(const pb::Message& message, const FieldDescriptor* field) {
    out_.push_back('[');
    const int size = message.GetReflection()->FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
      if (i > 0) out_.push_back(',');
      value(message, field, i);
    }
    out_.push_back(']');
  }

  void map(const pb::Message& container, const FieldDescriptor* field) {
    // Sorted by key: both encodings and every run print alike.
    std::map<std::string, const pb::Message*> entries;
    const auto* reflection = container.GetReflection();
    const auto* key_field = field->message_type()->map_key();
    for (int i = 0; i < reflection->FieldSize(container, field); ++i) {
      const auto& entry = reflection->GetRepeatedMessage(container, field, i);
      entries[entry.GetReflection()->GetString(entry, key_field)] = &entry;
    }
    out_.push_back('{');
    bool first = true;
    for (const auto& [name, entry] : entries) {
      if (!first) out_.push_back(',');
      first = false;
      append_string(name, out_);
      out_.push_back(':');
      value(*entry, field->message_type()->map_value(), -1);
    }
    out_.push_back('}');
  }

  /// index -1: a single field.
  void value(const pb::Message& container, const FieldDescriptor* field, int index) {
    const auto* r = container.GetReflection();
    const auto number = [&](auto n) { fmt::format_to(std::back_inserter(out_), "{}", n); };
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        number(index < 0 ? r->GetInt32(container, field)
                         : r->GetRepeatedInt32(container, field, index));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        number(index < 0 ? r->GetInt64(container, field)
                         : r->GetRepeatedInt64(container, field, index));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        number(index < 0 ? r->GetUInt32(container, field)
                         : r->GetRepeatedUInt32(container, field, index));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        number(index < 0 ? r->GetUInt64(container, field)
                         : r->GetRepeatedUInt64(container, field, index));
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        out_ +=
            (index < 0 ? r->GetBool(container, field) : r->GetRepeatedBool(container, field, index))
                ? "true"
                : "false";
        break;
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        append_string(index < 0 ? r->GetStringReference(container, field, &scratch)
                                : r->GetRepeatedStringReference(container, field, index, &scratch),
                      out_);
        break;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        message(index < 0 ? r->GetMessage(container, field)
                          : r->GetRepeatedMessage(container, field, index),
                {});
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_ENUM:
        out_ += "null";  // the contracts use none of these; a test keeps it so
        break;
    }
  }

  std::string& out_;
};

// ---- reading ----

namespace od = simdjson::ondemand;

constexpr int kMaxDepth = 16;

std::string shown(std::string_view raw) {
  constexpr std::size_t kShown = 64;
  while (!raw.empty() &&
         (raw.back() == ' ' || raw.back() == '\n' || raw.back() == '\r' || raw.back() == '\t')) {
    raw.remove_suffix(1);
  }
  return raw.size() > kShown ? readable(raw, kShown) + "..." : std::string(raw);
}

tl::unexpected<Error> wrong(std::string_view path, std::string_view expected,
                            std::string_view found) {
  return fail(
      ErrorCode::kInvalidCommand,
      fmt::format("{}: expected {}, found {}", path.empty() ? "message" : path, expected, found));
}

tl::unexpected<Error> wrong(std::string_view path, simdjson::error_code error) {
  return wrong(path, "well-formed JSON", simdjson::error_message(error));
}

std::string_view type_name(od::json_type type) {
  switch (type) {
    case od::json_type::array:
      return "an array";
    case od::json_type::object:
      return "an object";
    case od::json_type::number:
      return "a number";
    case od::json_type::string:
      return "a string";
    case od::json_type::boolean:
      return "a boolean";
    case od::json_type::null:
      return "null";
  }
  return "something else";
}

std::string join(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

class Reader {
 public:
  Status object(od::value source, pb::Message& target, const std::string& path, int depth) {
    if (depth > kMaxDepth) return wrong(path, "at most 16 nested objects", "more");
    if (target.GetDescriptor() == v1::Decimal::descriptor()) {
      return decimal(source, static_cast<v1::Decimal&>(target), path);
    }
    if (target.GetDescriptor() == v1::Level::descriptor()) {
      return level(source, static_cast<v1::Level&>(target), path);
    }
    od::object fields;
    if (const auto error = source.get_object().get(fields))
      return type_error(source, path, "an object", error);
    return members(fields, target, path, depth);
  }

  Status members(od::object fields, pb::Message& target, const std::string& path, int depth) {
    const auto* descriptor = target.GetDescriptor();
    std::set<const FieldDescriptor*> seen;
    for (auto entry : fields) {
      std::string_view name;
      if (const auto error = entry.unescaped_key().get(name)) return wrong(path, error);
      const std::string member_name(name);
      const std::string member_path = join(path, member_name);
      od::value member;
      if (const auto error = entry.value().get(member)) return wrong(member_path, error);
      if (descriptor == v1::Envelope::descriptor() && member_name == "data") {
        if (auto done = payload(member, static_cast<v1::Envelope&>(target), member_path, depth);
            !done)
          return done;
        continue;
      }
      pb::Message* owner = &target;
      if (descriptor == v1::Envelope::descriptor() && member_name != "event_type" &&
          member_name != "timestamp" &&
          static_cast<v1::Envelope&>(target).event_type() == "heartbeat") {
        owner = static_cast<v1::Envelope&>(target).mutable_heartbeat();
      }
      const auto* field = owner->GetDescriptor()->FindFieldByName(member_name);
      if (field == nullptr)
        return wrong(path, "a known field", fmt::format("'{}'", shown(member_name)));
      if (!seen.insert(field).second) return wrong(member_path, "the field once", "it twice");
      if (auto done = one_field(member, *owner, field, member_path, depth); !done) return done;
    }
    return {};
  }

 private:
  Status type_error(od::value& source, const std::string& path, std::string_view expected,
                    simdjson::error_code error) {
    od::json_type type{};
    if (source.type().get(type) == simdjson::SUCCESS) {
      if (type == od::json_type::number || type == od::json_type::boolean) {
        return wrong(path, expected, shown(source.raw_json_token()));
      }
      return wrong(path, expected, type_name(type));
    }
    return wrong(path, error);
  }

  /// An event: which member of `payload` "data" is, event_type says.
  Status payload(od::value source, v1::Envelope& target, const std::string& path, int depth) {
    const auto field = payload_field(target.event_type());
    if (field == nullptr) {
      return wrong(path, "a known event_type before it",
                   fmt::format("'{}'", shown(target.event_type())));
    }
    return object(source, *target.GetReflection()->MutableMessage(&target, field), path, depth + 1);
  }

  static const FieldDescriptor* payload_field(std::string_view event_type) {
    std::string name(event_type);
    if (name.rfind("order_", 0) == 0) name = "order";
    return v1::Envelope::descriptor()->FindFieldByName(name);
  }

  Status one_field(od::value source, pb::Message& target, const FieldDescriptor* field,
                   const std::string& path, int depth) {
    bool is_null = false;
    if (const auto error = source.is_null().get(is_null)) return wrong(path, error);
    if (is_null) return {};
    if (field->is_map()) return map(source, target, field, path, depth);
    if (!field->is_repeated()) return single(source, target, field, path, depth);
    od::array items;
    if (const auto error = source.get_array().get(items))
      return type_error(source, path, "an array", error);
    int index = 0;
    for (auto item : items) {
      od::value element;
      const std::string item_path = fmt::format("{}[{}]", path, index++);
      if (const auto error = item.get(element)) return wrong(item_path, error);
      if (auto done = single(element, target, field, item_path, depth); !done) return done;
    }
    return {};
  }

  Status map(od::value source, pb::Message& target, const FieldDescriptor* field,
             const std::string& path, int depth) {
    od::object entries;
    if (const auto error = source.get_object().get(entries))
      return type_error(source, path, "an object", error);
    for (auto entry : entries) {
      std::string_view name;
      if (const auto error = entry.unescaped_key().get(name)) return wrong(path, error);
      const std::string key(name);
      od::value member;
      if (const auto error = entry.value().get(member)) return wrong(join(path, key), error);
      pb::Message* added = target.GetReflection()->AddMessage(&target, field);
      added->GetReflection()->SetString(added, field->message_type()->map_key(), key);
      if (auto done =
              single(member, *added, field->message_type()->map_value(), join(path, key), depth);
          !done) {
        return done;
      }
    }
    return {};
  }

  template <class Int>
  Result<Int> integer(od::value& source, const std::string& path) {
    od::json_type type{};
    if (const auto error = source.type().get(type)) return wrong(path, error);
    const std::string raw = shown(source.raw_json_token());
    Int value{};
    const auto [end, code] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
    if (type != od::json_type::number || code != std::errc{} || end != raw.data() + raw.size()) {
      return wrong(path,
                   fmt::format("an integer of {} bits{}", sizeof(Int) * 8,
                               std::is_signed_v<Int> ? "" : ", not negative"),
                   raw);
    }
    return value;  // the token itself is skipped by the enclosing object or array
  }

  Status single(od::value source, pb::Message& target, const FieldDescriptor* field,
                const std::string& path, int depth) {
    const auto* r = target.GetReflection();
    const bool repeated = field->is_repeated();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32: {
        const auto value = integer<std::int32_t>(source, path);
        if (!value) return tl::unexpected(value.error());
        repeated ? r->AddInt32(&target, field, *value) : r->SetInt32(&target, field, *value);
        return {};
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        const auto value = integer<std::int64_t>(source, path);
        if (!value) return tl::unexpected(value.error());
        repeated ? r->AddInt64(&target, field, *value) : r->SetInt64(&target, field, *value);
        return {};
      }
      case FieldDescriptor::CPPTYPE_UINT32: {
        const auto value = integer<std::uint32_t>(source, path);
        if (!value) return tl::unexpected(value.error());
        repeated ? r->AddUInt32(&target, field, *value) : r->SetUInt32(&target, field, *value);
        return {};
      }
      case FieldDescriptor::CPPTYPE_UINT64: {
        const auto value = integer<std::uint64_t>(source, path);
        if (!value) return tl::unexpected(value.error());
        repeated ? r->AddUInt64(&target, field, *value) : r->SetUInt64(&target, field, *value);
        return {};
      }
      case FieldDescriptor::CPPTYPE_BOOL: {
        bool value = false;
        if (const auto error = source.get_bool().get(value))
          return type_error(source, path, "true or false", error);
        repeated ? r->AddBool(&target, field, value) : r->SetBool(&target, field, value);
        return {};
      }
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string_view value;
        if (const auto error = source.get_string().get(value))
          return type_error(source, path, "a string", error);
        repeated ? r->AddString(&target, field, std::string(value))
                 : r->SetString(&target, field, std::string(value));
        return {};
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return object(
            source, repeated ? *r->AddMessage(&target, field) : *r->MutableMessage(&target, field),
            path, depth + 1);
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_ENUM:
        break;
    }
    return wrong(path, "a supported type", "a floating-point or enumerated field");
  }

  Result<WideDecimal> digits(od::value& source, const std::string& path) {
    od::json_type type{};
    if (const auto error = source.type().get(type)) return wrong(path, error);
    if (type == od::json_type::string) {
      std::string_view text;
      if (const auto error = source.get_string().get(text)) return wrong(path, error);
      auto value = WideDecimal::parse(text);
      if (!value) return wrong(path, "a decimal number", fmt::format("'{}'", shown(text)));
      return value;
    }
    if (type != od::json_type::number) return wrong(path, "a decimal number", type_name(type));
    std::string_view raw = source.raw_json_token();
    while (!raw.empty() &&
           (raw.back() == ' ' || raw.back() == '\n' || raw.back() == '\r' || raw.back() == '\t')) {
      raw.remove_suffix(1);
    }
    auto value = WideDecimal::parse_json_number(raw);
    if (!value) return wrong(path, "a decimal number", shown(raw));
    return value;
  }

  Status decimal(od::value& source, v1::Decimal& target, const std::string& path) {
    const auto value = digits(source, path);
    if (!value) return tl::unexpected(value.error());
    set_decimal(*value, target);
    return {};
  }

  Status level(od::value& source, v1::Level& target, const std::string& path) {
    od::array pair;
    if (const auto error = source.get_array().get(pair))
      return type_error(source, path, "[price, amount]", error);
    int index = 0;
    for (auto item : pair) {
      od::value element;
      if (const auto error = item.get(element)) return wrong(path, error);
      const auto wide = digits(element, path);
      if (!wide) return tl::unexpected(wide.error());
      const auto value = narrow(*wide);
      if (!value) return wrong(path, "a number of 64 bits", wide->to_string());
      if (index == 0) {
        target.set_price_mantissa(value->mantissa());
        target.set_price_exponent(value->exponent());
      } else if (index == 1) {
        target.set_amount_mantissa(value->mantissa());
        target.set_amount_exponent(value->exponent());
      }
      ++index;
    }
    if (index != 2) return wrong(path, "[price, amount]", fmt::format("{} elements", index));
    return {};
  }
};

}  // namespace

void append_contract_json(const pb::Message& message, std::string& out, JsonOptions options) {
  Writer(out).message(message, options);
}

std::string to_contract_json(const pb::Message& message, JsonOptions options) {
  std::string out;
  append_contract_json(message, out, options);
  return out;
}

Status parse_contract_json(std::string_view json, pb::Message& message) {
  od::parser parser;
  simdjson::padded_string padded(json);
  od::document document;
  if (const auto error = parser.iterate(padded).get(document)) return wrong("", error);
  od::object root;
  if (const auto error = document.get_object().get(root))
    return wrong("", "an object", simdjson::error_message(error));
  message.Clear();
  if (auto done = Reader{}.members(root, message, "", 0); !done) return done;
  // At the end there is no token left to locate.
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return wrong("", "nothing after the object", "more bytes");
  return {};
}

Status parse_payload(std::string_view payload, pb::Message& message) {
  if (is_json(payload)) return parse_contract_json(payload, message);
  if (payload.empty()) return wrong("", "JSON or protobuf", "an empty payload");
  const ProtobufWords words;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return wrong("", "JSON that begins with { or a protobuf " + message.GetDescriptor()->name(),
                 fmt::format("{} bytes beginning with 0x{:02x}{}{}", payload.size(),
                             static_cast<unsigned char>(payload.front()),
                             words.text().empty() ? "" : ": ", words.text()));
  }
  return {};
}

void to_protobuf(const pb::Message& message, std::string& out) {
  const ProtobufWords words;
  message.SerializeToString(&out);
  if (words.text().empty()) return;
  const std::unique_ptr<pb::Message> copy(message.New());
  copy->CopyFrom(message);
  make_readable(*copy);
  copy->SerializeToString(&out);
}

std::string to_protobuf(const pb::Message& message) {
  std::string out;
  to_protobuf(message, out);
  return out;
}

void set_decimal(const Decimal& value, v1::Decimal& out) {
  out.set_mantissa(value.mantissa());
  out.set_exponent(value.exponent());
  out.clear_mantissa_high();
}

void set_decimal(const WideDecimal& value, v1::Decimal& out) {
  const auto bits = static_cast<UInt128>(value.mantissa());
  const auto low = static_cast<std::int64_t>(static_cast<std::uint64_t>(bits));
  out.set_mantissa(low);
  out.set_exponent(value.exponent());
  if (static_cast<Int128>(low) == value.mantissa()) {
    out.clear_mantissa_high();
  } else {
    out.set_mantissa_high(static_cast<std::int64_t>(static_cast<std::uint64_t>(bits >> 64)));
  }
}

Result<WideDecimal> to_wide_decimal(const v1::Decimal& value) {
  if (!value.has_mantissa_high())
    return WideDecimal::from_parts(value.mantissa(), value.exponent());
  const UInt128 bits =
      (static_cast<UInt128>(static_cast<std::uint64_t>(value.mantissa_high())) << 64) |
      static_cast<std::uint64_t>(value.mantissa());
  return WideDecimal::from_parts(static_cast<Int128>(bits), value.exponent());
}

Result<Decimal> to_decimal(const v1::Decimal& value) {
  return to_wide_decimal(value).and_then([](const WideDecimal& wide) { return narrow(wide); });
}

}  // namespace perpwire
