#include "disk_faults.hpp"

namespace blotter::sim {

store::Fault DiskFaults::on(store::FileOp op, std::string_view, std::uint64_t) {
    if (quiet_) return store::Fault::none;
    if (armed_ && (!armed_->op || *armed_->op == op) && armed_->after-- == 0) {
        const store::Fault fault = armed_->fault;
        armed_.reset();
        ++hits_;
        return fault;
    }
    if (op == store::FileOp::write && full_ == Full::yes) return store::Fault::disk_full;
    if (op == store::FileOp::sync && lying_) return store::Fault::lying_sync;
    return store::Fault::none;
}

bool DiskFaults::survives(std::string_view, std::uint64_t) {
    return dice_.chance(50);
}

}  // namespace blotter::sim
