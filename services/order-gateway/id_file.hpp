#pragma once

#include "libs/common/result.hpp"
#include "services/order-gateway/id_memory.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace perpwire::gateway {

/// Ids on disk: hash tables of 16 bytes an id in files that are written once and dropped whole. A
/// file that is seven tenths full is followed by one of twice its size; looking an id up reads one
/// page of each.
///
/// What was kept is there after kill -9; after a power cut only what sync() was called for.
/// Thread: one. Owned by GatewayApp.
class IdFile : public IdMemory {
 public:
  struct Options {
    std::uint64_t first_slots = 1u << 16;  // a multiple of 256
    std::uint64_t most_slots = 1u << 24;
  };

  /// Throws: ConfigError naming the folder or the damaged file.
  explicit IdFile(const std::filesystem::path& folder, Options options);
  explicit IdFile(const std::filesystem::path& folder) : IdFile(folder, Options{}) {}
  ~IdFile() override;
  IdFile(const IdFile&) = delete;
  IdFile& operator=(const IdFile&) = delete;

  [[nodiscard]] std::optional<std::uint32_t> find(const Key& key) const override;
  bool keep(const Key& key, std::uint32_t fingerprint, UnixNanos at) override;
  /// Files whose newest id was kept before that, by the file's own time.
  void forget_before(UnixNanos before) override;
  /// Makes everything kept so far durable. Errors: kIo.
  Status sync();

  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] std::size_t files() const { return tables_.size(); }

 private:
  struct Table {
    std::filesystem::path path;
    int fd = -1;
    std::uint64_t number = 0;
    std::uint64_t slots = 0;
    std::uint64_t used = 0;
    bool dirty = false;
  };
  struct Place {
    bool found = false;
    std::uint32_t fingerprint = 0;
    std::uint64_t slot = 0;  // of the id, or the first free one
  };

  static Result<Place> look(const Table& table, const Key& key);
  Status add_table(std::uint64_t slots);
  void open_table(const std::filesystem::path& path, std::uint64_t number);

  std::filesystem::path folder_;
  Options options_;
  std::vector<Table> tables_;  // oldest first; the last is written
};

}  // namespace perpwire::gateway
