#include "api/document_view.hpp"

#include <fmt/format.h>

#include "documents/codec.hpp"

namespace blotter::api {
namespace {

/// Why the document cannot be sent now; empty when it can. Where it would go comes first: without
/// that, sending is not offered at all.
std::string obstacle(const documents::Document& document, const routing::EntityFacts* entity,
                     const StoredWebhooks& webhooks) {
    if (entity == nullptr) return "the document's entity does not exist";
    if (const auto route = resolve_route(webhooks, *entity); !route) return route.error().detail;
    if (const auto may = documents::may_send(document); !may) return may.error().detail;
    if (document.state == DocumentState::sent)
        return "the document was sent already; a forced send goes out under the same id";
    return {};
}

}  // namespace

Result<WebhooksByEntity> load_webhooks_of(sql::Connection& db, std::int64_t workspace_no,
                                          const std::vector<SealedDocument>& documents) {
    WebhooksByEntity out;
    for (const SealedDocument& document : documents) {
        const std::int64_t entity_no = document.row.entity_no;
        if (out.contains(entity_no)) continue;
        TRY(StoredWebhooks webhooks, load_webhooks(db, {workspace_no, entity_no}));
        out.emplace(entity_no, std::move(webhooks));
    }
    return out;
}

json::Value view_of(const documents::Document& document, const routing::Directory& directory,
                    const StoredWebhooks& webhooks) {
    json::Value out = documents::to_view(document);
    json::Object& object = *out.as_object();
    const auto* entity = directory.entity(document.workspace_no, document.entity_no);
    if (entity != nullptr) object.append("entity_id", entity->id.text());
    const std::string reason = obstacle(document, entity, webhooks);
    object.append("can_send", reason.empty());
    object.append("can_send_reason", reason.empty() ? json::Value{} : json::Value{reason});
    return out;
}

Result<json::Value> view_in(store::Tx& tx, WriterSide& side, const documents::Document& document) {
    TRY(const StoredWebhooks webhooks,
        load_webhooks(tx.db(), {document.workspace_no, document.entity_no}));
    return view_of(document, side.directory().get(), webhooks);
}

}  // namespace blotter::api
