#pragma once

#include <map>

#include "dice.hpp"
#include "runtime/disk.hpp"

namespace blotter::sim {

/// The files beside the database: what was written can be read at once, and only what was synced
/// under a durable name stays after a power cut.
class MemoryDisk final : public runtime::Disk {
  public:
    explicit MemoryDisk(Dice dice) : dice_(dice) {}

    Result<std::unique_ptr<runtime::FileWriter>> create(const std::filesystem::path& path) override;
    Result<std::unique_ptr<runtime::FileReader>> open(const std::filesystem::path& path) override;
    Result<std::string> read_all(const std::filesystem::path& path, std::size_t bytes_max) override;
    Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
    Result<> remove(const std::filesystem::path& path) override;
    Result<> make_directories(const std::filesystem::path&) override { return {}; }
    Result<std::vector<std::filesystem::path>> list(
        const std::filesystem::path& directory) override;
    Result<std::uint64_t> free_bytes(const std::filesystem::path&) override {
        return room_ == Room::none ? 0 : 1ULL << 40;
    }

    void power_cut();
    /// Until set back: writing anything answers ENOSPC.
    enum class Room : bool { none, enough };
    void set_room(Room room) { room_ = room; }

  private:
    friend class MemoryFileWriter;
    struct File {
        std::string now;
        std::string durable;
    };
    std::map<std::string, std::shared_ptr<File>> names_;
    std::map<std::string, std::shared_ptr<File>> durable_names_;
    Room room_ = Room::enough;
    Dice dice_;
};

}  // namespace blotter::sim
