#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/event_body.hpp"
#include "intake/keyring.hpp"
#include "intake/prepare.hpp"
#include "ledger/book.hpp"
#include "model/event.hpp"
#include "observe/metrics.hpp"
#include "routing/plan.hpp"
#include "runtime/clock.hpp"
#include "runtime/entropy.hpp"
#include "store/tables/delivery_numbers.hpp"
#include "store/tables/events.hpp"
#include "store/tables/keys.hpp"
#include "store/writer.hpp"

namespace blotter::intake {

/// What stands for the installation where a workspace's number is asked for.
inline constexpr std::int64_t installation_no = 0;

/// One first attempt to make now: handed to delivery after the commit, never before.
struct Fresh {
    std::shared_ptr<const connectors::EventFacts> event;
    routing::TargetPtr target;
    std::int64_t delivery_no = 0;  ///< of the row that its outcome will make
};

/// Where intake hands over what is to be sent. Called on the writer's thread.
class FreshSink {
  public:
    virtual ~FreshSink() = default;
    /// Whether first attempts for the destination should become rows at once, because too many
    /// are waiting in memory already. Any thread.
    virtual bool is_backlogged(std::int64_t destination_no) const = 0;
    /// An event was accepted and is durable; its first attempts in `fresh` are to be made. The
    /// rest of its plan has rows. Called for each event with a plan, in order of `seq`.
    virtual void accepted(std::int64_t seq, std::vector<Fresh> fresh) = 0;
    /// Rows were written that are due at `at`.
    /// `order_key` is the envelope's number for an ordered destination, else 0.
    virtual void due(std::int64_t destination_no, std::int64_t delivery_no, Timestamp at,
                     std::uint64_t order_key) = 0;
};

/// The latest configuration, on the writer's thread. Changed inside a transaction, published to
/// everybody else after its commit.
class DirectoryHolder {
  public:
    using Publish = std::function<void(routing::DirectoryPtr)>;
    DirectoryHolder(routing::DirectoryPtr initial, Publish publish)
        : current_(std::move(initial)), publish_(std::move(publish)) {}

    const routing::Directory& get() const { return staged_ ? *staged_ : *current_; }
    /// The last thing a piece of work does: nothing may fail after it.
    void change(store::Tx& tx, routing::Directory next);

  private:
    routing::DirectoryPtr current_;
    routing::DirectoryPtr staged_;
    Publish publish_;
};

struct AcceptOptions {
    std::optional<std::string> idempotency_key{};  ///< of this event
    std::optional<Digest> request_hash{};          ///< with a key or a client-set id
    std::unique_ptr<Prepared> prepared{};  ///< of it, from `prepare`; used if it still holds
};

/// The form in which an event's Idempotency-Key is stored: callers put names and addresses into
/// them.
Digest event_key_hash(std::string_view key);

struct Accepted {
    EventId id;
    std::int64_t seq = 0;
    Timestamp accepted_at;
    std::size_t deliveries = 0;
    bool repeated = false;  ///< the same again: nothing was written
};

/// The one way into the ledger: numbers an event, seals it, writes it with its leaf, its plan and
/// the rows of what cannot be sent at once. Writer's thread only.
class Intake {
  public:
    struct Parts {
        Keyring& keys;
        ledger::LogBook& book;
        DirectoryHolder& directory;
        FreshSink& sink;
        runtime::Clock& clock;
        runtime::Entropy& entropy;
    };
    explicit Intake(Parts parts) : parts_(parts) {}

    /// Errc::conflict when the id or key stands for another request. Fails before the ledger is
    /// touched, or not at all.
    Result<Accepted> accept(store::Tx& tx, std::int64_t workspace_no, EventDraft&& draft,
                            AcceptOptions options = {});

    /// Appends another kind of leaf to the workspace's log (configuration, security, erasure), or
    /// to the root log for `installation_no`.
    Result<> note(store::Tx& tx, std::int64_t workspace_no, ledger::LeafKind kind,
                  std::map<std::string, ledger::LeafValue, std::less<>> members);

    /// The commitment that goes into a leaf instead of a text about `subject` (a destination, a
    /// workspace): HMAC with a salt that is kept under a key of the subject's own, as for events.
    Result<std::string> commit_to(store::Tx& tx, std::int64_t workspace_no, const Uuid& subject,
                                  std::string_view text);

    Parts& parts() { return parts_; }
    /// Whoever makes deliveries takes their numbers here.
    store::DeliveryNumbers& delivery_numbers() { return delivery_numbers_; }

    /// Filters that could not judge an event, once per event and destination. Any thread.
    const observe::Counter& filter_errors() const { return filter_errors_; }

  private:
    Result<std::optional<Accepted>> find_repeated(store::Tx& tx, std::int64_t workspace_no,
                                                  const EventDraft& draft,
                                                  const AcceptOptions& options);
    Result<std::unique_ptr<Prepared>> settle(store::Tx& tx,
                                             const routing::WorkspaceFacts& workspace,
                                             EventDraft& draft, std::unique_ptr<Prepared> prepared,
                                             Timestamp now);
    Result<> alert_unclear(store::Tx& tx, const connectors::EventFacts& facts,
                           const Described& described);
    Result<security::DataKey> key_of(store::Tx& tx, const routing::WorkspaceFacts& workspace,
                                     const EventDraft& draft, const EventId& id);
    struct Waiting {
        std::int64_t destination_no;
        std::int64_t delivery_no;
        Timestamp at;
        std::uint64_t order_key = 0;
    };
    Result<> write_waiting(store::Tx& tx, const connectors::EventFacts& facts,
                           const std::vector<routing::TargetPtr>& plan, std::int64_t first_delivery,
                           std::vector<Fresh>& fresh, std::vector<Waiting>& due);

    Parts parts_;
    store::DeliveryNumbers delivery_numbers_;
    observe::Counter filter_errors_;
};

/// Whose data an event holds: its envelope's, its document's, or its own. Any connection.
Result<Uuid> subject_of(sql::Connection& db, const store::EventRow& event);
/// When that data was erased. Any connection.
Result<std::optional<Timestamp>> erased_at(sql::Connection& db, const store::EventRow& event);

/// An event as the store has it, with everything needed to open it.
struct SealedEvent {
    store::EventRow row;
    Uuid subject{};
    std::optional<store::SubjectKeyRow> key;
    std::vector<store::DataKeyRow> workspace_keys;
};
/// Any connection.
Result<SealedEvent> load_sealed_event(sql::Connection& db, std::int64_t seq);
/// Opens it: on the thread that owns `keys`. Errc::gone when its data was erased.
Result<connectors::EventFacts> open_event(Keyring& keys, const WorkspaceId& workspace,
                                          const SealedEvent& sealed);

}  // namespace blotter::intake
