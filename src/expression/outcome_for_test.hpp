#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "expression/expression.hpp"

namespace blotter::expression {

/// The data that the tests of this room and the examples of docs/expressions.md look at.
inline const json::Value& sample_event() {
    static const json::Value event =
        json::parse(R"({"id": "evt_1", "type": "envelope.completed"})").value();
    return event;
}
inline const json::Value& sample_data() {
    static const json::Value data = json::parse(R"({
      "envelope": {
        "id": "env_1",
        "name": "Contrat fournisseur",
        "completed_at": "2026-05-26T14:32:00.123Z",
        "metadata": {
          "montant_ht": 12500.10,
          "tva_taux": "20",
          "compte_comptable": "607",
          "fournisseur_id": "F-2891",
          "content-type": "contrat",
          "remise": null,
          "package": "p1"
        }
      },
      "lines": [
        {"label": "Conseil", "amount": 100.50, "account": "622"},
        {"label": "Licences", "amount": 20, "account": "651"},
        {"label": "Port", "amount": 4.40, "account": "624"}
      ],
      "recipients": [
        {"email": "a@example.com", "signed": true},
        {"email": "b@example.com", "signed": false}
      ],
      "huge": 1e300,
      "empty": []
    })")
                                        .value();
    return data;
}
inline const json::Value& sample_tables() {
    static const json::Value tables =
        json::parse(R"({"accounts": {"607": "6071", "622": "6226"}})").value();
    return tables;
}

inline Environment sample_environment() {
    return {.variables = {{"event", Kind::map},
                          {"data", Kind::map},
                          {"tables", Kind::map},
                          {"received_at", Kind::timestamp},
                          {"unbound"}}};
}

inline Bindings sample_bindings() {
    Bindings bindings;
    bindings.bind("event", sample_event())
        .bind("data", sample_data())
        .bind("tables", sample_tables())
        .bind_time("received_at", from_ms(1'779'806'000'000));
    return bindings;
}

/// The result as JSON, or "refused: …" from compile, or "error: …" from evaluate.
inline std::string outcome_of(std::string_view source,
                              const Environment& environment = sample_environment()) {
    const auto program = compile(source, environment);
    if (!program) return "refused: " + program.error().detail;
    const auto value = evaluate(*program, sample_bindings());
    return value ? json::to_text(value->to_json()) : "error: " + value.error().detail;
}

/// An expression and its result as JSON, or what the failure has to say.
struct Row {
    std::string_view source;
    std::string_view expected;   ///< JSON, or "refused" or "error"
    std::string_view also = {};  ///< a part of the failure
};

inline void check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        const std::string outcome = outcome_of(row.source);
        const bool failure = row.expected == "refused" || row.expected == "error";
        if (failure) {
            EXPECT_TRUE(outcome.starts_with(row.expected)) << row.source << " → " << outcome;
            EXPECT_NE(outcome.find(row.also), std::string::npos) << row.source << " → " << outcome;
        } else {
            EXPECT_EQ(outcome, row.expected) << row.source;
        }
    }
}

}  // namespace blotter::expression
