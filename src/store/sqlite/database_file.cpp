#include "store/sqlite/database_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace blotter::store {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t fuse_magic = 0x65735546;

std::unexpected<Error> refuse(const char* doing, const fs::path& path, int reason) {
    const bool full = reason == ENOSPC || reason == EDQUOT;
    return fail(full ? Errc::storage_full : Errc::storage_failed,
                fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(reason)));
}

fs::path directory_of(const fs::path& database) {
    return database.has_parent_path() ? database.parent_path() : fs::path{"."};
}

Result<> sync_directory(const fs::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return refuse("open", directory, errno);
    const int outcome = ::fsync(fd);
    const int reason = errno;
    ::close(fd);
    if (outcome != 0) return refuse("make durable", directory, reason);
    return {};
}

std::string holder_of(int fd) {
    char text[32];
    const ssize_t got = ::pread(fd, text, sizeof text, 0);
    std::string_view view{text, got > 0 ? static_cast<std::size_t>(got) : 0};
    if (const auto end = view.find('\n'); end != view.npos) view = view.substr(0, end);
    const bool digits = !view.empty() && view.find_first_not_of("0123456789") == view.npos;
    return digits ? fmt::format("process {}", view) : std::string{"another process"};
}

}  // namespace

std::optional<std::string_view> network_file_system(std::uint64_t magic) {
    struct Known {
        std::uint64_t magic;
        std::string_view name;
    };
    // statfs(2) and linux/magic.h.
    static constexpr Known known[] = {
        {0x6969, "NFS"},      {0xFF534D42, "CIFS"},   {0xFE534D42, "SMB2"},   {0x517B, "SMB"},
        {0x5346414F, "AFS"},  {0x00C36400, "Ceph"},   {0x0BD00BD0, "Lustre"}, {0x47504653, "GPFS"},
        {0x73757245, "Coda"}, {0x19830326, "BeeGFS"},
    };
    for (const Known& one : known)
        if (one.magic == magic) return one.name;
    return std::nullopt;
}

std::string mount_type(std::string_view mountinfo, std::string_view device) {
    // "36 35 98:0 /root /mount rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
    const auto take_until = [](std::string_view& text, std::string_view separator) {
        const std::string_view taken = text.substr(0, text.find(separator));
        text.remove_prefix(std::min(taken.size() + separator.size(), text.size()));
        return taken;
    };
    while (!mountinfo.empty()) {
        std::string_view line = take_until(mountinfo, "\n");
        take_until(line, " ");
        take_until(line, " ");
        if (take_until(line, " ") != device) continue;
        take_until(line, " - ");
        return std::string{take_until(line, " ")};
    }
    return {};
}

Result<> require_local_file_system(const fs::path& directory) {
    struct statfs info{};
    if (::statfs(directory.c_str(), &info) != 0) return refuse("look at", directory, errno);
    const auto magic = static_cast<std::uint64_t>(static_cast<std::uint32_t>(info.f_type));
    std::string name{network_file_system(magic).value_or("")};
    if (magic == fuse_magic) {
        struct stat about{};
        if (::stat(directory.c_str(), &about) != 0) return refuse("look at", directory, errno);
        std::ifstream file{"/proc/self/mountinfo"};
        const std::string text{std::istreambuf_iterator<char>{file}, {}};
        const std::string type =
            mount_type(text, fmt::format("{}:{}", ::major(about.st_dev), ::minor(about.st_dev)));
        const bool local = type == "fuseblk" || type == "fuse.fuse-overlayfs";
        if (!local) name = type.empty() ? "fuse" : type;
    }
    if (name.empty()) return {};
    return fail(Errc::invalid_argument,
                fmt::format("{} is on a network file system ({}), where the database's locks and "
                            "shared memory do not work: choose a directory on a local disk",
                            directory.string(), name));
}

Result<DatabaseLock> DatabaseLock::take(const fs::path& database) {
    const fs::path path = directory_of(database) / "blotter.lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return refuse("open", path, errno);
    DatabaseLock lock{fd};
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return refuse("lock", path, errno);
        return fail(Errc::conflict,
                    fmt::format("{} has the database in {} open for writing, and only one may: "
                                "stop it first, or give this one another data directory",
                                holder_of(fd), directory_of(database).string()));
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    // Only for the message above: a failure (a full disk) must not keep us from starting.
    if (::ftruncate(fd, 0) == 0) [[maybe_unused]]
        const ssize_t written = ::pwrite(fd, pid.data(), pid.size(), 0);
    return lock;
}

DatabaseLock::~DatabaseLock() {
    if (fd_ >= 0) ::close(fd_);
}

DatabaseLock::DatabaseLock(DatabaseLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Result<> prepare_database_file(const fs::path& database) {
    const int fd = ::open(database.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ::close(fd);
        return sync_directory(directory_of(database));
    }
    if (errno != EEXIST) return refuse("create", database, errno);
    struct stat info{};
    if (::stat(database.c_str(), &info) != 0) return refuse("look at", database, errno);
    if (!S_ISREG(info.st_mode))
        return fail(Errc::invalid_argument,
                    fmt::format("{} is not an ordinary file", database.string()));
    // SQLite gives its log the mode of the database.
    if ((info.st_mode & 077) != 0 && ::chmod(database.c_str(), 0600) != 0)
        return refuse("take the rights of others off", database, errno);
    return {};
}

}  // namespace blotter::store
