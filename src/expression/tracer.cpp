#include "expression/tracer.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace blotter::expression {
namespace {

/// Writes JSON until there is enough of it.
class Renderer {
  public:
    explicit Renderer(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    void put(const View& value) {
        if (full()) return;
        if (value.failed())
            out_ += value.failure().message;
        else if (const std::string_view* text = value.as_string())
            put_text(*text);
        else if (const ListView* list = value.as_list())
            put_list(*list);
        else if (const MapView* map = value.as_map())
            put_map(*map);
        else if (const bool* b = value.as_bool())
            out_ += *b ? "true" : "false";
        else if (const Decimal* number = value.as_decimal())
            out_ += number->to_text();
        else if (const Timestamp* at = value.as_time())
            out_ += to_rfc3339(*at);
        else if (const Duration* length = value.as_duration())
            out_ += seconds_text(*length);
        else if (const Kind* type = value.as_type())
            out_ += name_of(*type);
        else
            out_ += "null";
    }
    std::string take() {
        if (!full()) return std::move(out_);
        return std::string{cut_utf8(out_, bytes_max_)} + "…";
    }

  private:
    bool full() const { return out_.size() > bytes_max_; }
    void put_text(std::string_view text) {
        json::append_quoted(out_, cut_utf8(text, bytes_max_ + 1));
    }
    void put_list(const ListView& list) {
        out_ += '[';
        for (std::size_t i = 0; i < list.size() && !full(); ++i) {
            if (i > 0) out_ += ',';
            put(list.at(i));
        }
        out_ += ']';
    }
    void put_map(const MapView& map) {
        out_ += '{';
        for (std::size_t i = 0; i < map.size() && !full(); ++i) {
            if (i > 0) out_ += ',';
            put(map.key_at(i));
            out_ += ':';
            put(map.value_at(i));
        }
        out_ += '}';
    }

    std::size_t bytes_max_;
    std::string out_;
};

/// An origin is for reading; a path through endlessly long names is cut.
constexpr std::size_t origin_bytes_max = 300;

std::string below(std::string origin, std::string_view step) {
    if (origin.empty() || origin.size() > origin_bytes_max) return origin;
    origin += '/';
    origin += cut_utf8(step, origin_bytes_max);
    return origin;
}

}  // namespace

std::string rendered(const View& value, std::size_t bytes_max) {
    Renderer renderer{bytes_max};
    renderer.put(value);
    return renderer.take();
}

std::size_t Tracer::begin(const Node& node) {
    const std::size_t depth = depth_++;
    if (steps_.size() >= compiled_.limits.explain_steps_max) {
        truncated_ = true;
        return none;
    }
    const std::size_t bytes_max = compiled_.limits.explain_value_bytes_max;
    const std::string_view whole = compiled_.text_of(node);
    std::string text{cut_utf8(whole, bytes_max)};
    if (text.size() < whole.size()) text += "…";
    steps_.push_back(ExplainStep{
        .depth = depth, .offset = node.begin, .text = std::move(text), .origin = {}, .value = {}});
    return steps_.size() - 1;
}

void Tracer::end(std::size_t step, const Node& node, const View& value) {
    --depth_;
    if (step == none) return;
    ExplainStep& out = steps_[step];
    out.failed = value.failed();
    out.value = rendered(value, compiled_.limits.explain_value_bytes_max);
    if (!out.failed) out.origin = origin_of(node);
}

void Tracer::bind_item(const Node& macro, std::size_t index) {
    local_origins_[macro.slot] = below(origin_of(*macro.args[0]), std::to_string(index));
}

void Tracer::note_index(const Node& node, const View& key) {
    std::string text;
    if (key.as_string() != nullptr)
        text = cut_utf8(*key.as_string(), origin_bytes_max);
    else
        text = rendered(key, origin_bytes_max);
    const auto known = std::find_if(keys_.begin(), keys_.end(),
                                    [&](const auto& entry) { return entry.first == &node; });
    if (known != keys_.end())
        known->second = std::move(text);
    else
        keys_.emplace_back(&node, std::move(text));
}

std::string Tracer::origin_of(const Node& node) const {
    switch (node.op) {
        case Op::variable:
            return std::string{node.name};
        case Op::local:
            return local_origins_[node.slot];
        case Op::select:
            return below(origin_of(*node.args[0]), node.name);
        case Op::index:
            for (const auto& [index, key] : keys_)
                if (index == &node) return below(origin_of(*node.args[0]), key);
            return {};
        default:
            return {};
    }
}

}  // namespace blotter::expression
