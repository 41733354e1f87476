#pragma once

#include "connectors/slack/poster.hpp"

namespace blotter::api {

/// What the routes and tasks of Slack work with, on one loop.
struct SlackSide {
    connectors::slack::WebApi& api;
    connectors::slack::Poster& poster;
    std::string public_url;  ///< where browsers and Slack reach us
    std::int64_t run = 0;    ///< of this run of the program: whose `sending` rows are alive
};

}  // namespace blotter::api
