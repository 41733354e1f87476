#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace blotter::runtime {

/// A file being written. One thread at a time.
class FileWriter {
  public:
    virtual ~FileWriter() = default;
    virtual Result<> write(ByteView data) = 0;
    /// Durable on return (fsync). A failure is final: the data may be lost, do not retry.
    virtual Result<> sync() = 0;
};

/// A file being read at any offset. Thread-safe.
class FileReader {
  public:
    virtual ~FileReader() = default;
    virtual std::uint64_t size() const = 0;
    /// Fills up to `into.size()` bytes from `offset`; gives how many.
    virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) = 0;
};

/// Files outside the store: original and signed documents, keys, the last signed checkpoints.
/// Blocking: call it from an Offload thread. Thread-safe. Errors: not_found, storage_full
/// (ENOSPC, EDQUOT), storage_failed, each naming the path and the reason.
class Disk {
  public:
    virtual ~Disk() = default;
    virtual Result<std::unique_ptr<FileWriter>> create(const std::filesystem::path& path) = 0;
    virtual Result<std::unique_ptr<FileReader>> open(const std::filesystem::path& path) = 0;
    /// Whole content; refuses more than `bytes_max`.
    virtual Result<std::string> read_all(const std::filesystem::path& path,
                                         std::size_t bytes_max) = 0;
    /// Moves within one directory tree and makes the names durable (fsync of both directories).
    virtual Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    virtual Result<> remove(const std::filesystem::path& path) = 0;
    virtual Result<> make_directories(const std::filesystem::path& path) = 0;
    virtual Result<std::vector<std::filesystem::path>> list(
        const std::filesystem::path& directory) = 0;
    virtual Result<std::uint64_t> free_bytes(const std::filesystem::path& path) = 0;

    /// Writes beside `path`, syncs and renames over it: a crash leaves the old or the new content.
    Result<> replace(const std::filesystem::path& path, std::string_view content);
};

/// The machine's file system. Files are created with mode 0600, directories with 0700.
std::unique_ptr<Disk> make_system_disk();

}  // namespace blotter::runtime
