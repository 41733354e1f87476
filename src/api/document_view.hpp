#pragma once

#include <map>

#include "api/accounting_settings.hpp"
#include "api/document_store.hpp"

/// What the API shows of documents.
namespace blotter::api {

/// The webhooks of the entities of some documents.
using WebhooksByEntity = std::map<std::int64_t, StoredWebhooks>;
/// Any connection.
Result<WebhooksByEntity> load_webhooks_of(sql::Connection& db, std::int64_t workspace_no,
                                          const std::vector<SealedDocument>& documents);

/// The document with its entity, and whether it can be sent, with the reason when not.
json::Value view_of(const documents::Document& document, const routing::Directory& directory,
                    const StoredWebhooks& webhooks);
/// The same inside a transaction.
Result<json::Value> view_in(store::Tx& tx, WriterSide& side, const documents::Document& document);

}  // namespace blotter::api
