#include "store/sqlite/fault_vfs.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <new>

#include <sqlite3.h>

#include "base/invariant.hpp"

namespace blotter::store {

namespace {

constexpr std::uint64_t sector_bytes = 512;
constexpr std::size_t shm_locks = SQLITE_SHM_NLOCK;

void write_into(Bytes& content, std::uint64_t offset, ByteView data) {
    if (content.size() < offset + data.size()) content.resize(offset + data.size());
    std::ranges::copy(data, content.begin() + static_cast<std::ptrdiff_t>(offset));
}

/// A change that no sync has made durable yet: bytes at an offset, or (no bytes) a new length.
struct Pending {
    std::uint64_t offset;
    Bytes data;
};

struct Handle;

/// Shared memory of the connections to one database: the index of the log.
struct Shared {
    std::vector<std::unique_ptr<std::uint8_t[]>> regions;
    std::array<int, shm_locks> readers{};
    std::array<const Handle*, shm_locks> writer{};
};

struct File {
    Bytes now;
    Bytes durable;
    std::vector<Pending> pending;
    bool name_durable = false;
    // Locks of the main database file, as in lockingv3.html.
    int shared = 0;
    const Handle* reserved = nullptr;
    const Handle* exclusive = nullptr;
    std::shared_ptr<Shared> memory;
};

/// One open file, as SQLite sees it.
struct Handle {
    sqlite3_file base;  // must be first
    struct World* world = nullptr;
    std::string path;
    std::shared_ptr<File> file;
    std::shared_ptr<Shared> memory;
    std::uint64_t epoch = 0;
    int lock = SQLITE_LOCK_NONE;
    bool temporary = false;
    std::array<bool, shm_locks> reads{};
};

/// Everything that the callbacks share.
struct World {
    mutable std::mutex mutex;
    std::string name;
    FaultPolicy* policy = nullptr;
    std::map<std::string, std::shared_ptr<File>, std::less<>> files;
    std::array<std::uint64_t, file_ops> counts{};
    std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t epoch = 1;
    std::uint64_t random = 0x9E3779B97F4A7C15ULL;
    sqlite3_vfs vfs{};

