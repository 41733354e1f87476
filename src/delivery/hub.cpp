#include "delivery/hub.hpp"

#include "delivery/engine.hpp"

namespace blotter::delivery {

Engine& Hub::engine_of(std::int64_t destination_no) {
    return *engines_[static_cast<std::size_t>(destination_no) % engines_.size()];
}

bool Hub::is_backlogged(std::int64_t destination_no) const {
    return backlogs_.waiting(destination_no) >= waiting_max_ || backlogs_.is_shut(destination_no);
}

void Hub::accepted(std::int64_t seq, std::vector<intake::Fresh> fresh) {
    owed_.accepted(seq, static_cast<std::uint32_t>(fresh.size()));
    for (intake::Fresh& one : fresh) {
        const std::int64_t no = one.target->destination.no;
        backlogs_.add(no);
        engine_of(no).put(std::move(one));
    }
}

void Hub::due(std::int64_t destination_no, std::int64_t delivery_no, Timestamp at,
              std::uint64_t order_key) {
    engine_of(destination_no).put(Due{destination_no, delivery_no, at, true, order_key});
}

void Hub::publish(routing::DirectoryPtr directory) {
    for (Engine* engine : engines_) engine->put(directory);
}

void Hub::erased(const std::vector<std::int64_t>& event_seqs) {
    for (Engine* engine : engines_) engine->put(Erased{event_seqs});
}

}  // namespace blotter::delivery
