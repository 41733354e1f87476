// The page on which people connect Slack and choose channels. It uses the public API with the key
// that is typed in, and keeps nothing.
#include <fmt/format.h>

#include "api/slack/pages.hpp"
#include "base/bytes.hpp"

namespace blotter::api {
namespace {

constexpr std::string_view words = R"html(
<p id="elsewhere" role="alert"></p>
<p>This takes an API key with the permission destinations:write. It is not kept: while you are at
Slack it waits in this tab. Slack asks whether Blotter may post messages and see the names of public
channels.</p>
)html";

constexpr std::string_view form = R"html(
<p><label>API key<br>
<input id="key" type="password" autocomplete="off" size="60" required></label></p>
<p><label>Workspace (ws_…), only for a key of the whole installation<br>
<input id="workspace" autocomplete="off" size="60"></label></p>
<p><button>Add to Slack</button>
<button type="button" id="open">Channels and messages</button></p>
</form>
<p id="said" role="alert"></p>
<section id="settings" hidden>
<h2>Slack workspaces</h2>
<ul id="connections"></ul>
<h2>Channels</h2>
<ul id="destinations"></ul>
<h2 id="heading"></h2>
<form id="choice">
<p><label>Slack workspace<br><select id="connection" required></select></label></p>
<p><label>Channel<br><select id="channel" required></select></label></p>
<p id="to_do" role="status"></p>
<fieldset id="types"><legend>Messages when a document is</legend>
<label><input type="checkbox" value="envelope.completed"> signed by everybody</label><br>
<label><input type="checkbox" value="envelope.declined"> declined</label><br>
<label><input type="checkbox" value="envelope.expired"> expired</label><br>
<label><input type="checkbox" value="envelope.sent"> sent</label><br>
<label><input type="checkbox" value="recipient.signed"> signed by one of the signers</label><br>
<label><input type="checkbox" value="recipient.viewed"> viewed</label>
</fieldset>
<p><label>Language<br><select id="language">
<option value="en">English</option><option value="fr">Français</option></select></label></p>
<p><button>Save</button> <button type="button" id="another">Another channel</button></p>
</form>
</section>)html";

constexpr std::string_view script = R"js(
const part = (id) => document.getElementById(id);
const say = (words) => { part('said').textContent = words; };
const make = (tag, text, more = {}) =>
  Object.assign(document.createElement(tag), { textContent: text }, more);
const boxes = () => [...part('types').querySelectorAll('input')];
const waits_max = 30;
let channels = [];
let edited;

async function call(method, path, body) {
  const headers = { authorization: 'Bearer ' + part('key').value.trim() };
  const workspace = part('workspace').value.trim();
  if (workspace) headers['blotter-workspace'] = workspace;
  if (body) headers['content-type'] = 'application/json';
  const asked = { method, headers, body: body && JSON.stringify(body) };
  let answer;
  for (let waits = 0; ; ++waits) {
    answer = await fetch('..' + path, asked).catch(() => {
      throw new Error('Blotter did not answer. Try again.');
    });
    if (method !== 'GET' || answer.status !== 503 || waits === waits_max) break;
    const seconds = Math.min(Number(answer.headers.get('retry-after')) || 1, 60);
    say('Slack lists only so many channels a minute. Going on in ' + seconds + ' s …');
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    say('');
  }
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.detail || json.title);
  return json;
}

async function all(path) {
  const found = [];
  for (let cursor = ''; cursor !== null;) {
    const page = await call('GET', path + (cursor && '?cursor=' + encodeURIComponent(cursor)));
    found.push(...page.data);
    cursor = page.next_cursor ?? null;
  }
  return found;
}

// One after the other, however fast somebody clicks.
let last = Promise.resolve();
const doing = (work) => (event) => {
  event.preventDefault();
  last = last.then(async () => {
    say('');
    await work();
  }).catch((error) => say(error.message));
};
const button = (label, work) => make('button', label, { type: 'button', onclick: doing(work) });
const line = (words, ...buttons) => {
  const item = make('li', words + ' ');
  for (const one of buttons) item.append(one, ' ');
  return item;
};

// What a state asks of people; any other is shown as it is.
const to_do_by_reason = {
  not_revoked: 'Slack could not be told: remove the app in Slack, too',
  slack_not_in_channel: 'messages wait: invite the app there with /invite',
  slack_is_archived: 'messages wait: restore the channel in Slack, or change it here',
  slack_channel_not_found: 'messages wait: Slack does not know the channel, change it here',
  slack_connection_lost: 'messages wait: connect Slack again',
  slack_disconnected: 'messages wait: connect Slack again',
  slack_message_limit_exceeded: 'messages wait: the messages of your plan at Slack are used up',
};
const connectionState = (c) => (c.state === 'lost'
  ? 'not connected any more (' + c.state_reason + '): press Add to Slack'
  : [c.state, to_do_by_reason[c.state_reason] ?? c.state_reason].filter(Boolean).join(', '));

const connectionLine = (c) => line(
  c.slack_workspace + ', ' + connectionState(c),
  ...(c.state === 'connected' ? [button('Disconnect', async () => {
    await call('POST', '/v1/slack/connections/' + c.id + '/disconnect');
    await show();
  })] : []));

