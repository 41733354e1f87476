#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/settings.hpp"
#include "observe/log.hpp"
#include "runtime/loop.hpp"
#include "server/platform.hpp"
#include "store/writer.hpp"

namespace blotter::server {

/// The running program: everything made and connected, from the store to the listeners. The only
/// place that names concrete drivers.
///
/// `open` prepares, `start` begins to serve, `stop` drains: no new connections, running requests
/// and attempts end, what they came to is written, the ledger is signed, the store is closed.
/// Used from one thread; `stop` may take as long as `shutdown.drain`.
class Node {
  public:
    struct Options {
        const config::Settings& settings;
        observe::Logger& log;
        std::string version;
        Platform& platform;
        /// Called on some thread when the store failed and the process must end.
        std::function<void()> on_broken{};
        /// Set by who drives the node in his own thread (the simulator): no threads are started,
        /// he polls the loop and drains the writer. `stop` calls this while it waits.
        std::function<void()> step{};
    };
    static Result<std::unique_ptr<Node>> open(Options options);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    Result<> start();
    void stop();
    /// Reads certificate and key again, for connections from now on; does not wait for it. When
    /// they are not usable the old ones stay, and the log and a metric say so. Without TLS nothing
    /// happens.
    void reload_certificates();

    /// Reads the key file again. When another key comes first in it than before, every key in the
    /// database is wrapped anew under that one, slice by slice between other work; gives how many
    /// were. The older key must still be in the file. Nothing happens with `keys.master`.
    Result<std::int64_t> rotate_master_key();

    /// "127.0.0.1:8427": where it listens.
    std::string address() const;
    /// "http://127.0.0.1:8427": how others reach it.
    std::string public_url() const;

    /// For who drives the node: what there is to drive.
    runtime::Loop& first_loop();
    store::Writer& writer();

  private:
    struct Impl;
    explicit Node(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace blotter::server
