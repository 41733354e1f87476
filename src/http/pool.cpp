#include "http/pool.hpp"

#include <algorithm>

namespace blotter::http {
namespace {

constexpr std::chrono::seconds sweep_interval{5};

}  // namespace

bool Pool::is_usable(const Idle& idle, MonoTime now) const {
    const Connection& connection = *idle.connection;
    return now - idle.since < options_.idle_time && now - connection.born < options_.age_max &&
           connection.stream->is_quiet();
}

std::unique_ptr<Connection> Pool::take(const Origin& origin, const AddressCheck& check) {
    const MonoTime now = loop_.now();
    for (;;) {
        const auto found = by_key_.find(origin.pool_key());
        if (found == by_key_.end()) return nullptr;
        // An empty place of a key stays for a while: the next connection is soon there.
        if (found->second.empty()) return nullptr;
        const Place place = found->second.back();
        const bool usable = is_usable(*place, now);
        auto connection = std::move(place->connection);
        found->second.pop_back();
        idle_.erase(place);
        if (!usable) continue;
        const auto remote = connection->stream->remote();
        if (check(remote.address(), remote.port())) return connection;
    }
}

void Pool::remove(Place place) {
    const auto found = by_key_.find(*place->key);
    std::erase(found->second, place);
    idle_.erase(place);
}

void Pool::keep(const std::string& key, std::unique_ptr<Connection> connection, MonoTime now) {
    if (is_cut || options_.idle_max == 0 || options_.idle_per_origin_max == 0) return;
    if (now - connection->born >= options_.age_max) return;
    connection->input.rest();
    const auto bucket = by_key_.try_emplace(key).first;
    if (bucket->second.size() >= options_.idle_per_origin_max) remove(bucket->second.front());
    if (idle_.size() >= options_.idle_max) remove(idle_.begin());
    idle_.push_back({&bucket->first, std::move(connection), now});
    bucket->second.push_back(std::prev(idle_.end()));
    if (!armed_) arm();
}

void Pool::drop(const std::string& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    while (!found->second.empty()) remove(found->second.back());
    by_key_.erase(found);
}

void Pool::drop_all() {
    by_key_.clear();
    idle_.clear();
}

void Pool::arm() {
    armed_ = true;
    loop_.timers().at(loop_.now() + sweep_interval, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->sweep();
    });
}

void Pool::sweep() {
    armed_ = false;
    const MonoTime now = loop_.now();
    for (auto place = idle_.begin(); place != idle_.end();) {
        const auto here = place++;
        if (!is_usable(*here, now)) remove(here);
    }
    std::erase_if(by_key_, [](const auto& bucket) { return bucket.second.empty(); });
    if (!idle_.empty()) arm();
}

}  // namespace blotter::http