const destinationLine = (d) => line(
  ['#' + d.config.channel_name, d.state, to_do_by_reason[d.state_reason] ?? d.state_reason]
    .filter(Boolean).join(', '),
  button('Change', () => edit(d)),
  button('Post a sample', async () => {
    const type = d.config.event_types.find((t) => !t.includes('*')) || 'envelope.completed';
    const trial = await call('POST', '/v1/destinations/' + d.id + '/test', { event_type: type });
    say(trial.error || 'A sample is in #' + d.config.channel_name + '.');
  }),
  ...(d.state === 'enabled' ? [] : [button('Resume', async () => {
    await call('POST', '/v1/destinations/' + d.id + '/resume');
    await show();
  })]));

async function list() {
  const connections = await all('/v1/slack/connections');
  const slack = (await all('/v1/destinations')).filter((d) => d.kind === 'slack');
  const connected = connections.filter((c) => c.state === 'connected');
  const or = (lines, words) => (lines.length > 0 ? lines : [line(words)]);
  part('connections').replaceChildren(
    ...or(connections.map(connectionLine), 'None yet: press Add to Slack.'));
  part('connection').replaceChildren(
    ...connected.map((c) => make('option', c.slack_workspace, { value: c.id })));
  part('destinations').replaceChildren(...or(slack.map(destinationLine), 'None yet.'));
  part('settings').hidden = false;
  part('choice').hidden = part('heading').hidden = connected.length === 0;
}

async function show() {
  await list();
  try {
    await edit();
  } catch (error) {
    await list();  // What Slack said may have ended the connection.
    throw error;
  }
}

async function listChannels() {
  const id = part('connection').value;
  channels = id ? await all('/v1/slack/connections/' + id + '/channels') : [];
  channels.sort((a, b) => a.name.localeCompare(b.name));
  part('channel').replaceChildren(...channels.map((c) =>
    make('option', '#' + c.name + (c.is_member ? '' : ' (invite the app)'), { value: c.id })));
}

const chosen = () => channels.find((c) => c.id === part('channel').value);
const showToDo = () => { part('to_do').textContent = chosen()?.to_do ?? ''; };

async function edit(destination) {
  edited = destination;
  const config = destination ? destination.config : { event_types: [], language: 'en' };
  part('heading').textContent = destination ? 'Change #' + config.channel_name : 'A new channel';
  if (destination) part('connection').value = config.connection_id;
  await listChannels();
  if (destination) part('channel').value = config.channel;
  for (const box of boxes()) box.checked = config.event_types.includes(box.value);
  part('language').value = config.language;
  showToDo();
}

async function save() {
  const channel = chosen();
  if (!channel) throw new Error('Choose a channel.');
  const listed = boxes().map((box) => box.value);
  const others = edited ? edited.config.event_types.filter((t) => !listed.includes(t)) : [];
  const ticked = boxes().filter((box) => box.checked).map((box) => box.value);
  const types = [...ticked, ...others];
  if (types.length === 0) throw new Error('Tick what messages are wanted about.');
  const config = { connection_id: part('connection').value, channel: channel.id,
                   event_types: types, language: part('language').value };
  if (edited) await call('PATCH', '/v1/destinations/' + edited.id, { config });
  else await call('POST', '/v1/destinations', { name: '#' + channel.name, kind: 'slack', config });
  await show();
  say(channel.to_do ? 'Saved. Before messages arrive: ' + channel.to_do : 'Saved.');
}

// The way to Slack and back leaves this page.
const waiting = ['key', 'workspace'];
part('ask').addEventListener('submit', doing(async () => {
  const { authorize_url } = await call('POST', '/v1/slack/connect', {});
  for (const id of waiting) sessionStorage.setItem('blotter_' + id, part(id).value);
  location.assign(authorize_url);
}));
part('open').addEventListener('click', doing(show));
part('another').addEventListener('click', doing(() => edit()));
part('choice').addEventListener('submit', doing(save));
part('connection').addEventListener('change', doing(async () => {
  await listChannels();
  showToDo();
}));
part('channel').addEventListener('change', showToDo);

const { home } = part('ask').dataset;
if (new URL(home).origin !== location.origin)
  part('elsewhere').append('Slack leads back to another address than this one. Use ',
                           make('a', home, { href: home }), ' instead.');
for (const id of waiting) {
  part(id).value = sessionStorage.getItem('blotter_' + id) ?? '';
  sessionStorage.removeItem('blotter_' + id);
}
if (part('key').value) doing(show)(new Event('back'));
)js";

}  // namespace

http::Response slack_connect_page(std::string_view public_url) {
    static const std::string policy =
        fmt::format("; connect-src 'self'; script-src 'sha256-{}'", to_base64(sha256(script)));
    const std::string ask =
        fmt::format("<form id=\"ask\" data-home=\"{}/slack/connect\">", escape_html(public_url));
    return make_slack_page(
        200, "Slack", fmt::format("{}{}{}<script>{}</script>", words, ask, form, script), policy);
}

}  // namespace blotter::api
