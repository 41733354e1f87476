#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/entropy.hpp"
#include "runtime/loop.hpp"
#include "runtime/net.hpp"

namespace blotter::runtime {

/// What the way to a listener does to connections. Byte counts are per connection and direction;
/// "sent" is from the connecting side to the listener, "received" the other way.
struct LinkFaults {
    enum class Connect : std::uint8_t {
        accept,
        refuse,
        ignore  ///< never answers: the caller runs into its deadline
    };
    Connect connect = Connect::accept;
    std::chrono::nanoseconds latency{};             ///< one way
    std::optional<std::uint64_t> break_after_sent;  ///< then both sides find it broken
    std::optional<std::uint64_t> break_after_received;
    std::optional<std::uint64_t> stall_after_sent;  ///< later bytes never arrive
    std::optional<std::uint64_t> stall_after_received;
    /// Each read gives 1 to this many bytes, drawn from the entropy; 0: what is there.
    std::size_t read_bytes_max = 0;
    /// Handshakes fail with this instead of succeeding.
    std::optional<Error> tls_failure;
};

struct MemoryConnection;
struct MemoryListener;

/// The wires between machines that exist only in memory: every connection of a simulation or test.
/// Everything runs on one loop, and time is that loop's clock, so a run repeats exactly from its
/// seed. No bytes are encrypted: TLS costs a round trip and is otherwise only remembered.
class MemoryHub {
  public:
    MemoryHub(Loop& loop, Entropy& entropy);
    /// Breaks what is still connected, so that no task waits for it for ever.
    ~MemoryHub();
    MemoryHub(const MemoryHub&) = delete;
    MemoryHub& operator=(const MemoryHub&) = delete;

    /// For connections made from now on to `listener`, or to every one without faults of its own.
    void set_faults(const Endpoint& listener, LinkFaults faults);
    void set_default_faults(LinkFaults faults) { default_faults_ = std::move(faults); }
    /// Breaks every connection from or to the address and ends its listeners: the machine crashed.
    void crash(const IpAddress& address);
    std::size_t connections() const;
    /// How often each listener was called, refused calls included.
    std::uint64_t calls(const Endpoint& listener) const;

  private:
    friend class MemoryNetwork;
    const LinkFaults& faults_of(const Endpoint& listener) const;
    void forget_ended();

    Loop& loop_;
    Entropy& entropy_;
    LinkFaults default_faults_;
    std::map<Endpoint, LinkFaults> faults_;
    std::map<Endpoint, std::weak_ptr<MemoryListener>> listeners_;
    std::map<Endpoint, std::uint64_t> calls_;
    std::vector<std::weak_ptr<MemoryConnection>> connections_;
    std::uint16_t next_port_ = 40'000;
};

/// The network as one machine in memory sees it. The hub outlives it.
class MemoryNetwork final : public Network {
  public:
    explicit MemoryNetwork(MemoryHub& hub, IpAddress own = boost::asio::ip::address_v4::loopback());
    Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, MonoTime deadline) override;
    Task<Result<std::unique_ptr<Stream>>> start_tls(std::unique_ptr<Stream> plain,
                                                    TlsClientOptions options,
                                                    MonoTime deadline) override;
    Result<std::unique_ptr<Acceptor>> listen(ListenOptions options) override;

  private:
    MemoryHub& hub_;
    IpAddress own_;
};

/// Host names known by heart.
class MemoryResolver final : public Resolver {
  public:
    explicit MemoryResolver(Loop& loop) : loop_(loop) {}
    void set(std::string host, std::vector<IpAddress> addresses);
    void set_failure(std::string host, Error error);
    void set_latency(std::chrono::nanoseconds latency) { latency_ = latency; }
    /// How often anything was asked.
    std::uint64_t asked() const { return asked_; }

    Task<Result<std::vector<IpAddress>>> resolve(std::string host, MonoTime deadline) override;

  private:
    Loop& loop_;
    std::unordered_map<std::string, Result<std::vector<IpAddress>>> hosts_;
    std::chrono::nanoseconds latency_{};
    std::uint64_t asked_ = 0;
};

}  // namespace blotter::runtime
