#include "connectors/slack/book.hpp"

namespace blotter::connectors::slack {

Step next_step(const std::optional<store::SlackMessageRow>& row, const Asking& asking) {
    using State = store::SlackMessageState;
    if (!row) return Step::send;
    switch (row->state) {
        case State::sent:
        case State::folded:
            return Step::there_already;
        case State::dropped:
            return Step::not_wanted;
        case State::held:
            return Step::hold;
        case State::cleared:
        case State::failed:
        case State::waiting:
        case State::open:
            return Step::send;
        case State::sending:
            break;
    }
    // Written by a run that did not live to see the answer, or by one that lost it.
    if (row->run == asking.run && row->destination_no != asking.mine) return Step::carried;
    const bool once_more = asking.policy == AmbiguityPolicy::resend_once && row->tries < 2;
    return once_more ? Step::send : Step::hold;
}

}  // namespace blotter::connectors::slack
