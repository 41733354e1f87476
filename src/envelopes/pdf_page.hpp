#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace blotter::envelopes {

/// A small report on A4 pages: headings, paragraphs, pairs of name and value, fixed-width blocks,
/// breaking pages by itself, with a footer on each. Text is shaped by Pango, so names in any script
/// come out right; what is given as text is never markup. One thread at a time.
class PdfReport {
  public:
    struct Options {
        std::string title;
        std::string subject;
        std::string footer;
        Timestamp created_at;
    };

    explicit PdfReport(Options options);
    ~PdfReport();
    PdfReport(const PdfReport&) = delete;
    PdfReport& operator=(const PdfReport&) = delete;

    void title(std::string_view text);
    void heading(std::string_view text);
    void paragraph(std::string_view text);
    void pair(std::string_view name, std::string_view value);
    /// Small fixed-width text, wrapped at any character: hashes, logs, notes.
    void fixed(std::string_view text);
    void gap();

    /// The finished document. Nothing may be added after it.
    Result<std::string> finish();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace blotter::envelopes
