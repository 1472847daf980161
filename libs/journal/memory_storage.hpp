#pragma once

#include "libs/journal/storage.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace perpwire::journal {

/// What may go wrong with one append; asked before each.
struct AppendFault {
  /// Only so many bytes reach the file, and the append fails (disk full, torn write).
  std::optional<std::size_t> short_write;
};

/// A disk in memory that can fail as disks do: for tests and simulators. Everything it did is
/// repeatable.
class MemoryStorage : public Storage {
 public:
  struct File {
    std::string bytes;
    std::size_t durable = 0;  // bytes that a power cut cannot take
  };

  Result<std::vector<std::string>> list() override;
  Result<std::shared_ptr<StorageFile>> open(const std::string& name) override;
  Status remove(const std::string& name) override;
  [[nodiscard]] std::string describe() const override { return "memory"; }

  /// Faults. All empty: a perfect disk.
  std::function<AppendFault(const std::string& name, std::size_t bytes)> on_append;
  bool sync_fails = false;
  bool sync_lies = false;  // says yes, makes nothing durable
  bool truncate_fails = false;
  bool open_fails = false;

  /// Power cut: of every file only the durable bytes stay, and `keep(name, size)` of the others
  /// (those may also be damaged by the caller). Without `keep`: none.
  void cut_power(const std::function<std::size_t(const std::string&, std::size_t)>& keep = {});

  [[nodiscard]] std::map<std::string, std::shared_ptr<File>>& files() { return files_; }
  [[nodiscard]] std::size_t appends() const { return appends_; }

 private:
  friend class MemoryFile;
  std::map<std::string, std::shared_ptr<File>> files_;
  std::size_t appends_ = 0;
};

}  // namespace perpwire::journal
