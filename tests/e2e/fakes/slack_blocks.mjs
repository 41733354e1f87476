// Block Kit's limits, as far as they are written down: what is wrong with a message, or undefined.

const points = (text) => [...text].length;

class Wrong extends Error {
  constructor(error, message) {
    super(message);
    this.error = error;
  }
}

function must(good, message) {
  if (!good) throw new Wrong('invalid_blocks', `[ERROR] ${message}`);
}

function only(object, allowed, where) {
  must(object !== null && typeof object === 'object' && !Array.isArray(object), `must be an object ${where}`);
  for (const name of Object.keys(object)) must(allowed.includes(name), `no more fields allowed: ${name} ${where}`);
}

function text(value, { max, kinds = ['plain_text', 'mrkdwn'], min = 1 }, where) {
  only(value, ['type', 'text', 'emoji', 'verbatim'], where);
  must(kinds.includes(value.type), `unsupported type: ${value.type} ${where}`);
  must(value.emoji === undefined || value.type === 'plain_text', `emoji is for plain_text ${where}`);
  must(typeof value.text === 'string' && points(value.text) >= min, `must be longer than 0 characters ${where}`);
  must(points(value.text) <= max, `must be less than ${max + 1} characters ${where}`);
  if (value.type === 'mrkdwn') entities(value.text, where);
}

/** Control sequences and entities only; a bare bracket would be read as markup. */
function entities(value, where) {
  const rest = value.replace(/<(https?:\/\/|mailto:)[^<>|\s]+(\|[^<>|\n]*)?>/g, '')
    .replace(/&(amp|lt|gt);/g, '');
  must(!/[<>&]/.test(rest), `unescaped control characters ${where}`);
}

function address(value, where) {
  must(typeof value === 'string' && value.length <= 3000, `url longer than 3000 ${where}`);
  must(/^https?:\/\/[^\s<>|]+$/.test(value), `not a url ${where}`);
}

const elements = {
  button(e, where) {
    only(e, ['type', 'text', 'action_id', 'url', 'value', 'style', 'confirm', 'accessibility_label'], where);
    text(e.text, { max: 75, kinds: ['plain_text'] }, `${where}/text`);
    if (e.url !== undefined) address(e.url, `${where}/url`);
    if (e.value !== undefined) must(points(e.value) >= 1 && points(e.value) <= 2000, `value ${where}`);
    if (e.action_id !== undefined) must(points(e.action_id) <= 255, `action_id ${where}`);
    must([undefined, 'primary', 'danger'].includes(e.style), `style ${where}`);
  },
  image(e, where) {
    only(e, ['type', 'image_url', 'alt_text'], where);
    address(e.image_url, where);
    must(typeof e.alt_text === 'string' && points(e.alt_text) <= 2000, `alt_text ${where}`);
  },
};

const rich = {
  text(e, where) {
    only(e, ['type', 'text', 'style'], where);
    must(typeof e.text === 'string' && e.text.length > 0, `empty text ${where}`);
    if (e.style !== undefined) only(e.style, ['bold', 'italic', 'strike', 'code', 'underline'], `${where}/style`);
  },
  link(e, where) {
    only(e, ['type', 'url', 'text', 'unsafe', 'style'], where);
    address(e.url, where);
  },
  emoji(e, where) { only(e, ['type', 'name', 'unicode', 'skin_tone'], where); },
};