    Fault draw(FileOp op, std::string_view path) {
        const std::uint64_t nth = ++counts[static_cast<std::size_t>(op)];
        const Fault fault = policy->on(op, path, nth);
        if (fault == Fault::power_cut) cut();
        return fault;
    }
    std::uint64_t used() const {
        std::uint64_t sum = 0;
        for (const auto& [path, file] : files) sum += file->now.size();
        return sum;
    }
    void cut();
    void end();
};

/// Of one unsynced write, what the disk has.
void settle(File& file, const Pending& change, FaultPolicy& policy, std::string_view path) {
    if (change.data.empty()) {
        if (policy.survives(path, change.offset / sector_bytes)) file.durable.resize(change.offset);
        return;
    }
    std::uint64_t at = change.offset;
    const std::uint64_t end = change.offset + change.data.size();
    while (at < end) {
        const std::uint64_t stop = std::min((at / sector_bytes + 1) * sector_bytes, end);
        if (policy.survives(path, at / sector_bytes))
            write_into(file.durable, at,
                       ByteView{change.data}.subspan(at - change.offset, stop - at));
        at = stop;
    }
}

void World::cut() {
    ++epoch;
    for (auto it = files.begin(); it != files.end();) {
        File& file = *it->second;
        if (!file.name_durable && !policy->survives(it->first, 0)) {
            it = files.erase(it);
            continue;
        }
        for (const Pending& change : file.pending) settle(file, change, *policy, it->first);
        // The old handles keep their own object: its shared memory must stay mapped.
        auto fresh = std::make_shared<File>();
        fresh->durable = std::move(file.durable);
        fresh->now = fresh->durable;
        fresh->name_durable = true;
        it->second = std::move(fresh);
        ++it;
    }
}

/// The old handles keep their own object: its shared memory must stay mapped.
void World::end() {
    ++epoch;
    for (auto& [path, file] : files) {
        auto fresh = std::make_shared<File>();
        fresh->now = std::move(file->now);
        fresh->durable = std::move(file->durable);
        fresh->pending = std::move(file->pending);
        fresh->name_durable = file->name_durable;
        file = std::move(fresh);
    }
}

Handle& handle_of(sqlite3_file* file) {
    return *reinterpret_cast<Handle*>(file);
}

World& world_of(sqlite3_vfs* vfs) {
    return *static_cast<World*>(vfs->pAppData);
}

int code_of(Fault fault, int io_error) {
    return fault == Fault::disk_full ? SQLITE_FULL : io_error;
}

// --- Files ---

void unlock_all(Handle& h) {
    File& f = *h.file;
    if (h.lock >= SQLITE_LOCK_SHARED) --f.shared;
    if (f.reserved == &h) f.reserved = nullptr;
    if (f.exclusive == &h) f.exclusive = nullptr;
    h.lock = SQLITE_LOCK_NONE;
}

void unmap(Handle& h) {
    if (!h.memory) return;
    for (std::size_t i = 0; i < shm_locks; ++i) {
        if (h.reads[i]) --h.memory->readers[i];
        if (h.memory->writer[i] == &h) h.memory->writer[i] = nullptr;
    }
    h.reads = {};
    h.memory.reset();
    // The first to come after the last has gone finds it empty, as on a real machine.
    if (h.file->memory.use_count() == 1) h.file->memory.reset();
}

int x_close(sqlite3_file* file) {
    Handle& h = handle_of(file);
    {
        const std::lock_guard guard{h.world->mutex};
        unmap(h);
        unlock_all(h);
    }
    h.~Handle();
    return SQLITE_OK;
}

int x_read(sqlite3_file* file, void* into, int amount, sqlite3_int64 offset) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    if (h.epoch != h.world->epoch) return SQLITE_IOERR_READ;
    const Fault fault = h.world->draw(FileOp::read, h.path);
    if (fault != Fault::none && fault != Fault::bit_flip) return SQLITE_IOERR_READ;
    const Bytes& content = h.file->now;
    const auto from = std::min(static_cast<std::size_t>(offset), content.size());
    const auto got = std::min(static_cast<std::size_t>(amount), content.size() - from);
    auto* out = static_cast<std::uint8_t*>(into);
    if (got > 0) std::memcpy(out, content.data() + from, got);
    std::memset(out + got, 0, static_cast<std::size_t>(amount) - got);
    if (fault == Fault::bit_flip && got > 0) out[got / 2] ^= 0x10;
    return got == static_cast<std::size_t>(amount) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int x_write(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    World& world = *h.world;
    if (h.epoch != world.epoch) return SQLITE_IOERR_WRITE;
    const Fault fault = world.draw(FileOp::write, h.path);
    if (fault != Fault::none && fault != Fault::torn_write)
        return code_of(fault, SQLITE_IOERR_WRITE);
    ByteView data{static_cast<const std::uint8_t*>(from), static_cast<std::size_t>(amount)};
    if (fault == Fault::torn_write) data = data.first(data.size() / 2);
    const auto at = static_cast<std::uint64_t>(offset);
    const std::uint64_t grows =
        at + data.size() > h.file->now.size() ? at + data.size() - h.file->now.size() : 0;
    if (grows > 0 && world.used() + grows > world.capacity) return SQLITE_FULL;
    write_into(h.file->now, at, data);
    if (!h.temporary) h.file->pending.push_back({at, {data.begin(), data.end()}});
    return fault == Fault::none ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    if (h.epoch != h.world->epoch) return SQLITE_IOERR_TRUNCATE;
    const Fault fault = h.world->draw(FileOp::truncate, h.path);
    if (fault != Fault::none) return SQLITE_IOERR_TRUNCATE;
    h.file->now.resize(static_cast<std::size_t>(size));
    if (!h.temporary) h.file->pending.push_back({static_cast<std::uint64_t>(size), {}});
    return SQLITE_OK;
}

int x_sync(sqlite3_file* file, int) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    if (h.epoch != h.world->epoch) return SQLITE_IOERR_FSYNC;
    const Fault fault = h.world->draw(FileOp::sync, h.path);
    if (fault == Fault::lying_sync) return SQLITE_OK;
    if (fault == Fault::lost_sync) h.file->pending.clear();
    if (fault != Fault::none) return code_of(fault, SQLITE_IOERR_FSYNC);
    for (const Pending& change : h.file->pending) {
        if (change.data.empty())
            h.file->durable.resize(change.offset);
        else
            write_into(h.file->durable, change.offset, change.data);
    }
    h.file->pending.clear();
    h.file->name_durable = true;
    return SQLITE_OK;
}

int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    if (h.epoch != h.world->epoch) return SQLITE_IOERR_FSTAT;
    *size = static_cast<sqlite3_int64>(h.file->now.size());
    return SQLITE_OK;
}

