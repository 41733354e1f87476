#include "checks.hpp"

#include <algorithm>

namespace blotter::sim {

using namespace std::chrono_literals;

namespace {

/// The longest between the moment an attempt starts and that its request is at the receiver.
constexpr std::chrono::seconds way_max{13};
/// How long the program may take to write down what it saw.
constexpr std::chrono::minutes writing_max{5};
/// For looking at what is overdue only now and then.
constexpr std::chrono::hours sweeping_max{5};

std::string bytes_of(const Uuid& id) {
    return {reinterpret_cast<const char*>(id.data()), id.size()};
}

}  // namespace

Checks::Indexed Checks::index(const Image& image) {
    Indexed out{image, {}, {}, {}, {}};
    std::map<std::string, std::uint32_t> events;
    for (std::uint32_t i = 0; i < world_.plan.events.size(); ++i)
        events[bytes_of(world_.plan.events[i].id.value)] = i;
    for (const Image::Event& event : image.events) {
        const auto known = events.find(event.id);
        if (known == events.end())
            world_.blame("P1", fmt::format("there is an event {} that nobody sent", event.seq));
        else
            out.events[event.seq] = known->second;
    }
    for (const auto& [no, row] : image.destinations)
        for (std::uint32_t i = 0; i < world_.destination_ids.size(); ++i)
            if (const auto id = DestinationId::parse(world_.destination_ids[i]);
                id && bytes_of(id->value) == row.id)
                out.destinations[no] = i;
    for (const Image::Attempt& attempt : image.attempts)
        out.attempts[attempt.delivery_no].push_back(&attempt);
    for (const Image::Delivery& row : image.deliveries) {
        const auto event = out.events.find(row.event_seq);
        const auto destination = out.destinations.find(row.destination_no);
        if (event == out.events.end() || destination == out.destinations.end()) {
            world_.blame("P2", fmt::format("delivery {} belongs to nothing", row.no));
            continue;
        }
        Rows& rows = out.pairs[{destination->second, event->second}];
        rows.all.push_back(&row);
        for (const Image::Attempt* attempt : out.attempts[row.no]) rows.attempts.push_back(attempt);
    }
    return out;
}

/// P1: what was acknowledged is there, once, and in the ledger, once.
void Checks::check_durable(const Image& image) {
    std::map<std::string, std::vector<const Image::Event*>> rows;
    for (const Image::Event& event : image.events) rows[event.id].push_back(&event);
    std::map<std::string, unsigned> leaves;  // by the text of the id
    for (const auto& [no, entries] : image.leaves)
        for (const std::string& entry : entries)
            if (entry.find(R"("k":"event.accepted")") != entry.npos)
                if (const std::size_t at = entry.find(R"("eid":")"); at != entry.npos)
                    ++leaves[entry.substr(at + 7, entry.find('"', at + 7) - at - 7)];
    for (std::uint32_t i = 0; i < world_.plan.events.size(); ++i) {
        const EventId& id = world_.plan.events[i].id;
        const auto& found = rows[bytes_of(id.value)];
        const unsigned in_ledger = leaves[id.text()];
        const bool acknowledged = world_.history.events[i].acknowledged;
        if (acknowledged && found.empty())
            world_.blame("P1", fmt::format("event {} was acknowledged and is lost", i));
        if (found.size() > 1)
            world_.blame("P1", fmt::format("event {} is there {} times", i, found.size()));
        if (in_ledger != found.size())
            world_.blame("P1", fmt::format("event {} is in the ledger {} times", i, in_ledger));
        if (found.empty()) continue;
        const auto log = image.leaves.find(found[0]->log_no);
        const auto leaf = static_cast<std::size_t>(found[0]->leaf);
        const bool there = log != image.leaves.end() && leaf < log->second.size() &&
                           log->second[leaf].find(id.text()) != std::string::npos;
        if (!there) world_.blame("P1", fmt::format("event {} is not at its leaf {}", i, leaf));
    }
}

/// The documented shape of rows: what waits is in `due`, what is held is in `held`, what is over
/// is in neither.
void Checks::check_rows(const Indexed& indexed) {
    std::map<std::int64_t, std::int64_t> due{indexed.image.due.begin(), indexed.image.due.end()};
    const std::set<std::int64_t> held{indexed.image.held.begin(), indexed.image.held.end()};
    for (const Image::Delivery& row : indexed.image.deliveries) {
        const auto waits = due.find(row.no);
        if ((waits != due.end()) != row.next_ms.has_value() ||
            (waits != due.end() && waits->second != *row.next_ms))
            world_.blame("P2", fmt::format("delivery {} and its due row disagree", row.no));
        if (held.contains(row.no) != (row.state == 4))
            world_.blame("P2", fmt::format("delivery {} and its held row disagree", row.no));
        if (row.final() && row.next_ms)
            world_.blame("P2", fmt::format("delivery {} is over and due", row.no));
        if (!row.final() && row.state != 4 && !row.next_ms)
            world_.blame("P2", fmt::format("delivery {} waits for nothing", row.no));
        check_attempts(row, indexed);
    }
    for (const auto& [pair, rows] : indexed.pairs) {
        const auto planned = std::ranges::count_if(rows.all, [](const Image::Delivery* row) {
            return row->replay_no == 0 && !row->replay_of;
        });
        if (planned != 1)
            world_.blame("P2", fmt::format("event {} has {} deliveries for destination {}",
                                           pair.second, planned, pair.first));
    }
}

/// Somebody paused or resumed the destination, which changes when its deliveries are due.
bool Checks::was_turned(std::uint32_t destination, std::int64_t from, std::int64_t to) const {
    const auto found = world_.history.turned.find(destination);
    if (found == world_.history.turned.end()) return false;
    const std::int64_t slack = (world_.history.jumped + Duration{10min}).count();
    return std::ranges::any_of(found->second, [&](Timestamp at) {
        return to_ms(at) >= from - slack && to_ms(at) <= to + slack;
    });
}

/// P2: numbered without gaps, none early, not more than planned.
void Checks::check_attempts(const Image::Delivery& row, const Indexed& indexed) {
    const auto found = indexed.attempts.find(row.no);
    const std::size_t count = found == indexed.attempts.end() ? 0 : found->second.size();
    if (count != static_cast<std::size_t>(row.attempts))
        world_.blame("P2", fmt::format("delivery {} counts {} attempts and has {}", row.no,
                                       row.attempts, count));
    if (count == 0) return;
    const std::uint32_t destination = indexed.destinations.at(row.destination_no);
    const std::vector<Duration>& schedule = world_.plan.destinations[destination].schedule;
    if (count > schedule.size())
        world_.blame("P2", fmt::format("delivery {} had {} attempts, {} are planned", row.no, count,
                                       schedule.size()));
    const auto& attempts = found->second;
    for (std::size_t i = 0; i < count && i < schedule.size(); ++i) {
        const Image::Attempt& attempt = *attempts[i];
        if (attempt.n != static_cast<std::int64_t>(i + 1))
            world_.blame("P2", fmt::format("delivery {} has an attempt {} at place {}", row.no,
                                           attempt.n, i + 1));
        const auto form = indexed.image.forms.find(attempt.form.value_or(0));
        const bool is_shown =
            form != indexed.image.forms.end() && form->second == row.destination_no;
        if (attempt.form && !is_shown)
            world_.blame("P2",
                         fmt::format("attempt {} of delivery {} names form {}, which is {}", i + 1,
                                     row.no, *attempt.form,
                                     form == indexed.image.forms.end() ? "not there"
                                                                       : "another destination's"));
        const std::int64_t planned = attempts[0]->started_ms + schedule[i].count();
        const bool early = attempt.started_ms < planned;
        if (early && !was_turned(destination, attempts[i - 1]->started_ms, attempt.started_ms))
            world_.blame("P2", fmt::format("attempt {} of delivery {} was {} ms early", i + 1,
                                           row.no, planned - attempt.started_ms));
    }
}

/// P2: a final state is final; P3: nothing comes after it.
void Checks::check_finals(const Indexed& indexed) {
    for (const Image::Delivery& row : indexed.image.deliveries) {
        if (!row.final()) {
            if (final_rows_.contains(row.no))
                world_.blame("P2", fmt::format("delivery {} was over and is not any more", row.no));
            continue;
        }
        const std::pair now{row.state, row.attempts};
        const auto [before, fresh] = final_rows_.emplace(row.no, now);
        if (!fresh && before->second != now)
            world_.blame("P2", fmt::format("delivery {} has changed after its end", row.no));
        if (row.state != 5) continue;
        const Pair pair{indexed.destinations.at(row.destination_no),
                        indexed.events.at(row.event_seq)};
        const bool seen = std::ranges::any_of(world_.history.arrivals, [&](const Arrival& a) {
            return a.destination == pair.first && a.event == pair.second && a.said_yes;
        });
        if (!seen)
            world_.blame("P2", fmt::format("event {} counts as delivered to destination {}, which "
                                           "never said yes",
                                           pair.second, pair.first));
    }
    for (const auto& [pair, rows] : indexed.pairs) {
        const bool over =
            std::ranges::all_of(rows.all, [](const Image::Delivery* row) { return row->final(); });
        if (over && !world_.history.replays.contains(pair))
            final_since_.emplace(pair, world_.clock.mono());
        else
            final_since_.erase(pair);
    }
    for (const Arrival& arrival : world_.history.arrivals) {
        const auto since = final_since_.find({arrival.destination, arrival.event});
        if (since != final_since_.end() && arrival.at > since->second + 1min)
            world_.blame("P3", fmt::format("event {} came to destination {} after its end",
                                           arrival.event, arrival.destination));
    }
}

/// P2: what is neither held nor over has time left.
void Checks::check_window(const Indexed& indexed) {
    Duration full{};
    for (const auto& [from, to] : world_.history.disk_full)
        full += std::chrono::floor<Duration>(std::min(to, world_.clock.mono()) - from);
    const std::int64_t slack =
        (world_.history.jumped + world_.history.down + full + Duration{sweeping_max}).count();
    for (const Image::Delivery& row : indexed.image.deliveries) {
        if (row.final() || row.state == 4) continue;
        const std::uint32_t destination = indexed.destinations.at(row.destination_no);
        std::int64_t begun = row.first_ms.value_or(row.created_ms);
        if (const auto turned = world_.history.turned.find(destination);
            turned != world_.history.turned.end())
            begun = std::max(begun, to_ms(turned->second.back()));
        const auto window = world_.plan.destinations[destination].schedule.back();
        if (to_ms(world_.clock.wall()) > begun + window.count() + slack)
            world_.blame("P2", fmt::format("delivery {} is in state {} after its window", row.no,
                                           row.state));
    }
}

bool Checks::ended_within(MonoTime from, MonoTime to) const {
    return std::ranges::any_of(
        world_.history.ends, [&](const ProcessEnd& end) { return end.at >= from && end.at <= to; });
}

bool Checks::is_recorded(const Arrival& arrival, const Indexed& indexed) const {
    const auto found = indexed.pairs.find({arrival.destination, arrival.event});
    if (found == indexed.pairs.end()) return false;
    const std::int64_t at = to_ms(arrival.wall);
    return std::ranges::any_of(found->second.attempts, [&](const Image::Attempt* attempt) {
        return attempt->started_ms <= at &&
               at <= attempt->started_ms + Duration{way_max}.count() + attempt->took_us / 1'000;
    });
}

/// What is written for an arrival's event and destination, for whoever looks into a finding.
std::string Checks::rows_of(const Arrival& arrival, const Indexed& indexed) {
    const auto found = indexed.pairs.find({arrival.destination, arrival.event});
    if (found == indexed.pairs.end()) return " no deliveries";
    std::string out;
    for (const Image::Delivery* row : found->second.all)
        out += fmt::format(" [delivery {} replay {} state {} attempts {} created {}]", row->no,
                           row->replay_no, row->state, row->attempts, row->created_ms);
    for (const Image::Attempt* attempt : found->second.attempts)
        out += fmt::format(" [attempt {}.{} at {} took {} us]", attempt->delivery_no, attempt->n,
                           attempt->started_ms, attempt->took_us);
    return out;
}

/// P2: what came to a receiver is an attempt that people can see.
void Checks::check_arrivals(const Indexed& indexed) {
    const MonoTime now = world_.clock.mono();
    for (const Arrival& arrival : world_.history.arrivals) {
        const MonoTime written = arrival.at + writing_max;
        if (written > now || ended_within(arrival.at, written)) continue;
        const bool disturbed = std::ranges::any_of(world_.history.disk_full,
                                                   [&](const auto& full) {
                                                       return full.first <= written &&
                                                              full.second >= arrival.at - 1min;
                                                   }) ||
                               std::ranges::any_of(world_.history.jumps, [&](MonoTime at) {
                                   return at >= arrival.at - 2min && at <= written;
                               });
        if (disturbed || is_recorded(arrival, indexed)) continue;
        if (!complained_.insert({arrival.destination, arrival.event}).second) continue;
        world_.blame(
            "P2", fmt::format("event {} came to destination {} at {:.3f} s ({} ms) without an "
                              "attempt being written; there are{}",
                              arrival.event, arrival.destination,
                              std::chrono::duration<double>{arrival.at.time_since_epoch()}.count(),
                              to_ms(arrival.wall), rows_of(arrival, indexed)));
    }
}

/// P3: after a 2xx that was seen nothing comes by itself, unless the process died before it could
/// write it down.
void Checks::check_repetitions() {
    std::map<Pair, const Arrival*> accepted;
    for (const Arrival& arrival : world_.history.arrivals) {
        const Pair pair{arrival.destination, arrival.event};
        if (world_.history.replays.contains(pair)) continue;
        const auto before = accepted.find(pair);
        if (before != accepted.end() && !ended_within(*before->second->said_yes, arrival.at) &&
            arrival.at > *before->second->said_yes)
            world_.blame("P3", fmt::format("event {} came again to destination {}, which had said "
                                           "yes",
                                           pair.second, pair.first));
        const DestinationPlan& plan = world_.plan.destinations[pair.first];
        if (arrival.said_yes &&
            *arrival.said_yes + plan.latency - arrival.at < plan.timeout - way_max)
            accepted[pair] = &arrival;
    }
}

void Checks::look(const Image& image) {
    ++looks_;
    if (image.quick_check != "ok")
        world_.blame("P1", "the database is damaged: " + image.quick_check);
    check_durable(image);
    ledger_.look(image);
    const Indexed indexed = index(image);
    if (world_.violation) return;
    check_rows(indexed);
    check_finals(indexed);
    check_window(indexed);
    check_arrivals(indexed);
    check_repetitions();
    check_order(indexed);
}

void Checks::look_at_the_end(const Image& image) {
    look(image);
    const Indexed indexed = index(image);
    for (std::uint32_t e = 0; e < world_.plan.events.size(); ++e) {
        if (!world_.history.events[e].acknowledged) {
            world_.blame("P10",
                         fmt::format("event {} was never taken, days after the last fault", e));
            continue;
        }
        for (std::uint32_t d = 0; d < world_.plan.destinations.size(); ++d) {
            const bool wanted = world_.plan.destinations[d].wants(world_.plan.events[e].type);
            const auto found = indexed.pairs.find({d, e});
            const bool there = found != indexed.pairs.end();
            if (wanted != there)
                world_.blame("P2",
                             fmt::format("event {} {} destination {}", e,
                                         wanted ? "was lost on its way to" : "was made up for", d));
            if (!there) continue;
            for (const Image::Delivery* row : found->second.all)
                if (!row->final())
                    world_.blame("P2",
                                 fmt::format("event {} has no final state for destination {}, "
                                             "it is {} ({})",
                                             e, d, row->state, row->reason));
        }
    }
}

}  // namespace blotter::sim
