#include "store/tables/delivered.hpp"

#include <algorithm>
#include <bit>

#include "base/invariant.hpp"
#include "store/tables/packed.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query block_load{"delivered.load",
                                "SELECT block, count, entries FROM delivered WHERE block = ?1"};
constexpr sql::Query block_from{
    "delivered.from",
    "SELECT block, count, entries FROM delivered WHERE block >= ?1 ORDER BY block LIMIT 1"};
constexpr sql::Query block_last{"delivered.last",
                                "SELECT block FROM delivered ORDER BY block DESC LIMIT 1"};
constexpr sql::Query block_insert{
    "delivered.insert", "INSERT INTO delivered (block, count, entries) VALUES (?1, ?2, ?3)"};
constexpr sql::Query block_update{"delivered.update",
                                  "UPDATE delivered SET count = ?2, entries = ?3 WHERE block = ?1"};
constexpr sql::Query block_delete{"delivered.delete", "DELETE FROM delivered WHERE block = ?1"};

/// Two pages.
constexpr std::size_t entries_bytes_max = 8'000;

constexpr std::size_t head_bytes = 3;  // number and length

std::unexpected<Error> damaged(std::int64_t block) {
    return fail(Errc::corrupt, "row " + std::to_string(block) +
                                   " of table delivered is damaged: check the disk, and restore a "
                                   "backup");
}

std::int64_t zigzag(std::int64_t n) {
    return n >= 0 ? 2 * n : -2 * n - 1;
}
std::int64_t unzigzag(std::int64_t n) {
    return n % 2 == 0 ? n / 2 : -(n / 2) - 1;
}

/// Takes the first entry off.
struct Entry {
    std::int64_t offset = 0;
    ByteView body;
};
std::optional<Entry> take_entry(ByteView& entries) {
    if (entries.size() < head_bytes) return std::nullopt;
    const std::int64_t offset = entries[0];
    const std::size_t size = std::size_t{entries[1]} << 8 | entries[2];
    entries = entries.subspan(head_bytes);
    if (offset >= delivered_in_block || size > entries.size()) return std::nullopt;
    const Entry out{offset, entries.first(size)};
    entries = entries.subspan(size);
    return out;
}

/// Numbers in a row; once one is damaged, so are the others.
class Numbers {
  public:
    explicit Numbers(ByteView bytes) : bytes_(bytes) {}
    std::int64_t take() {
        const auto found = take_packed(bytes_);
        is_good_ = is_good_ && found;
        return is_good_ ? static_cast<std::int64_t>(*found) : 0;
    }
    bool is_good() const { return is_good_; }
    ByteView rest() const { return bytes_; }

  private:
    ByteView bytes_;
    bool is_good_ = true;
};

std::optional<Delivered> read_body(std::int64_t no, ByteView body) {
    Numbers in{body};
    Delivered out{.no = no};
    out.event_seq = in.take();
    out.destination_no = in.take();
    out.workspace_no = in.take();
    const std::int64_t created_ms = in.take();
    out.created_at = from_ms(created_ms);
    out.started_at = from_ms(created_ms + unzigzag(in.take()));
    if (!in.is_good()) return std::nullopt;
    if (in.rest().empty()) return out;
    DeliveredAttempt& attempt = out.attempt.emplace();
    attempt.took = std::chrono::microseconds{in.take()};
    attempt.outcome = static_cast<int>(in.take());
    const std::int64_t status = in.take();
    if (status > 0) attempt.status = static_cast<int>(status - 1);
    attempt.detail = in.rest();
    if (!in.is_good()) return std::nullopt;
    return out;
}

}  // namespace

Result<DeliveredBlock> DeliveredBlock::load_of(sql::Connection& db, std::int64_t delivery_no) {
    DeliveredBlock out{delivery_no / delivered_in_block};
    TRY(sql::Statement* const prepared, db.prepare(block_load));
    sql::Use use{prepared};
    sql::bind_all(*use, out.block_);
    TRY(out.is_stored_, use->step());
    if (!out.is_stored_) return out;
    out.count_ = use->integer(1);
    // One more will likely be added.
    const ByteView stored = use->blob(2);
    out.entries_.reserve(entries_bytes_max);
    out.entries_.assign(stored.begin(), stored.end());
    return out;
}

Result<std::optional<DeliveredBlock>> DeliveredBlock::load_from(sql::Connection& db,
                                                                std::int64_t block) {
    const auto read = [](const sql::Statement& s) {
        DeliveredBlock out{s.integer(0)};
        out.count_ = s.integer(1);
        out.entries_ = sql::bytes_at(s, 2);
        out.is_stored_ = true;
        return out;
    };
    return sql::one(db, block_from, read, block);
}

Result<std::vector<Delivered>> DeliveredBlock::deliveries() const {
    std::vector<Delivered> out;
    out.reserve(static_cast<std::size_t>(std::clamp<std::int64_t>(count_, 0, delivered_in_block)));
    std::uint64_t seen = 0;
    for (ByteView rest = entries_; !rest.empty();) {
        const auto entry = take_entry(rest);
        if (!entry || (seen >> entry->offset & 1) != 0) return damaged(block_);
        seen |= std::uint64_t{1} << entry->offset;
        auto delivery = read_body(begin() + entry->offset, entry->body);
        if (!delivery) return damaged(block_);
        out.push_back(*delivery);
    }
    if (std::ssize(out) != count_) return damaged(block_);
    std::ranges::sort(out, {}, &Delivered::no);
    return out;
}