int x_lock(sqlite3_file* file, int wanted) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    if (h.epoch != h.world->epoch) return SQLITE_IOERR_LOCK;
    File& f = *h.file;
    if (wanted <= h.lock) return SQLITE_OK;
    if (f.exclusive && f.exclusive != &h) return SQLITE_BUSY;
    if (wanted == SQLITE_LOCK_SHARED) {
        ++f.shared;
    } else {
        if (f.reserved && f.reserved != &h) return SQLITE_BUSY;
        f.reserved = &h;
        if (wanted == SQLITE_LOCK_EXCLUSIVE) {
            if (f.shared > 1) return SQLITE_BUSY;
            f.exclusive = &h;
        }
    }
    h.lock = wanted;
    return SQLITE_OK;
}

int x_unlock(sqlite3_file* file, int wanted) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    if (wanted >= h.lock) return SQLITE_OK;
    File& f = *h.file;
    if (f.reserved == &h) f.reserved = nullptr;
    if (f.exclusive == &h) f.exclusive = nullptr;
    if (wanted == SQLITE_LOCK_NONE && h.lock >= SQLITE_LOCK_SHARED) --f.shared;
    h.lock = wanted;
    return SQLITE_OK;
}

int x_check_reserved(sqlite3_file* file, int* out) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    *out = h.file->reserved != nullptr ? 1 : 0;
    return SQLITE_OK;
}

int x_file_control(sqlite3_file*, int, void*) {
    return SQLITE_NOTFOUND;
}

int x_sector_size(sqlite3_file*) {
    return 4096;
}

// A torn write leaves the bytes outside its range alone, like every disk with 512-byte sectors.
int x_characteristics(sqlite3_file*) {
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// --- Shared memory ---

int x_shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    *out = nullptr;
    if (h.epoch != h.world->epoch) return SQLITE_IOERR_SHMMAP;
    if (!h.memory) {
        if (!h.file->memory) h.file->memory = std::make_shared<Shared>();
        h.memory = h.file->memory;
    }
    auto& regions = h.memory->regions;
    const auto wanted = static_cast<std::size_t>(region) + 1;
    if (regions.size() < wanted && extend == 0) return SQLITE_OK;
    while (regions.size() < wanted)
        regions.push_back(std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(size)));
    *out = regions[wanted - 1].get();
    return SQLITE_OK;
}

