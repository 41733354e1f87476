#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace blotter::store {

/// The lock on a database directory: an advisory lock (flock) on `blotter.lock` beside the
/// database, held until the object ends, and let go by the kernel if the process dies.
class DatabaseLock {
  public:
    /// Errc::conflict, with the other process's number, when somebody holds it.
    static Result<DatabaseLock> take(const std::filesystem::path& database);
    ~DatabaseLock();
    DatabaseLock(DatabaseLock&& other) noexcept;
    DatabaseLock& operator=(DatabaseLock&&) = delete;

  private:
    explicit DatabaseLock(int fd) : fd_(fd) {}
    int fd_;
};

/// Makes the file (mode 0600, its name durable) if there is none, and takes the rights of others
/// off it if there is one.
Result<> prepare_database_file(const std::filesystem::path& database);

/// Refuses directories on network file systems, where locks and shared memory do not work.
Result<> require_local_file_system(const std::filesystem::path& directory);

/// The name of the network file system with this statfs(2) number, if it is one. FUSE is not in
/// here: it may be either.
std::optional<std::string_view> network_file_system(std::uint64_t magic);

/// The type of the mount with this "major:minor" in the text of /proc/self/mountinfo (proc(5)).
std::string mount_type(std::string_view mountinfo, std::string_view device);

}  // namespace blotter::store
