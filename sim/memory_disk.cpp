#include "memory_disk.hpp"

#include <algorithm>

namespace blotter::sim {

namespace fs = std::filesystem;

class MemoryFileWriter final : public runtime::FileWriter {
  public:
    MemoryFileWriter(MemoryDisk& disk, std::shared_ptr<MemoryDisk::File> file)
        : disk_(disk), file_(std::move(file)) {}
    Result<> write(ByteView data) override {
        if (disk_.room_ == MemoryDisk::Room::none)
            return fail(Errc::storage_full, "no space left on the simulated disk");
        file_->now += as_text(data);
        return {};
    }
    Result<> sync() override {
        file_->durable = file_->now;
        return {};
    }

  private:
    MemoryDisk& disk_;
    std::shared_ptr<MemoryDisk::File> file_;
};

namespace {

class MemoryFileReader final : public runtime::FileReader {
  public:
    explicit MemoryFileReader(std::string content) : content_(std::move(content)) {}
    std::uint64_t size() const override { return content_.size(); }
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) override {
        if (offset >= content_.size()) return std::size_t{0};
        const std::size_t size = std::min<std::size_t>(into.size(), content_.size() - offset);
        std::copy_n(content_.data() + offset, size, into.data());
        return size;
    }

  private:
    std::string content_;
};

std::unexpected<Error> missing(const fs::path& path) {
    return fail(Errc::not_found, "there is no " + path.string() + " on the simulated disk");
}

}  // namespace

Result<std::unique_ptr<runtime::FileWriter>> MemoryDisk::create(const fs::path& path) {
    auto file = std::make_shared<File>();
    names_[path.string()] = file;
    return std::make_unique<MemoryFileWriter>(*this, std::move(file));
}

Result<std::unique_ptr<runtime::FileReader>> MemoryDisk::open(const fs::path& path) {
    const auto found = names_.find(path.string());
    if (found == names_.end()) return missing(path);
    return std::make_unique<MemoryFileReader>(found->second->now);
}

Result<std::string> MemoryDisk::read_all(const fs::path& path, std::size_t bytes_max) {
    const auto found = names_.find(path.string());
    if (found == names_.end()) return missing(path);
    if (found->second->now.size() > bytes_max) return fail(Errc::too_large, "the file is too long");
    return found->second->now;
}

Result<> MemoryDisk::rename(const fs::path& from, const fs::path& to) {
    const auto found = names_.find(from.string());
    if (found == names_.end()) return missing(from);
    names_[to.string()] = found->second;
    durable_names_[to.string()] = found->second;
    names_.erase(from.string());
    durable_names_.erase(from.string());
    return {};
}

Result<> MemoryDisk::remove(const fs::path& path) {
    if (names_.erase(path.string()) == 0) return missing(path);
    durable_names_.erase(path.string());
    return {};
}

Result<std::vector<fs::path>> MemoryDisk::list(const fs::path& directory) {
    std::vector<fs::path> out;
    for (const auto& [name, file] : names_)
        if (fs::path{name}.parent_path() == directory) out.emplace_back(name);
    return out;
}

void MemoryDisk::power_cut() {
    // A name that was not made durable may be there all the same.
    for (const auto& [name, file] : names_)
        if (!durable_names_.contains(name) && dice_.chance(50)) durable_names_[name] = file;
    for (auto& [name, file] : durable_names_) {
        auto fresh = std::make_shared<File>();
        fresh->now = fresh->durable = file->durable;
        file = std::move(fresh);
    }
    names_ = durable_names_;
}

}  // namespace blotter::sim