Result<std::vector<Delivered>> DeliveredBlock::between(std::int64_t first, std::int64_t end) const {
    TRY(auto out, deliveries());
    std::erase_if(out, [&](const Delivered& d) { return d.no < first || d.no >= end; });
    return out;
}

Result<std::optional<Delivered>> DeliveredBlock::find(std::int64_t no) const {
    TRY(const auto found, between(no, no + 1));
    if (found.empty()) return std::nullopt;
    return found.front();
}

Result<std::uint64_t> DeliveredBlock::numbers() const {
    std::uint64_t out = 0;
    for (ByteView rest = entries_; !rest.empty();) {
        const auto entry = take_entry(rest);
        if (!entry) return damaged(block_);
        out |= std::uint64_t{1} << entry->offset;
    }
    if (std::popcount(out) != count_) return damaged(block_);
    return out;
}

bool DeliveredBlock::has_room_for(std::size_t bytes) const {
    return entries_.size() + bytes <= entries_bytes_max;
}

void DeliveredBlock::append(ByteView entry) {
    entries_.insert(entries_.end(), entry.begin(), entry.end());
    ++count_;
}

void DeliveredBlock::set(const std::vector<Delivered>& deliveries) {
    Bytes entries;
    for (const Delivered& delivery : deliveries) pack(delivery, entries);
    entries_ = std::move(entries);
    count_ = std::ssize(deliveries);
}

Result<> DeliveredBlock::save(sql::Connection& db) {
    if (is_stored_) {
        if (is_empty()) return sql::run(db, block_delete, block_);
        return sql::run(db, block_update, block_, count_, entries_);
    }
    if (is_empty()) return {};
    CHECK(sql::run(db, block_insert, block_, count_, entries_));
    is_stored_ = true;
    return {};
}

void DeliveredBlock::pack(const Delivered& delivery, Bytes& out) {
    const std::size_t begin = out.size();
    const std::int64_t created_ms = to_ms(delivery.created_at);
    out.push_back(static_cast<std::uint8_t>(delivery.no % delivered_in_block));
    out.resize(begin + head_bytes);
    pack_number(delivery.event_seq, out);
    pack_number(delivery.destination_no, out);
    pack_number(delivery.workspace_no, out);
    pack_number(created_ms, out);
    pack_number(zigzag(to_ms(delivery.started_at) - created_ms), out);
    if (delivery.attempt) {
        pack_number(delivery.attempt->took.count(), out);
        pack_number(delivery.attempt->outcome, out);
        pack_number(delivery.attempt->status ? 1 + *delivery.attempt->status : 0, out);
        out.insert(out.end(), delivery.attempt->detail.begin(), delivery.attempt->detail.end());
    }
    const std::size_t size = out.size() - begin - head_bytes;
    INVARIANT(size <= 0xffff);
    out[begin + 1] = static_cast<std::uint8_t>(size >> 8);
    out[begin + 2] = static_cast<std::uint8_t>(size & 0xff);
}

Result<Delivered> DeliveredBlock::unpack(std::int64_t block, ByteView entry) {
    const auto found = take_entry(entry);
    if (!found) return damaged(block);
    auto delivery = read_body(block * delivered_in_block + found->offset, found->body);
    if (!delivery) return damaged(block);
    return *delivery;
}

Result<std::optional<std::int64_t>> next_delivered_no(sql::Connection& db, std::int64_t from) {
    for (std::int64_t number = from / delivered_in_block;; ++number) {
        TRY(const auto block, DeliveredBlock::load_from(db, number));
        if (!block) return std::nullopt;
        TRY(std::uint64_t numbers, block->numbers());
        if (from > block->begin())
            numbers = numbers >> (from - block->begin()) << (from - block->begin());
        if (numbers != 0) return block->begin() + std::countr_zero(numbers);
        number = block->number();
    }
}

Result<std::optional<std::int64_t>> newest_delivered_no(sql::Connection& db) {
    const auto read = [](const sql::Statement& s) { return s.integer(0); };
    TRY(const auto last, sql::one(db, block_last, read));
    if (!last) return std::nullopt;
    TRY(const auto block, DeliveredBlock::load_of(db, *last * delivered_in_block));
    TRY(const std::uint64_t numbers, block.numbers());
    if (numbers == 0) return damaged(*last);
    return block.end() - 1 - std::countl_zero(numbers);
}

Result<> delete_delivered(sql::Connection& db, std::int64_t begin, std::int64_t end) {
    std::int64_t from = begin / delivered_in_block;
    for (;;) {
        TRY(auto block, DeliveredBlock::load_from(db, from));
        if (!block || block->begin() >= end) return {};
        TRY(auto deliveries, block->deliveries());
        const auto gone = std::erase_if(
            deliveries, [&](const Delivered& d) { return d.no >= begin && d.no < end; });
        if (gone > 0) {
            block->set(deliveries);
            CHECK(block->save(db));
        }
        from = block->number() + 1;
    }
}

}  // namespace blotter::store