int x_shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    if (h.epoch != h.world->epoch) return SQLITE_IOERR_SHMLOCK;
    Shared& s = *h.memory;
    const auto first = static_cast<std::size_t>(offset);
    const auto last = first + static_cast<std::size_t>(count);
    const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        for (std::size_t i = first; i < last; ++i) {
            if (s.writer[i] == &h) s.writer[i] = nullptr;
            if (h.reads[i]) --s.readers[i];
            h.reads[i] = false;
        }
        return SQLITE_OK;
    }
    for (std::size_t i = first; i < last; ++i) {
        const bool written = s.writer[i] && s.writer[i] != &h;
        const bool read_by_others = s.readers[i] > (h.reads[i] ? 1 : 0);
        if (written || (exclusive && read_by_others)) return SQLITE_BUSY;
    }
    for (std::size_t i = first; i < last; ++i) {
        if (exclusive) {
            s.writer[i] = &h;
        } else if (!h.reads[i]) {
            h.reads[i] = true;
            ++s.readers[i];
        }
    }
    return SQLITE_OK;
}

void x_shm_barrier(sqlite3_file* file) {
    // Taking the lock orders memory among the threads.
    const std::lock_guard guard{handle_of(file).world->mutex};
}

int x_shm_unmap(sqlite3_file* file, int remove) {
    Handle& h = handle_of(file);
    const std::lock_guard guard{h.world->mutex};
    unmap(h);
    if (remove != 0) h.file->memory.reset();
    return SQLITE_OK;
}

const sqlite3_io_methods io_methods = [] {
    sqlite3_io_methods m{};
    m.iVersion = 2;
    m.xClose = x_close;
    m.xRead = x_read;
    m.xWrite = x_write;
    m.xTruncate = x_truncate;
    m.xSync = x_sync;
    m.xFileSize = x_file_size;
    m.xLock = x_lock;
    m.xUnlock = x_unlock;
    m.xCheckReservedLock = x_check_reserved;
    m.xFileControl = x_file_control;
    m.xSectorSize = x_sector_size;
    m.xDeviceCharacteristics = x_characteristics;
    m.xShmMap = x_shm_map;
    m.xShmLock = x_shm_lock;
    m.xShmBarrier = x_shm_barrier;
    m.xShmUnmap = x_shm_unmap;
    return m;
}();

// --- The file system ---

