#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "connectors/connector.hpp"
#include "delivery/attempt_detail.hpp"
#include "delivery/dispatcher.hpp"
#include "delivery/due_queue.hpp"
#include "delivery/hub.hpp"
#include "delivery/probe.hpp"
#include "delivery/record.hpp"
#include "delivery/scribe.hpp"
#include "observe/line_allowance.hpp"
#include "observe/log.hpp"
#include "runtime/entropy.hpp"
#include "runtime/mailbox.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "store/reader.hpp"
#include "store/writer.hpp"

namespace blotter::delivery {

/// Whether deliveries may go through to a destination in its state.
Gate gate_of(const Destination& destination);

/// What an attempt came to, from what its connector reports.
Outcome judge(const connectors::AttemptReport& report, Timestamp now);

/// The I/O shell around the delivery policies on one loop: it takes what intake hands over and
/// what falls due, does what the dispatcher and the state machine say, and has every outcome
/// written. All decisions are theirs; this only carries them out.
///
/// A first attempt needs no row: it lives here until its outcome is written. What does not fit is
/// made a row. Loop thread only, except `put`.
class Engine {
  public:
    struct Parts {
        runtime::Loop& loop;
        runtime::Entropy& entropy;
        store::Writer& writer;
        store::Reader& reader;
        Scribe& scribe;         ///< used on the writer's thread only
        intake::Keyring& keys;  ///< this loop's own
        Backlogs& backlogs;
        observe::Logger& log;
        DeliveryProbe& probe;
        std::map<std::string, connectors::Connector*> connectors;  ///< by kind
    };
    struct Options {
        DispatcherLimits limits;
        std::size_t due_max = 1'000'000;
        std::uint32_t workspace_in_flight_max = 256;
        std::uint32_t jitter_percent = jitter_percent_standard;
        std::uint32_t loops = 1;  ///< of how many this is one
        std::uint32_t index = 0;  ///< and which
        /// The wall clock may be set at any time, so waiting for it is never left to one timer
        /// longer than this.
        Duration look_again{1'000};
        Duration sweep_every{60'000};
        /// With so many outcomes that could not be written yet, nothing new starts.
        std::size_t unwritten_max = 10'000;
        /// After what the store refused by itself, and nothing else, is tried once more.
        Duration unwritable_again{15'000};
    };
    /// Attempts that are started before the loop looks at anything else. Each costs up to 0.1 ms,
    /// more where a connection is opened; what comes in during a burst waits for a few of them, not
    /// for hundreds.
    static constexpr int starts_at_once = 4;
    using Letter = std::variant<intake::Fresh, Due, routing::DirectoryPtr, Erased>;

    Engine(Parts parts, Options options, routing::DirectoryPtr directory);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Begins to work: takes over what is due, holds and releases what a crash left half done.
    void start();
    /// Nothing new starts; attempts under way end and are written. Those not done at `deadline`
    /// are made again after the restart.
    runtime::Task<> stop(MonoTime deadline);

    /// From any thread.
    void put(Letter letter);

    /// Makes one attempt outside of all queues, for people who test a destination.
    runtime::Task<connectors::ReportPtr> try_out(connectors::AttemptRequest request);
    /// Where `try_out` must run.
    runtime::Loop& loop() { return parts_.loop; }

    std::uint32_t in_flight() const { return dispatcher_.in_flight(); }
    std::optional<DestinationView> view(std::int64_t destination_no);

  private:
    /// After a reading or writing that failed.
    static constexpr std::chrono::seconds patience{1};

    struct Lane {
        routing::TargetPtr target;
        Slot slot;
        Schedule schedule = Schedule::standard();
        std::uint32_t release = 0;  ///< the newest, of those under way
        AttemptForms forms;
        bool ordered() const { return target->destination.limits.order != OrderPolicy::none; }
    };
    /// A first attempt that waits or is under way. Its ref carries -1 - index.
    struct Waiting {
        intake::Fresh fresh;
        bool used = false;
        bool erased = false;
    };
    struct Loaded {
        Delivery delivery;
        bool has_row = false;  ///< a first attempt from memory has none
        std::int64_t delivery_no = 0;
        DeliveryId id;
        std::shared_ptr<const connectors::EventFacts> event;
        bool erased = false;  ///< the event's data is gone; `event` has none
    };

    // engine.cpp: letters, lanes, queues.
    void read_letters();
    void take(intake::Fresh fresh);
    void take(const Due& due);
    void take(routing::DirectoryPtr directory);
    void take(const Erased& erased);
    void add_lane(const routing::TargetPtr& target);
    void change_lane(Lane& lane, const routing::TargetPtr& target);
    void drop_lane(std::int64_t destination_no);
    void count_circuit(std::int64_t destination_no, Breaker::Change change);
    void put_back(const std::vector<Ref>& refs, Gate why);
    void shed(Lane& lane);
    Record wait_of(std::int64_t delivery_no, const Destination& destination, Timestamp until) const;
    void show_circuit(const Lane& lane);
    runtime::Task<> sweep();
    Lane* lane_at(const Slot& slot);
    Lane* lane_of(std::int64_t destination_no);
    void took_row(const Due& due, Lane& lane);
    DestinationConfig config_of(const routing::Target& target) const;
    Schedule schedule_of(const routing::Target& target) const;

    void pump();
    void pump_later();
    void pump_due(Timestamp at);
    void postpone(DueEntry entry, Duration by);
    void arm(Timestamp at);
    runtime::Task<> settle_states();
    runtime::Task<> hold_rows(std::int64_t destination_no);
    void begin_release(Lane& lane);
    runtime::Task<> release_rows(std::int64_t destination_no, std::uint32_t release);

    // refill.cpp: rows that become due, rows of ordered destinations.
    runtime::Task<> refill_due();
    runtime::Task<> refill_ordered(Refill question);

    // attempt.cpp: one delivery.
    runtime::Task<> attempt(Start start);
    /// A first attempt of what has no row yet.
    Loaded fresh(const Start& start, Timestamp at);
    runtime::Task<Result<Loaded>> load(Start start);
    runtime::Task<bool> renew_links(const Loaded& loaded, std::int64_t destination_no);
    void settle(const Start& start, const Loaded& loaded, const Destination& destination,
                connectors::AttemptReport& report);
    /// Uses the report up.
    void conclude(const Start& start, const Loaded& loaded, std::int64_t destination_no,
                  const Decision& decision, const Outcome& outcome,
                  connectors::AttemptReport& report);
    void not_started(const Start& start, const Loaded& loaded, const Decision& decision);
    void end_erased(const Start& start, const Loaded& loaded);
    void give_back(const Start& start);
    void drop(const Start& start);
    void ended(const Start& start, const End& end);
    void spill(Waiting& waiting, Timestamp at, DeliveryState state, std::string reason);
    Record record_of(const Loaded& loaded, std::int64_t destination_no) const;
    void log_attempt(const Loaded& loaded, const Destination& destination, const Decision& decision,
                     const Outcome& outcome, const connectors::AttemptReport& report);

    // writing.cpp: records on their way.
    using Batch = std::shared_ptr<const std::vector<Record>>;
    enum class Unwritten : std::uint8_t { none, open, final };

    void add(Record record);
    runtime::Task<> write_records();
    void wrote(const Batch& batch, const std::vector<Due>& due);
    void part(const Batch& batch, std::vector<Batch>& into);
    runtime::Task<> write_again();
    Unwritten unwritten(std::int64_t delivery_no) const;
    bool may_start() const { return !stopping_ && unwritten_count_ < options_.unwritten_max; }

    Timestamp now() const { return parts_.loop.clock().wall(); }
    MonoTime mono() const { return parts_.loop.now(); }

    Parts parts_;
    Options options_;
    observe::LineAllowance success_lines_{200};  ///< about attempts that succeed
    routing::DirectoryPtr directory_;
    Dispatcher dispatcher_;
    DueQueue due_;
    std::unordered_map<std::int64_t, Lane> lanes_;
    std::vector<Waiting> waiting_;
    std::vector<std::uint32_t> free_waiting_;
    std::vector<std::int64_t> destination_at_;                    ///< by slot index
    std::unordered_map<std::int64_t, std::uint64_t> order_keys_;  ///< of rows of ordered lanes
    std::unordered_set<std::int64_t> active_;     ///< rows queued in the dispatcher or under way
    std::unordered_set<std::int64_t> under_way_;  ///< of those, the ones with an attempt
    std::unordered_set<std::int64_t> open_circuits_;
    std::unordered_set<std::int64_t> erased_;  ///< events, lately: for attempts that just begin
    std::vector<Record> records_;              ///< of the next batch
    std::vector<Record> unwritable_;           ///< refused alone; tried again later
    std::size_t unwritten_count_ = 0;
    struct OnTheWay {
        std::uint32_t records = 0;
        bool final = false;
    };
    std::unordered_map<std::int64_t, OnTheWay> unwritten_rows_;  ///< what the rows do not say yet
    bool stopping_ = false;
    bool refilling_ = false;
    bool pumping_ = false;
    bool pump_posted_ = false;
    MonoTime armed_for_ = MonoTime::max();
    runtime::Timers::Handle alarm_;
    runtime::Signal to_write_;
    runtime::Mailbox<Letter> mailbox_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::delivery
