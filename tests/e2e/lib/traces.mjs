// Whether anything of a person is left in a data folder.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

let people = 0;

/** Somebody whose name has a word that stands nowhere else. */
export function person() {
  people += 1;
  const word = `Quetzalcoatl${people}x${Math.random().toString(36).slice(2)}`;
  return { name: `Zoe ${word}`, email: `${word}@person.example`, phone: '+33123456789', word };
}

export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true }).map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

/** The files below a folder in which the word stands, in any of its usual encodings. */
export function findIn(folder, word) {
  const needles = [Buffer.from(word), Buffer.from(Buffer.from(word).toString('hex')), Buffer.from(word, 'utf16le')];
  return filesBelow(folder).filter((path) => {
    const bytes = readFileSync(path);
    return needles.some((needle) => bytes.includes(needle));
  });
}
