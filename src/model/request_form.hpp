#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace blotter {

/// The lines of a request as people may see them, in a form that is the same for each attempt of a
/// destination. For the event's id, for the second of the start, and for each value that is as
/// long as a signature (32 bytes in lower-case hex or base64, 64 bytes in base64) it has a mark, a
/// control character; the bytes of such values are an attempt's own. Immutable; any thread.
class RequestForm {
  public:
    /// What an attempt's row says already.
    struct Place {
        EventId event;
        Timestamp started_at;
    };
    struct Split;

    /// `head` is the same each time, `lines` differ. Control characters that could be taken for
    /// marks become spaces; those of HTTP have none.
    static Split split(std::string_view head, std::string_view lines, const Place& place);
    /// One without anything of an attempt's own.
    static std::shared_ptr<const RequestForm> plain(std::string_view text);

    /// Whether these are lines of this form. Then `own` is given their own bytes.
    bool take(std::string_view lines, const Place& place, std::string& own) const;

    /// As it is stored.
    const std::string& text() const { return text_; }
    /// Puts a stored form and an attempt's bytes together again. Errc::corrupt when those are too
    /// few or too many.
    static Result<std::string> join(std::string_view text, const Place& place, ByteView own);

  private:
    RequestForm(std::string text, std::size_t head_bytes)
        : text_(std::move(text)), head_bytes_(head_bytes) {}

    std::string text_;
    std::size_t head_bytes_;
};

struct RequestForm::Split {
    std::shared_ptr<const RequestForm> form;
    std::string own;
};

}  // namespace blotter
