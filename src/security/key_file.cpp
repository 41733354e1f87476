#include "security/key_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "security/cipher.hpp"
#include "security/hmac.hpp"

namespace blotter::security {
namespace {

constexpr std::string_view header =
    "# Blotter master keys. Whoever has this file can read every stored secret and payload;\n"
    "# without it nobody can. Keep a copy apart from the database and its backups.\n"
    "# The first key is the current one; older ones below it still open what they wrapped.\n";

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

std::unexpected<Error> system_failure(std::string_view what, const std::filesystem::path& path) {
    const int code = errno;
    return fail(code == ENOENT ? Errc::not_found : Errc::unavailable,
                fmt::format("{} the key file {}: {}", what, path.string(), std::strerror(code)));
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

Result<MasterKey> read_key(std::string_view line, const std::string& where) {
    const std::size_t gap = line.find_first_of(" \t");
    const bool has_id = gap != std::string_view::npos;
    const std::string_view id = has_id ? line.substr(0, gap) : std::string_view{};
    auto bytes = from_base64(has_id ? trim(line.substr(gap)) : line);
    MasterKey key;
    if (bytes) key.key = Secret::take(std::move(*bytes));
    if (key.key.size() != aes_key_bytes)
        return fail(Errc::malformed, where +
                                         ": a key is 32 bytes in base64 (44 characters), with its "
                                         "id in front or alone");
    key.id = master_key_id(key.key.expose());
    if (has_id && key.id != id)
        return fail(Errc::malformed,
                    where +
                        ": the key does not belong to the id in front of it; one of the two was "
                        "changed");
    return key;
}

/// Whether systemd handed the file to this service (LoadCredential): it lies in a folder of the
/// service's own that only root can change, belongs to root, and an access list lets the service
/// read it, which shows as mode 0440.
bool is_credential(const std::filesystem::path& path, const struct stat& file,
                   const std::filesystem::path& credentials) {
    const auto inside = std::filesystem::absolute(path).lexically_normal().lexically_relative(
        credentials.lexically_normal());
    if (inside.empty() || *inside.begin() == "..") return false;
    struct stat folder{};
    if (::stat(path.parent_path().c_str(), &folder) != 0) return false;
    const unsigned mode = file.st_mode & 07777U;
    return file.st_uid == 0 && file.st_gid == 0 && (mode == 0400 || mode == 0440) &&
           (folder.st_uid == 0 || folder.st_uid == ::geteuid()) && (folder.st_mode & 0022U) == 0;
}

Result<> check_owner_and_mode(const std::filesystem::path& path, const struct stat& status) {
    if (status.st_uid != ::geteuid())
        return fail(
            Errc::unavailable,
            fmt::format("the key file {} belongs to user {}, but Blotter runs as user {}; "
                        "run: chown {} '{}'",
                        path.string(), status.st_uid, ::geteuid(), ::geteuid(), path.string()));
    const unsigned mode = status.st_mode & 07777U;
    if (mode != 0400 && mode != 0600)
        return fail(Errc::unavailable,
                    fmt::format("the key file {} has mode {:04o}, so others may read or change it; "
                                "run: chmod 0400 '{}'",
                                path.string(), mode, path.string()));
    return {};
}

Result<Secret> read_file(const std::filesystem::path& path,
                         const std::filesystem::path& credentials) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return system_failure("cannot open", path);
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return system_failure("cannot look at", path);
    if (!S_ISREG(status.st_mode))
        return fail(Errc::unavailable, fmt::format("{} is not a plain file", path.string()));
    if (!is_credential(path, status, credentials)) CHECK(check_owner_and_mode(path, status));
    Bytes bytes(key_file_bytes_max + 1);
    std::size_t used = 0;
    while (used < bytes.size()) {
        const ssize_t got = ::read(file.get(), bytes.data() + used, bytes.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_failure("cannot read", path);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    const bool too_long = used > key_file_bytes_max;
    bytes.resize(used);  // Shrinking moves nothing, and Secret wipes the whole capacity.
    Secret text = Secret::take(std::move(bytes));
    if (too_long)
        return fail(Errc::too_large, fmt::format("the key file {} is larger than {} bytes",
                                                 path.string(), key_file_bytes_max));
    return text;
}

Result<> write_new_file(const std::filesystem::path& path, const Secret& text) {
    const Descriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400));
    if (file.get() < 0) {
        if (errno == EEXIST)
            return fail(Errc::conflict,
                        fmt::format("{} exists already; it is left as it is", path.string()));
        return system_failure("cannot create", path);
    }
    ByteView rest = text.expose();
    while (!rest.empty()) {
        const ssize_t put = ::write(file.get(), rest.data(), rest.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_failure("cannot write", path);
        rest = rest.subspan(static_cast<std::size_t>(put));
    }
    if (::fsync(file.get()) != 0) return system_failure("cannot sync", path);
    return {};
}

Result<> sync_folder_of(const std::filesystem::path& path) {
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    const Descriptor handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (handle.get() < 0 || ::fsync(handle.get()) != 0)
        return system_failure("cannot sync the folder of", path);
    return {};
}

void append_line(Bytes& out, const std::string& id, ByteView key) {
    std::string base64 = to_base64(key);
    const auto add = [&out](std::string_view part) {
        out.insert(out.end(), part.begin(), part.end());
    };
    add(id);
    add(" ");
    add(base64);
    add("\n");
    wipe(base64.data(), base64.size());
}

// The room is reserved first: a growing vector would leave copies of keys behind.
Secret write_text(RandomSource& random, const std::vector<MasterKey>& older) {
    Bytes text;
    text.reserve(key_file_bytes_max);
    text.assign(header.begin(), header.end());
    std::array<std::uint8_t, aes_key_bytes> fresh;
    random.fill(fresh);
    append_line(text, master_key_id(fresh), fresh);
    wipe(fresh.data(), fresh.size());
    for (const MasterKey& key : older) append_line(text, key.id, key.key.expose());
    return Secret::take(std::move(text));
}

}  // namespace

std::string master_key_id(ByteView key) {
    const Digest digest = hmac_sha256(key, as_bytes("blotter master key id v1"));
    return to_hex(ByteView{digest}.first(master_key_id_bytes / 2));
}

Result<MasterKeys> MasterKeys::parse(std::string_view text, std::string_view origin) {
    MasterKeys out;
    std::size_t line_number = 0;
    while (!text.empty()) {
        ++line_number;
        // A comment reaches to the end of its line, so commas separate keys only outside of one.
        const bool comment = trim(text.substr(0, text.find('\n'))).starts_with('#');
        const std::size_t end = std::min(text.find_first_of(comment ? "\n" : "\n,"), text.size());
        const std::string_view line = trim(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || comment) continue;
        TRY(MasterKey key, read_key(line, fmt::format("{}, entry {}", origin, line_number)));
        if (out.find(key.id) != nullptr)
            return fail(Errc::malformed, fmt::format("{} lists the key {} twice", origin, key.id));
        if (out.keys_.size() == master_keys_max)
            return fail(Errc::too_large,
                        fmt::format("{} lists more than {} keys", origin, master_keys_max));
        out.keys_.push_back(std::move(key));
    }
    if (out.keys_.empty()) return fail(Errc::malformed, fmt::format("{} holds no key", origin));
    return out;
}

Result<MasterKeys> MasterKeys::load_file(const std::filesystem::path& path,
                                         const std::filesystem::path& credentials) {
    TRY(const Secret text, read_file(path, credentials));
    return parse(text.expose_text(), "the key file " + path.string());
}

MasterKeys MasterKeys::copy() const {
    MasterKeys out;
    for (const MasterKey& key : keys_)
        out.keys_.push_back({key.id, Secret::copy_of(key.key.expose())});
    return out;
}

const MasterKey* MasterKeys::find(std::string_view id) const {
    const auto found = std::ranges::find(keys_, id, &MasterKey::id);
    return found == keys_.end() ? nullptr : &*found;
}

Result<> create_key_file(const std::filesystem::path& path, RandomSource& random) {
    CHECK(write_new_file(path, write_text(random, {})));
    return sync_folder_of(path);
}

Result<> add_key_to_file(const std::filesystem::path& path, RandomSource& random) {
    TRY(const MasterKeys keys, MasterKeys::load_file(path));
    if (keys.all().size() == master_keys_max)
        return fail(Errc::too_large,
                    fmt::format("the key file {} holds {} keys already; remove old ones that wrap "
                                "nothing any more",
                                path.string(), master_keys_max));
    std::filesystem::path fresh = path;
    fresh += ".new";
    CHECK(write_new_file(fresh, write_text(random, keys.all())));
    if (::rename(fresh.c_str(), path.c_str()) != 0) return system_failure("cannot replace", path);
    return sync_folder_of(path);
}

}  // namespace blotter::security
