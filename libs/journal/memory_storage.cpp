#include "libs/journal/memory_storage.hpp"

#include <algorithm>
#include <cstring>

namespace perpwire::journal {

class MemoryFile : public StorageFile {
 public:
  MemoryFile(MemoryStorage& storage, std::string name, std::shared_ptr<MemoryStorage::File> file)
      : storage_(storage), name_(std::move(name)), file_(std::move(file)) {}

  Status append(std::string_view bytes) override {
    ++storage_.appends_;
    const auto fault = storage_.on_append ? storage_.on_append(name_, bytes.size()) : AppendFault{};
    if (!fault.short_write) {
      file_->bytes += bytes;
      return {};
    }
    file_->bytes += bytes.substr(0, *fault.short_write);
    return fail(ErrorCode::kIo, "write " + name_ + ": no space left on device");
  }
  Status sync() override {
    if (storage_.sync_fails) return fail(ErrorCode::kIo, "fdatasync " + name_ + ": I/O error");
    if (!storage_.sync_lies) file_->durable = file_->bytes.size();
    return {};
  }
  Status truncate(std::uint64_t size) override {
    if (storage_.truncate_fails) return fail(ErrorCode::kIo, "truncate " + name_ + ": I/O error");
    file_->bytes.resize(size);
    file_->durable = std::min(file_->durable, file_->bytes.size());
    return {};
  }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> out) const override {
    if (offset >= file_->bytes.size()) return std::size_t{0};
    const auto count = std::min<std::size_t>(out.size(), file_->bytes.size() - offset);
    std::memcpy(out.data(), file_->bytes.data() + offset, count);
    return count;
  }
  [[nodiscard]] Result<std::uint64_t> size() const override { return file_->bytes.size(); }

 private:
  MemoryStorage& storage_;
  std::string name_;
  std::shared_ptr<MemoryStorage::File> file_;
};

Result<std::vector<std::string>> MemoryStorage::list() {
  std::vector<std::string> names;
  for (const auto& [name, file] : files_) names.push_back(name);
  return names;
}

Result<std::shared_ptr<StorageFile>> MemoryStorage::open(const std::string& name) {
  if (open_fails) return fail(ErrorCode::kIo, "open " + name + ": no space left on device");
  auto& file = files_[name];
  if (file == nullptr) file = std::make_shared<File>();
  return std::make_shared<MemoryFile>(*this, name, file);
}

Status MemoryStorage::remove(const std::string& name) {
  files_.erase(name);
  return {};
}

void MemoryStorage::cut_power(
    const std::function<std::size_t(const std::string&, std::size_t)>& keep) {
  for (auto& [name, file] : files_) {
    auto after = std::make_shared<File>();
    const std::size_t volatile_bytes = file->bytes.size() - file->durable;
    const std::size_t kept = keep ? std::min(keep(name, volatile_bytes), volatile_bytes) : 0;
    after->bytes = file->bytes.substr(0, file->durable + kept);
    after->durable = after->bytes.size();
    file = after;
  }
}

}  // namespace perpwire::journal
