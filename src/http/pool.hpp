#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "http/client.hpp"
#include "http/input_buffer.hpp"

/// Internal to the room: kept connections of the client.
namespace blotter::http {

/// One connection to another machine, with what was read from it and not yet used.
struct Connection {
    std::unique_ptr<runtime::Stream> stream;
    std::shared_ptr<const runtime::TlsInfo> tls;
    InputBuffer input;
    MonoTime born{};
};

/// An exchange under way, with its connection once it has one; found by `Client::cut`.
struct Running
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    std::unique_ptr<Connection> connection;
};
using RunningList = boost::intrusive::list<Running, boost::intrusive::constant_time_size<false>>;

/// The idle connections of one client, by origin; the one used last is taken first, the one
/// unused longest is given up first. Looks at all of them every five seconds and drops those that
/// are too old or that the other side has ended. Loop thread only.
class Pool : public std::enable_shared_from_this<Pool> {
  public:
    Pool(runtime::Loop& loop, ClientOptions options)
        : loop_(loop), options_(options), calls_(loop) {}

    /// A connection that is quiet, young enough and whose address passes the check now; null when
    /// there is none. The key contains no address: a name may have had another one then.
    std::unique_ptr<Connection> take(const Origin& origin, const AddressCheck& check);
    void keep(const std::string& key, std::unique_ptr<Connection> connection, MonoTime now);
    void drop(const std::string& key);
    void drop_all();
    std::size_t size() const { return idle_.size(); }

    RunningList& running() { return running_; }
    /// Calls to addresses, some of which end after their exchange went on with another one.
    runtime::TaskGroup& calls() { return calls_; }
    bool is_cut = false;

  private:
    struct Idle {
        const std::string* key;  // owned by by_key_
        std::unique_ptr<Connection> connection;
        MonoTime since;
    };
    using Place = std::list<Idle>::iterator;

    void remove(Place place);
    bool is_usable(const Idle& idle, MonoTime now) const;
    void arm();
    void sweep();

    runtime::Loop& loop_;
    ClientOptions options_;
    std::list<Idle> idle_;  // the longest unused first
    std::unordered_map<std::string, std::vector<Place>> by_key_;
    RunningList running_;
    bool armed_ = false;
    runtime::TaskGroup calls_;
};

}  // namespace blotter::http