int x_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* flags_out) {
    World& world = world_of(vfs);
    out->pMethods = nullptr;
    const std::lock_guard guard{world.mutex};
    const std::string path = name ? name : "";
    const Fault fault = world.draw(FileOp::open, path);
    if (fault != Fault::none) return code_of(fault, SQLITE_CANTOPEN);
    std::shared_ptr<File> file;
    const auto known = world.files.find(path);
    if (name && known != world.files.end()) {
        file = known->second;
    } else {
        if (name && (flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
        file = std::make_shared<File>();
        if (name) world.files.emplace(path, file);
    }
    auto* h = new (out) Handle{};
    h->base.pMethods = &io_methods;
    h->world = &world;
    h->path = path;
    h->file = std::move(file);
    h->epoch = world.epoch;
    h->temporary = name == nullptr;
    if (flags_out) *flags_out = flags;
    return SQLITE_OK;
}

int x_delete(sqlite3_vfs* vfs, const char* name, int) {
    World& world = world_of(vfs);
    const std::lock_guard guard{world.mutex};
    const Fault fault = world.draw(FileOp::remove, name);
    if (fault != Fault::none) return SQLITE_IOERR_DELETE;
    const auto known = world.files.find(std::string_view{name});
    if (known == world.files.end()) return SQLITE_IOERR_DELETE_NOENT;
    world.files.erase(known);
    return SQLITE_OK;
}

int x_access(sqlite3_vfs* vfs, const char* name, int, int* out) {
    World& world = world_of(vfs);
    const std::lock_guard guard{world.mutex};
    const auto known = world.files.find(std::string_view{name});
    // Like SQLite's own: an empty log is as good as none.
    *out = known != world.files.end() && !known->second->now.empty() ? 1 : 0;
    return SQLITE_OK;
}

int x_full_path(sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}

int x_randomness(sqlite3_vfs* vfs, int size, char* out) {
    World& world = world_of(vfs);
    const std::lock_guard guard{world.mutex};
    for (int i = 0; i < size; ++i) {
        world.random = world.random * 6364136223846793005ULL + 1442695040888963407ULL;
        out[i] = static_cast<char>(world.random >> 56);
    }
    return size;
}

// Only connections that contend on several threads sleep: a simulation never gets here.
int x_sleep(sqlite3_vfs*, int microseconds) {
    sqlite3_vfs* machine = sqlite3_vfs_find(nullptr);
    return machine->xSleep(machine, microseconds);
}

int x_time(sqlite3_vfs*, sqlite3_int64* out) {
    *out = 2'460'000 * sqlite3_int64{86'400'000};  // Julian milliseconds: a day in 2023
    return SQLITE_OK;
}

int x_time_days(sqlite3_vfs*, double* out) {
    *out = 2'460'000.0;
    return SQLITE_OK;
}

int x_last_error(sqlite3_vfs*, int, char*) {
    return 0;
}

}  // namespace

struct FaultVfs::Impl : World {};

FaultVfs::FaultVfs(std::string name, FaultPolicy& policy) : impl_(std::make_unique<Impl>()) {
    INVARIANT(sqlite3_vfs_find(name.c_str()) == nullptr);
    impl_->name = std::move(name);
    impl_->policy = &policy;
    sqlite3_vfs& v = impl_->vfs;
    v.iVersion = 2;
    v.szOsFile = sizeof(Handle);
    v.mxPathname = 512;
    v.zName = impl_->name.c_str();
    v.pAppData = static_cast<World*>(impl_.get());
    v.xOpen = x_open;
    v.xDelete = x_delete;
    v.xAccess = x_access;
    v.xFullPathname = x_full_path;
    v.xRandomness = x_randomness;
    v.xSleep = x_sleep;
    v.xCurrentTime = x_time_days;
    v.xGetLastError = x_last_error;
    v.xCurrentTimeInt64 = x_time;
    INVARIANT(sqlite3_vfs_register(&v, 0) == SQLITE_OK);
}

FaultVfs::~FaultVfs() {
    sqlite3_vfs_unregister(&impl_->vfs);
}

const std::string& FaultVfs::name() const {
    return impl_->name;
}

void FaultVfs::power_cut() {
    const std::lock_guard guard{impl_->mutex};
    impl_->cut();
}

void FaultVfs::end_process() {
    const std::lock_guard guard{impl_->mutex};
    impl_->end();
}

std::uint64_t FaultVfs::ends() const {
    const std::lock_guard guard{impl_->mutex};
    return impl_->epoch - 1;
}

void FaultVfs::set_capacity(std::uint64_t bytes) {
    const std::lock_guard guard{impl_->mutex};
    impl_->capacity = bytes;
}

std::uint64_t FaultVfs::used_bytes() const {
    const std::lock_guard guard{impl_->mutex};
    return impl_->used();
}

std::uint64_t FaultVfs::count(FileOp op) const {
    const std::lock_guard guard{impl_->mutex};
    return impl_->counts[static_cast<std::size_t>(op)];
}

bool FaultVfs::exists(std::string_view path) const {
    const std::lock_guard guard{impl_->mutex};
    return impl_->files.contains(path);
}

Bytes FaultVfs::content(std::string_view path) const {
    const std::lock_guard guard{impl_->mutex};
    const auto known = impl_->files.find(path);
    return known == impl_->files.end() ? Bytes{} : known->second->now;
}

void FaultVfs::put(std::string_view path, Bytes content) {
    const std::lock_guard guard{impl_->mutex};
    auto& file = impl_->files[std::string{path}];
    if (!file) file = std::make_shared<File>();
    file->durable = content;
    file->now = std::move(content);
    file->pending.clear();
    file->name_durable = true;
}

}  // namespace blotter::store
