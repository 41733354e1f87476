#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "runtime/disk.hpp"
#include "runtime/entropy.hpp"
#include "runtime/loop.hpp"
#include "runtime/offload.hpp"

namespace blotter::store {

/// Bytes on disk under their SHA-256: `<root>/ab/cd…`, written once, never changed. Disk work runs
/// on the offload threads, hashing too. One object serves all loops.
class Blobs {
  public:
    struct Stored {
        Digest sha256{};
        std::uint64_t bytes = 0;
    };

    Blobs(runtime::Disk& disk, runtime::Offload& pool, std::filesystem::path root);

    /// Creates the directories and removes what interrupted uploads left behind.
    Result<> prepare();

    /// One arriving file, never held whole. Destroyed before `finish`: nothing remains.
    class Upload {
      public:
        ~Upload();
        Upload(const Upload&) = delete;
        Upload& operator=(const Upload&) = delete;
        /// Refuses with too_large as soon as more than the limit has come.
        runtime::Task<Result<>> write(runtime::Loop& loop, std::string chunk);
        /// Durable under its hash on return. The same content twice is stored once.
        runtime::Task<Result<Stored>> finish(runtime::Loop& loop);

      private:
        friend class Blobs;
        struct State;
        explicit Upload(std::shared_ptr<State> state);
        std::shared_ptr<State> state_;
    };
    runtime::Task<Result<std::unique_ptr<Upload>>> begin(runtime::Loop& loop,
                                                         runtime::Entropy& entropy,
                                                         std::uint64_t bytes_max);

    /// A whole small content at once; blocking, for offload threads and the command line.
    Result<Stored> put(std::string_view content, runtime::Entropy& entropy);

    runtime::Task<Result<std::unique_ptr<runtime::FileReader>>> open(runtime::Loop& loop,
                                                                     Digest sha256);
    /// The next piece of an open file; empty at the end.
    runtime::Task<Result<std::string>> read(runtime::Loop& loop, runtime::FileReader& file,
                                            std::uint64_t offset, std::size_t bytes_max);
    /// For erasure and retention: gone when no file refers to it any more. On the writer's thread,
    /// like the `has` of those who are about to refer to it: so that what is found is not removed.
    /// Nothing happens when it is gone already.
    Result<> remove(const Digest& sha256);
    Result<bool> has(const Digest& sha256) const;

    std::filesystem::path path_of(const Digest& sha256) const;

  private:
    runtime::Disk& disk_;
    runtime::Offload& pool_;
    std::filesystem::path root_;
};

}  // namespace blotter::store
