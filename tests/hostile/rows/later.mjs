// Rows of the attack table about what Blotter does not have yet, each with what it waits for.
const waiting = (at, waits_for, ...names) => names.map((name) => ({ at, waits_for, name }));

export const rows = [
  ...waiting(52, 'pins of certificates on destinations', 'a certificate that is revoked by its pin'),
  ...waiting(55, 'client certificates on destinations', 'a client certificate with the wrong key'),
  ...waiting(58, 'inbound sources', 'a wrong, missing, short or doubled inbound signature, in equal time'),
  ...waiting(59, 'inbound sources', 'a valid inbound signature over a body that was formatted anew'),
  ...waiting(60, 'inbound sources', 'an inbound webhook that is played again'),
  ...waiting(61, 'inbound sources', 'inbound timestamps that are no times'),
  ...waiting(62, 'inbound sources', 'inbound signatures with the old and the new secret'),
  ...waiting(69, 'documents that are fetched by URL', 'a document_url that leads inside, redirects, or has no end'),
  ...waiting(72, 'exports as CSV', 'formulas in the cells of an export'),
  ...waiting(79, 'the dashboard', 'session fixation, reuse after sign-out or change of role'),
  ...waiting(80, 'the dashboard', 'guessing of passwords and of users'),
  ...waiting(81, 'the dashboard', '200 sign-ins at once'),
  ...waiting(82, 'the dashboard', 'one-time codes used twice'),
  ...waiting(83, 'the dashboard', 'tokens of an identity provider with alg none, the wrong audience or keys inside'),
  ...waiting(89, 'the dashboard', 'markup in an event id on a page'),
];
