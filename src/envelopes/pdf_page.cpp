#include "envelopes/pdf_page.hpp"

#include <cairo-pdf.h>
#include <pango/pangocairo.h>

#include <fmt/format.h>

namespace blotter::envelopes {
namespace {

// Points (1/72 inch) on A4.
constexpr double page_width = 595.28;
constexpr double page_height = 841.89;
constexpr double margin = 56;
constexpr double text_width = page_width - 2 * margin;
constexpr double text_bottom = page_height - margin - 24;
constexpr double name_width = 120;

template <typename T, auto free_it>
struct Freed {
    void operator()(T* object) const { free_it(object); }
};
using Surface = std::unique_ptr<cairo_surface_t, Freed<cairo_surface_t, cairo_surface_destroy>>;
using Context = std::unique_ptr<cairo_t, Freed<cairo_t, cairo_destroy>>;
using Font =
    std::unique_ptr<PangoFontDescription, Freed<PangoFontDescription, pango_font_description_free>>;
using Layout = std::unique_ptr<PangoLayout, Freed<void, g_object_unref>>;

cairo_status_t append_to(void* out, const unsigned char* data, unsigned length) {
    static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(data), length);
    return CAIRO_STATUS_SUCCESS;
}

struct Style {
    const char* font;
    double left = 0;
    double width = text_width;
    double space_before = 0;
    double gray = 0;
    PangoWrapMode wrap = PANGO_WRAP_WORD_CHAR;
};

}  // namespace

struct PdfReport::Impl {
    Options options;
    std::string out;
    Surface surface;
    Context cr;
    double y = margin;
    int page = 1;

    explicit Impl(Options given)
        : options(std::move(given)),
          surface(cairo_pdf_surface_create_for_stream(append_to, &out, page_width, page_height)),
          cr(cairo_create(surface.get())) {
        const auto set = [&](cairo_pdf_metadata_t key, const std::string& value) {
            cairo_pdf_surface_set_metadata(surface.get(), key, value.c_str());
        };
        set(CAIRO_PDF_METADATA_TITLE, options.title);
        set(CAIRO_PDF_METADATA_SUBJECT, options.subject);
        set(CAIRO_PDF_METADATA_CREATOR, "Blotter");
        set(CAIRO_PDF_METADATA_CREATE_DATE, to_rfc3339(options.created_at).substr(0, 19) + "Z");
    }

    Layout layout(std::string_view text, const Style& style) {
        Layout made{pango_cairo_create_layout(cr.get())};
        const Font font{pango_font_description_from_string(style.font)};
        pango_layout_set_font_description(made.get(), font.get());
        pango_layout_set_width(made.get(), static_cast<int>(style.width * PANGO_SCALE));
        pango_layout_set_wrap(made.get(), style.wrap);
        pango_layout_set_text(made.get(), text.data(), static_cast<int>(text.size()));
        return made;
    }

    void footer() {
        const Layout line = layout(fmt::format("{}    page {}", options.footer, page),
                                   {.font = "DejaVu Sans 7", .gray = 0.4});
        cairo_set_source_rgb(cr.get(), 0.4, 0.4, 0.4);
        cairo_move_to(cr.get(), margin, page_height - margin);
        pango_cairo_show_layout(cr.get(), line.get());
    }

    void next_page() {
        footer();
        cairo_show_page(cr.get());
        ++page;
        y = margin;
    }

    /// Line by line, so that a long text goes on over pages.
    void write(std::string_view text, const Style& style) {
        const Layout made = layout(text, style);
        y += style.space_before;
        PangoLayoutIter* const lines = pango_layout_get_iter(made.get());
        do {
            PangoRectangle extent;
            pango_layout_iter_get_line_extents(lines, nullptr, &extent);
            const double height = static_cast<double>(extent.height) / PANGO_SCALE;
            if (y + height > text_bottom) next_page();
            const double base =
                static_cast<double>(pango_layout_iter_get_baseline(lines) - extent.y) / PANGO_SCALE;
            cairo_set_source_rgb(cr.get(), style.gray, style.gray, style.gray);
            cairo_move_to(cr.get(), margin + style.left, y + base);
            pango_cairo_show_layout_line(cr.get(), pango_layout_iter_get_line_readonly(lines));
            y += height;
        } while (pango_layout_iter_next_line(lines));
        pango_layout_iter_free(lines);
    }
};

PdfReport::PdfReport(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
PdfReport::~PdfReport() = default;

void PdfReport::title(std::string_view text) {
    impl_->write(text, {.font = "DejaVu Sans Bold 18"});
    impl_->y += 6;
}

void PdfReport::heading(std::string_view text) {
    // A heading alone at the foot of a page helps nobody.
    if (impl_->y > text_bottom - 60) impl_->next_page();
    impl_->write(text, {.font = "DejaVu Sans Bold 11", .space_before = 14});
    impl_->y += 3;
}

void PdfReport::paragraph(std::string_view text) {
    impl_->write(text, {.font = "DejaVu Sans 9", .space_before = 2});
}

void PdfReport::pair(std::string_view name, std::string_view value) {
    if (impl_->y > text_bottom - 14) impl_->next_page();
    const double top = impl_->y;
    const int page = impl_->page;
    impl_->write(name, {.font = "DejaVu Sans 9", .width = name_width - 8, .gray = 0.4});
    const double after_name = impl_->y;
    if (impl_->page == page) impl_->y = top;
    impl_->write(value,
                 {.font = "DejaVu Sans 9", .left = name_width, .width = text_width - name_width});
    if (impl_->page == page) impl_->y = std::max(impl_->y, after_name);
    impl_->y += 1;
}

void PdfReport::fixed(std::string_view text) {
    impl_->write(text, {.font = "DejaVu Sans Mono 7", .space_before = 1, .wrap = PANGO_WRAP_CHAR});
}

void PdfReport::gap() {
    impl_->y += 8;
}

Result<std::string> PdfReport::finish() {
    impl_->footer();
    cairo_show_page(impl_->cr.get());
    cairo_surface_finish(impl_->surface.get());
    const cairo_status_t status = cairo_surface_status(impl_->surface.get());
    if (status != CAIRO_STATUS_SUCCESS)
        return fail(Errc::internal, fmt::format("the PDF could not be written: {}",
                                                cairo_status_to_string(status)));
    return std::move(impl_->out);
}

}  // namespace blotter::envelopes
