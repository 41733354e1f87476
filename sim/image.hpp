#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace blotter::sim {

/// The database as a stranger reads it: SQLite and the published columns, none of the program's
/// own code.
struct Image {
    struct Event {
        std::int64_t seq = 0;
        std::string id;  ///< 16 bytes
        std::int64_t log_no = 0;
        std::int64_t leaf = 0;
        std::int64_t accepted_ms = 0;
    };
    struct Delivery {
        std::int64_t no = 0;
        std::int64_t event_seq = 0;
        std::int64_t destination_no = 0;
        std::int64_t replay_no = 0;
        std::optional<std::int64_t> replay_of;
        int state = 0;  ///< 1 queued, 3 retrying, 4 held, 5 delivered, 6 failed, 7 cancelled
        std::int64_t attempts = 0;
        std::optional<std::int64_t> first_ms;
        std::optional<std::int64_t> next_ms;
        std::int64_t created_ms = 0;
        std::string reason;
        bool final() const { return state >= 5; }
    };
    struct Attempt {
        std::int64_t delivery_no = 0;
        std::int64_t n = 0;
        std::int64_t started_ms = 0;
        std::int64_t took_us = 0;
        int outcome = 0;
        std::optional<std::int64_t> status;
        std::optional<std::int64_t> form;  ///< what it has in common with others is kept there
    };
    struct Destination {
        std::string id;  ///< 16 bytes
        int state = 0;
    };
    struct Checkpoint {
        std::int64_t log_no = 0;
        std::uint64_t size = 0;
        std::string root;  ///< 32 bytes
        std::string note;
    };

    std::vector<Event> events;
    std::vector<Delivery> deliveries;
    std::vector<Attempt> attempts;
    std::map<std::int64_t, Destination> destinations;
    std::map<std::int64_t, std::int64_t> forms;               ///< of attempts: whose they are
    std::map<std::int64_t, std::string> origins;              ///< by number of the log
    std::map<std::int64_t, std::vector<std::string>> leaves;  ///< by number of the log, in order
    std::vector<Checkpoint> checkpoints;
    std::vector<std::pair<std::int64_t, std::int64_t>> due;  ///< delivery, when
    std::vector<std::int64_t> held;                          ///< deliveries
    std::string quick_check;
};

/// Reads it through a registered VFS. The disk must be quiet.
Result<Image> read_image(const std::string& vfs, const std::string& path);

}  // namespace blotter::sim
