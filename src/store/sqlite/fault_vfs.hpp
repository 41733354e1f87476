#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace blotter::store {

/// What SQLite asks of the disk.
enum class FileOp : std::uint8_t { open, read, write, truncate, sync, remove };
inline constexpr std::size_t file_ops = 6;

/// What the disk does instead of what was asked.
enum class Fault : std::uint8_t {
    none,
    io_error,    ///< EIO; nothing was done
    disk_full,   ///< ENOSPC; nothing was done
    torn_write,  ///< a write: its first half is there, then EIO
    lost_sync,   ///< a sync: fails, and what was waiting will never be durable, although it can
                 ///< still be read: what Linux does with dirty pages after a failed fsync
    lying_sync,  ///< a sync: says yes and does nothing
    bit_flip,    ///< a read: one bit of the answer is wrong
    power_cut,   ///< everything stops here; see FaultVfs::power_cut
};

/// Who decides what goes wrong. Called with the file system's lock held: from any thread, one call
/// at a time. A policy that draws from a seed makes a run that replays exactly.
class FaultPolicy {
  public:
    virtual ~FaultPolicy() = default;
    /// `nth` counts the calls of this kind over all files, from 1.
    virtual Fault on(FileOp op, std::string_view path, std::uint64_t nth) = 0;
    /// At a power cut: did this unsynced sector of 512 bytes reach the disk?
    virtual bool survives(std::string_view path, std::uint64_t sector) = 0;
};

/// Nothing fails until told to; unsynced data never survives a power cut.
class ScriptedFaults final : public FaultPolicy {
  public:
    /// The nth `op` from 1, counted from the start; every one from the nth on with `Repeat::yes`.
    enum class Repeat : bool { no, yes };
    void at(FileOp op, std::uint64_t nth, Fault fault, Repeat repeat = Repeat::no);
    void clear();
    Fault on(FileOp op, std::string_view path, std::uint64_t nth) override;
    bool survives(std::string_view, std::uint64_t) override { return false; }

  private:
    struct Rule {
        FileOp op;
        std::uint64_t nth;
        Fault fault;
        Repeat repeat;
    };
    std::vector<Rule> rules_;
};

/// Faults drawn from a seed (SplitMix64), with a rate per kind in parts per million of calls.
class SeededFaults final : public FaultPolicy {
  public:
    struct Rates {
        std::uint32_t io_error_ppm = 0;
        std::uint32_t disk_full_ppm = 0;
        std::uint32_t torn_write_ppm = 0;
        std::uint32_t lost_sync_ppm = 0;
        std::uint32_t power_cut_ppm = 0;
        std::uint32_t survives_ppm = 500'000;
    };
    SeededFaults(std::uint64_t seed, Rates rates) : state_(seed), rates_(rates) {}
    Fault on(FileOp op, std::string_view path, std::uint64_t nth) override;
    bool survives(std::string_view path, std::uint64_t sector) override;

  private:
    std::uint64_t next();
    std::uint64_t state_;
    Rates rates_;
};

/// A file system in memory for SQLite (a VFS), with the faults of a real disk: what was written is
/// read back at once, but only what was synced stays after a power cut; of the rest, each sector
/// of 512 bytes stays or not as the policy says, so pages tear and writes reorder. A new file that
/// was never synced may vanish as a whole; a removal is durable at once. WAL works, also among
/// connections on several threads. Its clock stands still.
///
/// Must outlive every connection on it. Thread-safe.
class FaultVfs {
  public:
    /// Registers under `name`, which must be free. The policy outlives this.
    FaultVfs(std::string name, FaultPolicy& policy);
    ~FaultVfs();
    FaultVfs(const FaultVfs&) = delete;
    FaultVfs& operator=(const FaultVfs&) = delete;

    const std::string& name() const;
    /// Every open file fails from now on; files go back to what is durable. Open the database
    /// anew afterwards, as after a restart.
    void power_cut();
    /// Every open file fails from now on, as after kill -9: files keep what was written, locks are
    /// let go.
    void end_process();
    /// How often either of the two came, faults drawn by the policy included.
    std::uint64_t ends() const;
    /// The disk has this much room for all files together; growing beyond it is ENOSPC.
    void set_capacity(std::uint64_t bytes);
    std::uint64_t used_bytes() const;
    /// Calls of this kind so far.
    std::uint64_t count(FileOp op) const;
    bool exists(std::string_view path) const;
    /// The content as a program reads it.
    Bytes content(std::string_view path) const;
    /// Replaces the content, durably: bit rot, or a copy of a disk.
    void put(std::string_view path, Bytes content);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace blotter::store
