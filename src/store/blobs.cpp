#include "store/blobs.hpp"

#include <fmt/format.h>

namespace blotter::store {

namespace fs = std::filesystem;

struct Blobs::Upload::State {
    Blobs& owner;
    std::uint64_t bytes_max;
    fs::path path;
    std::unique_ptr<runtime::FileWriter> file;
    Sha256 hash;
    std::uint64_t bytes = 0;

    Result<> write(std::string_view chunk) {
        bytes += chunk.size();
        if (bytes > bytes_max)
            return fail(Errc::too_large,
                        fmt::format("the file is larger than the {} bytes accepted", bytes_max));
        hash.update(as_bytes(chunk));
        return file->write(as_bytes(chunk));
    }
    Result<Stored> finish() {
        CHECK(file->sync());
        file.reset();
        const Stored stored{hash.finish(), bytes};
        const fs::path target = owner.path_of(stored.sha256);
        CHECK(owner.disk_.make_directories(target.parent_path()));
        CHECK(owner.disk_.rename(path, target));
        path.clear();
        return stored;
    }
    ~State() {
        if (path.empty()) return;
        file.reset();
        // What stays behind after a failure here is removed by `prepare` at the next start.
        (void)owner.disk_.remove(path);
    }
};

Blobs::Blobs(runtime::Disk& disk, runtime::Offload& pool, fs::path root)
    : disk_(disk), pool_(pool), root_(std::move(root)) {}

Result<> Blobs::prepare() {
    CHECK(disk_.make_directories(root_ / "arriving"));
    TRY(const auto left, disk_.list(root_ / "arriving"));
    for (const fs::path& path : left) CHECK(disk_.remove(path));
    return {};
}

fs::path Blobs::path_of(const Digest& sha256) const {
    const std::string hex = to_hex(sha256);
    return root_ / hex.substr(0, 2) / hex.substr(2);
}

Blobs::Upload::Upload(std::shared_ptr<State> state) : state_(std::move(state)) {}

Blobs::Upload::~Upload() {
    // The file is closed and removed away from the loop.
    if (state_) state_->owner.pool_.post([state = std::move(state_)]() mutable { state.reset(); });
}

runtime::Task<Result<std::unique_ptr<Blobs::Upload>>> Blobs::begin(runtime::Loop& loop,
                                                                   runtime::Entropy& entropy,
                                                                   std::uint64_t bytes_max) {
    auto state = std::make_shared<Upload::State>(*this, bytes_max);
    state->path = root_ / "arriving" / entropy.id<FileId>(loop.clock().wall()).text();
    auto opened = co_await runtime::offload(loop, pool_, [this, state] {
        auto file = disk_.create(state->path);
        if (!file) return Result<>{pass(std::move(file).error())};
        state->file = std::move(*file);
        return Result<>{};
    });
    if (!opened) {
        state->path.clear();
        co_return pass(std::move(opened).error());
    }
    co_return std::unique_ptr<Upload>{new Upload{std::move(state)}};
}

runtime::Task<Result<>> Blobs::Upload::write(runtime::Loop& loop, std::string chunk) {
    co_return co_await runtime::offload(
        loop, state_->owner.pool_,
        [state = state_, chunk = std::move(chunk)] { return state->write(chunk); });
}

runtime::Task<Result<Blobs::Stored>> Blobs::Upload::finish(runtime::Loop& loop) {
    co_return co_await runtime::offload(loop, state_->owner.pool_,
                                        [state = state_] { return state->finish(); });
}

Result<Blobs::Stored> Blobs::put(std::string_view content, runtime::Entropy& entropy) {
    Upload::State state{*this, content.size()};
    const fs::path path = root_ / "arriving" / entropy.id<FileId>(from_ms(0)).text();
    TRY(state.file, disk_.create(path));
    state.path = path;
    CHECK(state.write(content));
    return state.finish();
}

runtime::Task<Result<std::unique_ptr<runtime::FileReader>>> Blobs::open(runtime::Loop& loop,
                                                                        Digest sha256) {
    co_return co_await runtime::offload(loop, pool_,
                                        [this, sha256] { return disk_.open(path_of(sha256)); });
}

runtime::Task<Result<std::string>> Blobs::read(runtime::Loop& loop, runtime::FileReader& file,
                                               std::uint64_t offset, std::size_t bytes_max) {
    co_return co_await runtime::offload(loop, pool_, [&file, offset, bytes_max] {
        std::string out(bytes_max, '\0');
        const auto got =
            file.read_at(offset, {reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
        if (!got) return Result<std::string>{pass(got.error())};
        out.resize(*got);
        return Result<std::string>{std::move(out)};
    });
}

Result<> Blobs::remove(const Digest& sha256) {
    auto removed = disk_.remove(path_of(sha256));
    if (!removed && removed.error().code == Errc::not_found) return {};
    return removed;
}

Result<bool> Blobs::has(const Digest& sha256) const {
    const auto file = disk_.open(path_of(sha256));
    if (file) return true;
    if (file.error().code == Errc::not_found) return false;
    return pass(file.error());
}

}  // namespace blotter::store
