#include "runtime/disk.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

namespace blotter::runtime {

namespace fs = std::filesystem;

namespace {

std::unexpected<Error> refuse(const char* doing, const fs::path& path, int reason) {
    Errc code = Errc::storage_failed;
    if (reason == ENOENT) code = Errc::not_found;
    if (reason == ENOSPC || reason == EDQUOT) code = Errc::storage_full;
    return fail(code, fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(reason)));
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_;
};

class SystemWriter final : public FileWriter {
  public:
    SystemWriter(Descriptor fd, fs::path path) : fd_(std::move(fd)), path_(std::move(path)) {}

    Result<> write(ByteView data) override {
        while (!data.empty()) {
            const ssize_t done = ::write(fd_.get(), data.data(), data.size());
            if (done < 0 && errno == EINTR) continue;
            if (done < 0) return refuse("write", path_, errno);
            data = data.subspan(static_cast<std::size_t>(done));
        }
        return {};
    }
    Result<> sync() override {
        if (::fsync(fd_.get()) != 0) return refuse("make durable", path_, errno);
        return {};
    }

  private:
    Descriptor fd_;
    fs::path path_;
};

class SystemReader final : public FileReader {
  public:
    SystemReader(Descriptor fd, std::uint64_t size, fs::path path)
        : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}

    std::uint64_t size() const override { return size_; }
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) override {
        std::size_t filled = 0;
        while (filled < into.size()) {
            const ssize_t done = ::pread(fd_.get(), into.data() + filled, into.size() - filled,
                                         static_cast<off_t>(offset + filled));
            if (done < 0 && errno == EINTR) continue;
            if (done < 0) return refuse("read", path_, errno);
            if (done == 0) break;
            filled += static_cast<std::size_t>(done);
        }
        return filled;
    }

  private:
    Descriptor fd_;
    std::uint64_t size_;
    fs::path path_;
};

Result<> sync_directory(const fs::path& directory) {
    const Descriptor fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::fsync(fd.get()) != 0) return refuse("make durable", directory, errno);
    return {};
}

class SystemDisk final : public Disk {
  public:
    Result<std::unique_ptr<FileWriter>> create(const fs::path& path) override {
        Descriptor fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        if (!fd) return refuse("create", path, errno);
        return std::make_unique<SystemWriter>(std::move(fd), path);
    }
    Result<std::unique_ptr<FileReader>> open(const fs::path& path) override {
        Descriptor fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        struct stat info{};
        if (!fd || ::fstat(fd.get(), &info) != 0) return refuse("open", path, errno);
        return std::make_unique<SystemReader>(std::move(fd),
                                              static_cast<std::uint64_t>(info.st_size), path);
    }
    Result<std::string> read_all(const fs::path& path, std::size_t bytes_max) override {
        TRY(auto file, open(path));
        if (file->size() > bytes_max)
            return fail(Errc::too_large, fmt::format("{} has {} bytes, at most {} are accepted",
                                                     path.string(), file->size(), bytes_max));
        std::string content(file->size(), '\0');
        TRY(const std::size_t got,
            file->read_at(0, {reinterpret_cast<std::uint8_t*>(content.data()), content.size()}));
        content.resize(got);
        return content;
    }
    Result<> rename(const fs::path& from, const fs::path& to) override {
        if (::rename(from.c_str(), to.c_str()) != 0) return refuse("rename", from, errno);
        CHECK(sync_directory(to.parent_path()));
        if (from.parent_path() != to.parent_path()) CHECK(sync_directory(from.parent_path()));
        return {};
    }
    Result<> remove(const fs::path& path) override {
        if (::unlink(path.c_str()) != 0) return refuse("remove", path, errno);
        return {};
    }
    Result<> make_directories(const fs::path& path) override {
        fs::path at;
        for (const fs::path& part : path) {
            at /= part;
            if (::mkdir(at.c_str(), 0700) == 0) {
                if (at.has_parent_path()) CHECK(sync_directory(at.parent_path()));
            } else if (errno != EEXIST) {
                return refuse("create the directory", at, errno);
            }
        }
        return {};
    }
    Result<std::vector<fs::path>> list(const fs::path& directory) override {
        std::error_code error;
        std::vector<fs::path> found;
        for (const auto& entry : fs::directory_iterator{directory, error})
            found.push_back(entry.path());
        if (error) return refuse("list", directory, error.value());
        return found;
    }
    Result<std::uint64_t> free_bytes(const fs::path& path) override {
        struct statvfs info{};
        if (::statvfs(path.c_str(), &info) != 0) return refuse("look at", path, errno);
        return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
    }
};

}  // namespace

Result<> Disk::replace(const fs::path& path, std::string_view content) {
    fs::path beside = path;
    beside += ".new";
    TRY(auto file, create(beside));
    CHECK(file->write(as_bytes(content)));
    CHECK(file->sync());
    file.reset();
    return rename(beside, path);
}

std::unique_ptr<Disk> make_system_disk() {
    return std::make_unique<SystemDisk>();
}

}  // namespace blotter::runtime
