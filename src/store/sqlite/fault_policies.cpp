#include "store/sqlite/fault_vfs.hpp"

namespace blotter::store {

void ScriptedFaults::at(FileOp op, std::uint64_t nth, Fault fault, Repeat repeat) {
    rules_.push_back({op, nth, fault, repeat});
}

void ScriptedFaults::clear() {
    rules_.clear();
}

Fault ScriptedFaults::on(FileOp op, std::string_view, std::uint64_t nth) {
    for (const Rule& rule : rules_) {
        if (rule.op != op) continue;
        if (nth == rule.nth || (rule.repeat == Repeat::yes && nth > rule.nth)) return rule.fault;
    }
    return Fault::none;
}

std::uint64_t SeededFaults::next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

Fault SeededFaults::on(FileOp op, std::string_view, std::uint64_t) {
    auto roll = static_cast<std::uint32_t>(next() % 1'000'000);
    const auto hits = [&roll](std::uint32_t ppm) {
        if (roll < ppm) return true;
        roll -= ppm;
        return false;
    };
    if (hits(rates_.power_cut_ppm)) return Fault::power_cut;
    if (hits(rates_.io_error_ppm)) return Fault::io_error;
    if (op == FileOp::write && hits(rates_.disk_full_ppm)) return Fault::disk_full;
    if (op == FileOp::write && hits(rates_.torn_write_ppm)) return Fault::torn_write;
    if (op == FileOp::sync && hits(rates_.lost_sync_ppm)) return Fault::lost_sync;
    return Fault::none;
}

bool SeededFaults::survives(std::string_view, std::uint64_t) {
    return next() % 1'000'000 < rates_.survives_ppm;
}

}  // namespace blotter::store
