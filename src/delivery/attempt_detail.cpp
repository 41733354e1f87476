#include "delivery/attempt_detail.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"

namespace blotter::delivery {
namespace {

/// Written by hand, without a tree: every attempt has one.
class DetailWriter {
  public:
    void text(std::string_view name, std::string_view value) {
        if (value.empty()) return;
        begin(name);
        json::append_quoted(out_, value);
    }
    void yes(std::string_view name) {
        begin(name);
        out_ += "true";
    }
    /// Nothing when nothing was written.
    std::string finish() {
        if (!out_.empty()) out_ += '}';
        return std::move(out_);
    }

  private:
    void begin(std::string_view name) {
        out_ += out_.empty() ? '{' : ',';
        json::append_quoted(out_, name);
        out_ += ':';
    }
    std::string out_;
};

bool is_of(const store::AttemptForm& form, const Attempt& a) {
    return form.request == a.request && form.address == a.address &&
           form.tls_version == a.tls_version && form.tls_cipher == a.tls_cipher &&
           form.peer_certificate_sha256 == a.peer_certificate_sha256;
}

}  // namespace

store::AttemptFormPtr AttemptForms::find(const Attempt& attempt, std::int64_t destination_no) {
    const auto found =
        std::ranges::find_if(kept_, [&](const auto& form) { return is_of(*form, attempt); });
    if (found != kept_.end()) {
        std::rotate(kept_.begin(), found, found + 1);
        return kept_.front();
    }
    auto made = std::make_shared<store::AttemptForm>();
    made->destination_no = destination_no;
    made->request = attempt.request;
    made->address = attempt.address;
    made->tls_version = attempt.tls_version;
    made->tls_cipher = attempt.tls_cipher;
    made->peer_certificate_sha256 = attempt.peer_certificate_sha256;
    if (kept_.size() == kept_max) kept_.pop_back();
    kept_.insert(kept_.begin(), std::move(made));
    return kept_.front();
}

std::string rest_of(const Attempt& attempt) {
    DetailWriter out;
    out.text("error", attempt.error);
    out.text("answer_type", attempt.answer_type);
    // Answers are kept as they came; what is no text is kept as base64.
    if (find_invalid_utf8(attempt.answer))
        out.text("answer_base64", to_base64(as_bytes(attempt.answer)));
    else
        out.text("answer", attempt.answer);
    if (attempt.answer_cut) out.yes("answer_cut");
    return out.finish();
}

}  // namespace blotter::delivery
