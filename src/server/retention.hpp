#pragma once

#include <functional>
#include <vector>

#include "config/settings.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "server/background.hpp"
#include "store/blobs.hpp"
#include "store/tables/common.hpp"
#include "store/writer.hpp"

namespace blotter::server {

/// What is deleted when its time is over, in the order in which a round does it: what names
/// something comes before what it names.
enum class Kept : std::uint8_t {
    requests,
    idempotency_keys,
    event_keys,
    secrets,
    attempts,
    slack_messages,
    file_accesses,
    replays,
    alerts,
    quarantine,
    events,
    envelopes,
    documents,
    files,
    blobs,
};
inline constexpr std::size_t kept_kinds = static_cast<std::size_t>(Kept::blobs) + 1;
std::string_view to_text(Kept kind);

/// What was deleted, for /metrics.
struct RetentionProbe {
    observe::CountersBy<Kept, kept_kinds> deleted;
    void show_on(observe::MetricsPage& page) const;
};

/// Deletes what is older than the settings of the section retention say: rounds of small slices,
/// each a piece of the writer's work among others, with a pause after each, so that nothing that
/// is accepted waits for more than one. Entries of the ledger are never deleted. One loop.
class Retention final : public Background {
  public:
    struct Parts {
        runtime::Loop& loop;
        store::Writer& writer;
        store::Blobs& blobs;
        observe::Logger& log;
        RetentionProbe& probe;
        const config::Settings& settings;
        std::function<std::vector<std::int64_t>()> workspaces;  ///< their numbers, now
        Duration interval{600'000};                             ///< from round to round
    };
    explicit Retention(Parts parts)
        : parts_(std::move(parts)), wake_(parts_.loop), tasks_(parts_.loop) {}

    void start() override { tasks_.spawn(run()); }
    runtime::Task<> stop() override;

    /// Files that nobody names keep their bytes for as long, in case that somebody is about to.
    static constexpr std::chrono::hours blob_grace{24};

  private:
    /// Where a round stands: which kind, of which workspace, after which row.
    struct Place {
        Kept kind = Kept::requests;
        std::int64_t workspace_no = 0;
        std::int64_t after = 0;
        std::optional<Digest> after_blob;
    };
    struct Slice {
        std::int64_t deleted = 0;
        bool more = false;
    };

    runtime::Task<> run();
    runtime::Task<> round();
    /// All slices of one kind (of one workspace). False when it is to stop.
    runtime::Task<bool> clear(Place place);
    /// On the writer's thread.
    Result<Slice> delete_slice(store::Tx& tx, Place& place) const;
    Result<Slice> delete_from_walk(sql::Connection& db, Place& place) const;
    Result<Slice> delete_blobs(sql::Connection& db, Place& place) const;
    Timestamp before(Duration age) const { return parts_.loop.clock().wall() - age; }

    Parts parts_;
    MonoTime next_blobs_{};
    bool stopping_ = false;
    runtime::Signal wake_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::server
