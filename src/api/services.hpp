#pragma once

#include <string>

#include "api/caller_limits.hpp"
#include "api/disk_space.hpp"
#include "api/event_probe.hpp"
#include "api/metadata_schemas.hpp"
#include "config/settings.hpp"
#include "connectors/links.hpp"
#include "connectors/posting.hpp"
#include "delivery/hub.hpp"
#include "delivery/scribe.hpp"
#include "intake/intake.hpp"
#include "ledger/sealer.hpp"
#include "observe/health.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"
#include "routing/directory.hpp"
#include "runtime/loop.hpp"
#include "security/egress.hpp"
#include "store/blobs.hpp"
#include "store/reader.hpp"
#include "store/writer.hpp"

namespace blotter::api {

class RequestLog;
struct SlackSide;

/// What belongs to the writer's thread: used inside `store::write` work only.
struct WriterSide {
    intake::Intake& intake;
    delivery::Scribe& scribe;
    /// Also the random numbers of that thread, for keys and secrets.
    security::RandomSource& random;
    const store::Blobs& blobs;
    EventProbe& events;  ///< to count with; from any thread
    /// A number that no other run of the program has.
    std::int64_t process = 0;

    intake::Keyring& keys() { return intake.parts().keys; }
    intake::DirectoryHolder& directory() { return intake.parts().directory; }
    store::DeliveryNumbers& delivery_numbers() { return intake.delivery_numbers(); }
    runtime::Clock& clock() { return intake.parts().clock; }
    runtime::Entropy& entropy() { return intake.parts().entropy; }
};

/// Everything that request handlers work with, on one loop.
struct Services {
    runtime::Loop& loop;
    runtime::Entropy& entropy;
    runtime::Offload& offload;
    store::Writer& writer;
    store::Reader& reader;
    store::Blobs& blobs;
    WriterSide& writer_side;
    intake::Keyring& keys;  ///< this loop's own
    delivery::Hub& hub;
    const security::EgressGuard& guard;
    const connectors::LinkSigner& links;
    const config::Settings& settings;
    observe::Logger& log;
    const observe::MetricsPage& metrics;
    const observe::Health& health;
    security::Secret& cursor_key;
    const ledger::Sealer& sealer;  ///< for verifier keys only
    const DiskSpace& space;
    CallerLimits& limits;  ///< of all loops together
    std::string version;
    routing::DirectoryPtr directory;  ///< the latest that this loop was told of
    MetadataSchemas metadata_schemas{};
    SlackSide* slack = nullptr;         ///< set before anything is served
    RequestLog* request_log = nullptr;  ///< null: requests are not kept
    std::string public_url{};           ///< how others reach this installation
    connectors::PostingConnectors* postings = nullptr;
    std::size_t postings_under_way = 0;
};

}  // namespace blotter::api