const blocks = {
  section(b, where) {
    only(b, ['type', 'block_id', 'text', 'fields', 'accessory', 'expand'], where);
    must(b.text !== undefined || b.fields !== undefined, `text or fields ${where}`);
    if (b.text !== undefined) text(b.text, { max: 3000 }, `${where}/text`);
    if (b.fields !== undefined) {
      must(b.fields.length >= 1 && b.fields.length <= 10, `1 to 10 fields ${where}`);
      b.fields.forEach((f, i) => text(f, { max: 2000 }, `${where}/fields/${i}`));
    }
    if (b.accessory !== undefined) element(b.accessory, `${where}/accessory`);
  },
  header(b, where) {
    only(b, ['type', 'block_id', 'text', 'level'], where);
    text(b.text, { max: 150, kinds: ['plain_text'] }, `${where}/text`);
  },
  divider(b, where) { only(b, ['type', 'block_id'], where); },
  context(b, where) {
    only(b, ['type', 'block_id', 'elements'], where);
    must(b.elements?.length >= 1 && b.elements.length <= 10, `1 to 10 elements ${where}`);
    b.elements.forEach((e, i) => (e.type === 'image' ? elements.image(e, `${where}/${i}`)
      : text(e, { max: 2000 }, `${where}/${i}`)));
  },
  actions(b, where) {
    only(b, ['type', 'block_id', 'elements'], where);
    must(b.elements?.length >= 1 && b.elements.length <= 25, `1 to 25 elements ${where}`);
    b.elements.forEach((e, i) => element(e, `${where}/elements/${i}`));
    const ids = b.elements.map((e) => e.action_id).filter(Boolean);
    must(new Set(ids).size === ids.length, `action_id twice ${where}`);
  },
  rich_text(b, where) {
    only(b, ['type', 'block_id', 'elements'], where);
    must(b.elements?.length >= 1, `elements ${where}`);
    b.elements.forEach((section, i) => {
      const at = `${where}/elements/${i}`;
      only(section, ['type', 'elements', 'style', 'indent', 'offset', 'border'], at);
      must(['rich_text_section', 'rich_text_quote', 'rich_text_preformatted'].includes(section.type), `type ${at}`);
      must(Array.isArray(section.elements), `elements ${at}`);
      section.elements.forEach((e, k) => {
        must(rich[e.type] !== undefined, `unsupported type: ${e.type} ${at}/${k}`);
        rich[e.type](e, `${at}/elements/${k}`);
      });
    });
  },
};

function element(e, where) {
  must(elements[e?.type] !== undefined, `unsupported element: ${e?.type} ${where}`);
  elements[e.type](e, where);
}

export function checkBlocks(list, where = '/blocks') {
  if (!Array.isArray(list)) throw new Wrong('invalid_blocks_format', 'blocks must be an array');
  must(list.length <= 50, `no more than 50 items allowed ${where}`);
  const ids = list.map((b) => b.block_id).filter((id) => id !== undefined);
  must(new Set(ids).size === ids.length, `block_id twice ${where}`);
  for (const id of ids) must(points(id) <= 255, `block_id ${where}`);
  list.forEach((b, i) => {
    must(blocks[b?.type] !== undefined, `unsupported type: ${b?.type} ${where}/${i}`);
    blocks[b.type](b, `${where}/${i}`);
  });
  if (JSON.stringify(list).length > 13_200) throw new Wrong('msg_blocks_too_long', 'all blocks together');
}

/** { error, messages } or undefined. */
export function checkMessage(values) {
  try {
    const { text: fallback, blocks: list, attachments, metadata } = values;
    if (!fallback && !list?.length && !attachments?.length) throw new Wrong('no_text', 'no text');
    if (fallback !== undefined) {
      if (typeof fallback !== 'string') throw new Wrong('invalid_arguments', 'text');
      if (points(fallback) > 40_000) throw new Wrong('msg_too_long', 'text');
    }
    if (list !== undefined) checkBlocks(list);
    if (attachments !== undefined) {
      if (!Array.isArray(attachments)) throw new Wrong('invalid_arguments', 'attachments');
      if (attachments.length > 100) throw new Wrong('too_many_attachments', 'attachments');
      attachments.forEach((a, i) => {
        only(a, ['color', 'fallback', 'blocks', 'text', 'pretext', 'title', 'fields', 'mrkdwn_in'], `/attachments/${i}`);
        must(a.color === undefined || /^(#[0-9a-f]{6}|good|warning|danger)$/i.test(a.color), `color /attachments/${i}`);
        if (a.blocks !== undefined) checkBlocks(a.blocks, `/attachments/${i}/blocks`);
      });
    }
    if (metadata !== undefined) {
      if (typeof metadata.event_type !== 'string' || typeof metadata.event_payload !== 'object')
        throw new Wrong('invalid_metadata_format', 'metadata');
      if (JSON.stringify(metadata).length > 8_000) throw new Wrong('metadata_too_large', 'metadata');
    }
    return undefined;
  } catch (problem) {
    if (!(problem instanceof Wrong)) throw problem;
    return { error: problem.error, messages: [problem.message] };
  }
}
